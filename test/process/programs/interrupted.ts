// Trains for longer than anyone waits, under stopOnSignals, in as many strategies as the first argument says; the second says what
// they are at when a signal comes.
import '../../support/device';
import { isMainThread, Worker } from 'node:worker_threads';
import { type ContinualTorchError, MASPlugin, Naive, optim, passOver, Phase, type Plugin, stopOnSignals } from '../../../lib/index';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const count = Number(process.argv[2]);
const at = process.argv[3];
const { trainStream } = smallBenchmark();

/** Returns once a signal may come. */
let begun = 0;
const hasBegun = () => {
  if (++begun === count) setImmediate(() => console.log('begun'));
};

/** For ever, as a program draws them. */
async function* samples(): AsyncGenerator<number[]> {
  for (let i = 0; ; i++) {
    if (i === 10) hasBegun();
    yield await Promise.resolve([1, 2, 3, i % 5]);
  }
}

function start(): Naive {
  const model = smallModel();
  let isFirst = true;
  const waiting: Plugin = { beforeTrainingEpoch: () => (hasBegun(), new Promise((resolve) => setTimeout(resolve, 2 ** 30))) };
  return new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 1e-3 }),
    trainEpochs: 1_000_000,
    evaluator: null,
    plugins: at === 'hook' ? [waiting] : [],
    onProgress: () => {
      if (isFirst && at === 'training') hasBegun();
      isFirst = false;
    },
  });
}

async function main(): Promise<void> {
  const strategies = Array.from({ length: count }, start);
  const stopping = strategies.map((strategy) => stopOnSignals(strategy));
  if (at === 'idle') {
    const keepsAlive = setInterval(() => {}, 1000);
    await new Promise<void>((resolve) => {
      process.once('SIGTERM', () => resolve());
      console.log('begun');
    });
    clearInterval(keepsAlive);
  }
  const call = (strategy: Naive) => (at === 'update' ? new MASPlugin().updateImportance(strategy, samples()) : strategy.train(trainStream));
  const ends = await Promise.allSettled(strategies.map(call));
  for (const end of ends) {
    const error = (end as PromiseRejectedResult).reason as ContinualTorchError;
    console.log(`${error.code} ${/aborted (before|on its way)/.test(error.message)} ${(error.cause as Error).message}`);
  }
  if (at === 'idle') await passOver(strategies[0]!, [], { steps: [Phase.zeroGrad] }).catch(({ message }: Error) => console.log(message));
  for (const one of stopping) one[Symbol.dispose]();
  for (const strategy of strategies) await strategy.eval(trainStream);
  console.log(`usable, ${process.listenerCount('SIGINT')} listeners`);
}

if (at !== 'worker') void main();
else if (isMainThread) new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, { eval: true, argv: process.argv.slice(2) });
else {
  const model = smallModel();
  const strategy = new Naive({ model, optimizer: new optim.SGD(model.parameters()), evaluator: null });
  using stopping = stopOnSignals(strategy);
  void stopping;
  console.log('begun');
}
