// Prints, as JSON, how resident memory has grown over the first and the second half of many strategies, one after another.
import '../../support/device';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { benchmarkFromDatasets, models, Naive, optim } from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';
import { classes, features, smallDataset } from '../../support/small-runs';

const count = Number(process.argv[2]);
const { trainStream } = benchmarkFromDatasets({ train: [smallDataset(16, [0, 1])] });

async function resident(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    global.gc!();
    await nextTurn();
  }
  return process.memoryUsage().rss;
}

async function run(strategies: number): Promise<void> {
  for (let i = 0; i < strategies; i++) {
    const model = new models.SimpleMLP({ inputSize: features, hiddenSize: 64, numClasses: classes });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const strategy = new Naive({ model, optimizer, trainMbSize: 4, evaluator: quietEvaluator() });
    await strategy.train(trainStream);
    await strategy.eval(trainStream);
  }
}

async function main(): Promise<void> {
  const sizes = [await resident()];
  for (let half = 0; half < 2; half++) {
    await run(count / 2);
    sizes.push(await resident());
  }
  console.log(JSON.stringify({ first: sizes[1]! - sizes[0]!, second: sizes[2]! - sizes[1]! }));
}

void main();
