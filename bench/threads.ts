/**
 * How long a training step takes with a number of threads: a strategy with MAS learns its second experience (MLP 784-512-10,
 * mini-batches of 128). Median over epochs of 50 steps.
 *
 *     npx tsx bench/threads.ts                      with libtorch's default
 *     npx tsx bench/threads.ts --threads 1
 *     npx tsx bench/threads.ts --threads 1 --busy   while JavaScript computes for 8 of 10 ms
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import {
  benchmarkFromDatasets,
  getNumThreads,
  manualSeed,
  MAS,
  models,
  optim,
  setNumThreads,
  TensorDataset,
  torch,
} from '../lib/index';

const steps = 50;
const mbSize = 128;
const epochs = 8;

const dataset = (firstLabel: number) =>
  new TensorDataset(
    torch.rand([steps * mbSize, 784]),
    torch.randint(firstLabel, firstLabel + 5, [steps * mbSize], { dtype: 'int64' }),
  );

function computeFor(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { threads: { type: 'string' }, busy: { type: 'boolean' } } });
  if (values.threads !== undefined) setNumThreads(Number(values.threads));
  manualSeed(1);
  const model = new models.SimpleMLP({ hiddenSize: 512, numClasses: 10 });
  const times: number[] = [];
  let start = 0;
  const strategy = new MAS({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
    trainMbSize: mbSize,
    trainEpochs: epochs,
    evaluator: null,
    plugins: [
      {
        beforeTrainingEpoch: () => {
          start = performance.now();
        },
        afterTrainingEpoch: () => {
          times.push((performance.now() - start) / steps);
        },
      },
    ],
  });
  const timer = values.busy === true ? setInterval(() => computeFor(8), 10) : undefined;
  await strategy.train(benchmarkFromDatasets({ train: [dataset(0), dataset(5)] }).trainStream);
  clearInterval(timer);
  const second = times.slice(epochs).sort((a, b) => a - b);
  console.log(`${second[epochs / 2]!.toFixed(2)} ms a step with ${getNumThreads()} thread(s)`);
}

void main();
