// Prints, as JSON, what 2,000 training iterations leave behind; the first argument says who listens.
import '../../support/device';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { benchmarkFromDatasets, memory, models, Naive, optim, type Plugin } from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';
import { classes, features, smallDataset } from '../../support/small-runs';

const listeners: Record<string, Plugin[]> = {
  none: [],
  sync: [{ afterBackward: (strategy) => void strategy.loss.item() }],
  async: [
    {
      afterBackward: async (strategy) => {
        await nextTurn();
        strategy.loss.item();
      },
    },
  ],
};
const iterations = 2000;
const batchSize = 8;

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    global.gc!();
    await nextTurn();
  }
}

async function main(): Promise<void> {
  const model = new models.SimpleMLP({ inputSize: features, hiddenSize: 256, numClasses: classes });
  const strategy = new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 1e-3, momentum: 0.9 }),
    trainMbSize: batchSize,
    evaluator: quietEvaluator(),
    plugins: listeners[process.argv[2]!]!,
  });
  const { trainStream } = benchmarkFromDatasets({ train: [smallDataset(iterations * batchSize, [0, 1])] });
  // Allocators and the compiler reach their working size first.
  await strategy.train(trainStream);
  await settle();
  const before = { ...memory(), rss: process.memoryUsage().rss };
  await strategy.train(trainStream);
  await settle();
  const after = { ...memory(), rss: process.memoryUsage().rss };
  console.log(
    JSON.stringify({
      iterations: strategy.clock.trainIterations - iterations,
      tensors: after.numTensors - before.numTensors,
      bytes: after.numBytes - before.numBytes,
      rss: after.rss - before.rss,
    }),
  );
}

void main();
