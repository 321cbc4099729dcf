// Iterations per second of an MLP 784-512-10 with mini-batches of 128, without MAS: template HOW, which is one of
//   bare       the native phases that an iteration consists of, a whole epoch of them as one job, no strategy at all
//   strategy   a strategy to which nobody listens
//   listeners  a strategy with an empty synchronous function on every hook
import {
  benchmarkFromDatasets,
  DataLoader,
  hookNames,
  manualSeed,
  models,
  optim,
  Phase,
  type Plugin,
  SupervisedTemplate,
} from 'continual-torch';
import { native } from '../../dist/native/binding';
import type { NativeMiniBatches, NativeModule, NativeOptimizer } from '../../dist/native/types';
import * as modules from '../../dist/nn/module';
import { printResult, randomDataset, runProgram } from './workload';

const batchSize = 128;
// Long enough for V8 to have compiled what hooks run.
const warmUpEpochs = 10;
const epochs = 10;
const batches = 100;
const dataset = randomDataset(batches * batchSize, [784]);

function newModel() {
  const model = new models.SimpleMLP({ dropRate: 0 });
  return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }) };
}

async function bare(count: number): Promise<number> {
  const { model, optimizer } = newModel();
  const criterion = { weight: null, ignoreIndex: -100, labelSmoothing: 0, classes: null };
  // The published declarations do not show what is inside.
  const { nativeModule } = modules as unknown as { nativeModule: (module: typeof model) => NativeModule };
  const { handle: optimizerHandle } = optimizer as unknown as { handle: NativeOptimizer };
  const step = native.createTrainingStep(nativeModule(model), optimizerHandle, criterion, 'cpu');
  step.updateOptimizer(true, false);
  step.layOut();
  const phases = [Phase.fetch, Phase.zeroGrad, Phase.forward, Phase.criterion, Phase.backward, Phase.update];
  const unlimited = 2 ** 31;
  const start = performance.now();
  for (let epoch = 0; epoch < count; epoch++) {
    step.open();
    const loader = new DataLoader(dataset, { batchSize, shuffle: true }) as unknown as { openNative(): NativeMiniBatches };
    step.load(loader.openNative());
    const progress = await step.run(phases, true, unlimited, unlimited, 0);
    if (progress.error) throw progress.error;
    step.close();
  }
  return performance.now() - start;
}

async function strategy(count: number, plugins: Plugin[]): Promise<number> {
  const { trainStream } = benchmarkFromDatasets({ train: [dataset] });
  const trained = new SupervisedTemplate({ ...newModel(), trainMbSize: batchSize, trainEpochs: count, evaluator: null, plugins });
  const start = performance.now();
  await trained.train(trainStream);
  return performance.now() - start;
}

runProgram(async () => {
  const how = process.argv[2]!;
  const listener = Object.fromEntries(hookNames.map((name) => [name, () => {}]));
  const trainFor = (count: number) => (how === 'bare' ? bare(count) : strategy(count, how === 'listeners' ? [listener] : []));
  manualSeed(1);
  await trainFor(warmUpEpochs);
  printResult({ iterationsPerSecond: (1000 * epochs * batches) / (await trainFor(epochs)) });
});
