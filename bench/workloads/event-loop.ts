// How long training keeps a timer waiting: a strategy with MAS learns two experiences (MLP 784-512-10, mini-batches of 128,
// accuracy and loss measured) while a timer of 10 ms runs on the same JavaScript thread.
import { accuracyMetrics, benchmarkFromDatasets, EvaluationPlugin, lossMetrics, manualSeed, MAS, models, optim } from 'continual-torch';
import { printResult, randomDataset, runProgram } from './workload';

const timerMs = 10;
const trainMbSize = 128;

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

runProgram(async () => {
  manualSeed(0);
  const model = new models.SimpleMLP();
  const levels = { epoch: true, experience: true, stream: true };
  const strategy = new MAS({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
    trainMbSize,
    trainEpochs: 3,
    lambdaReg: 0.01,
    evaluator: new EvaluationPlugin(accuracyMetrics(levels), lossMetrics(levels), { loggers: [] }),
  });
  const data = () => randomDataset(100 * trainMbSize, [784]);
  const { trainStream } = benchmarkFromDatasets({ train: [data(), data()] });

  const timer = watchTimer();
  await strategy.train(trainStream);
  const delays = timer.stop();
  printResult({ medianMs: percentile(delays, 0.5), p99Ms: percentile(delays, 0.99), worstMs: percentile(delays, 1) });
});
