/**
 * How long training keeps a timer waiting: a strategy with MAS learns two experiences (MLP 784-512-10, mini-batches of
 * 128) while a timer of 10 ms runs on the same JavaScript thread. Figure to reach: 99th percentile below 30 ms.
 *
 *     npm run bench                                   as text
 *     npm run --silent bench -- --json                as one JSON object
 *     npm run bench -- --listener                     with a hook inside the iteration, so that each phase is a job
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  EvaluationPlugin,
  lossMetrics,
  manualSeed,
  MAS,
  models,
  ops,
  optim,
  type Plugin,
  type Tensor,
  tensor,
  TensorDataset,
  torchVersion,
} from '../lib/index';

const timerMs = 10;
const targetP99Ms = 30;
const mbSize = 128;
const samples = 100 * mbSize;
const epochs = 3;

/** A random data set: what the numbers are does not matter to the time that they take. */
function dataset(labels: number[]): TensorDataset {
  const x = ops.aten.rand!([samples, 784]) as Tensor;
  const y = Array.from({ length: samples }, (_, i) => labels[i % labels.length]!);
  return new TensorDataset(x, tensor(y, { dtype: 'int64' }));
}

/** Runs a timer until it is stopped; `stop` returns by how much each tick came too late, in ms. */
function watchTimer(): { stop(): number[] } {
  const delays: number[] = [];
  let due = performance.now() + timerMs;
  let timer = setTimeout(tick, timerMs);
  function tick(): void {
    delays.push(Math.max(0, performance.now() - due));
    due = performance.now() + timerMs;
    timer = setTimeout(tick, timerMs);
  }
  return {
    stop() {
      // The tick that training has kept waiting until now counts as well.
      if (performance.now() > due) delays.push(performance.now() - due);
      clearTimeout(timer);
      return delays;
    },
  };
}

/** The smallest value that at least the share `p` of all values does not exceed. */
function percentile(values: number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? NaN;
}

async function main(): Promise<void> {
  const { values: options } = parseArgs({ options: { json: { type: 'boolean' }, listener: { type: 'boolean' } } });
  manualSeed(0);
  const model = new models.SimpleMLP({ inputSize: 784, hiddenSize: 512, numClasses: 10 });
  const listener: Plugin = { afterBackward: (strategy) => void strategy.loss.item() };
  const levels = { epoch: true, experience: true, stream: true };
  const strategy = new MAS({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
    trainMbSize: mbSize,
    trainEpochs: epochs,
    evaluator: new EvaluationPlugin(accuracyMetrics(levels), lossMetrics(levels), { loggers: [] }),
    plugins: options.listener ? [listener] : [],
  });
  const { trainStream } = benchmarkFromDatasets({ train: [dataset([0, 1, 2, 3, 4]), dataset([5, 6, 7, 8, 9])] });

  const timer = watchTimer();
  const begin = performance.now();
  await strategy.train(trainStream);
  const seconds = (performance.now() - begin) / 1000;
  const delays = timer.stop();

  const round = (value: number) => Math.round(value * 100) / 100;
  const result = {
    medianMs: round(percentile(delays, 0.5)),
    p99Ms: round(percentile(delays, 0.99)),
    worstMs: round(percentile(delays, 1)),
    targetP99Ms,
    ticks: delays.length,
    iterations: strategy.clock.trainIterations,
    seconds: round(seconds),
    listener: options.listener ?? false,
    torch: torchVersion,
    node: process.version,
  };
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  process.stdout.write(
    [
      `Delay of a ${timerMs} ms timer while a strategy with MAS trains (MLP 784-512-10, mini-batches of ${mbSize})`,
      `  median           ${result.medianMs.toFixed(2).padStart(8)} ms`,
      `  99th percentile  ${result.p99Ms.toFixed(2).padStart(8)} ms   (to reach: below ${targetP99Ms} ms)`,
      `  worst            ${result.worstMs.toFixed(2).padStart(8)} ms`,
      `  ${result.ticks} ticks, ${result.iterations} iterations in ${result.seconds} s; libtorch ${torchVersion}, Node.js ${process.version}`,
      '',
    ].join('\n'),
  );
}

void main();
