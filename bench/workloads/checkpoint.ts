// What a checkpoint costs training: 11.7 million parameters with Adam and MAS (5 arrays, 234 MB), one checkpoint every 5 iterations.
// checkpoint ITERATIONS
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { benchmarkFromDatasets, CheckpointPlugin, MASPlugin, nn, optim, SupervisedTemplate } from 'continual-torch';
import { device, median, printResult, randomDataset, runProgram } from './workload';

const width = 3420;

runProgram(async () => {
  const iterations = Number(process.argv[2]);
  const folder = mkdtempSync(path.join(tmpdir(), 'continual-torch-bench-'));
  try {
    const model = new nn.Linear(width, width);
    const plugin = new CheckpointPlugin(folder, { everyIterations: 5 });
    const pauses: number[] = [];
    // For the package alone, and so not among its types.
    const hidden = plugin as unknown as { betweenIterations(strategy: object): void | Promise<void> };
    const between = hidden.betweenIterations.bind(plugin);
    hidden.betweenIterations = (strategy) => {
      const began = performance.now();
      const saving = between(strategy);
      // Training waits for this promise, and goes on while the files are written.
      return saving && saving.then(() => void pauses.push(performance.now() - began));
    };
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.Adam(model.parameters(), { lr: 1e-4 }),
      plugins: [new MASPlugin(), plugin],
      trainMbSize: 4,
      device,
      evaluator: null,
    });
    const data = (samples: number) => randomDataset(samples, [width]);
    const { trainStream } = benchmarkFromDatasets({ train: [data(8), data(4 * iterations)] });
    await strategy.train(trainStream[0]!);
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    await strategy.train(trainStream[1]!);
    delays.disable();
    printResult({ delayMilliseconds: median(pauses), worstMilliseconds: Math.max(...pauses), loopP99Milliseconds: delays.percentile(99) / 1e6 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
