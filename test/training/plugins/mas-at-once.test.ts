// Strategies that train at the same time, each with a variant of MAS, whose passes find the other at work.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, manualSeed, MASPlugin, type MASPluginOptions, Naive, optim } from '../../../lib/index';
import { numbersOf, smallBenchmark, smallModel } from '../../support/small-runs';

const { trainStream } = smallBenchmark({ train: 400 });
const variants: MASPluginOptions[] = [
  ...(['avalanche', 'facil', 'original2018', 'paper', 'hsu2018', 'capymoa'] as const).map((preset) => ({ preset })),
  { clearGrads: true },
  { preset: 'paper', clearGrads: true },
];

function newRun(options: MASPluginOptions, seed: number): { strategy: Naive; mas: MASPlugin } {
  manualSeed(seed);
  const model = smallModel();
  const mas = new MASPlugin({ ...options, lambdaReg: 0.1 });
  const strategy = new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05 }),
    trainMbSize: 4,
    trainEpochs: 3,
    generator: new Generator({ device: 'cpu' }).manualSeed(seed),
    evaluator: null,
    plugins: [mas],
  });
  return { strategy, mas };
}

describe('strategies that train at once', () => {
  for (const options of variants) {
    it(`each as if it were alone: ${JSON.stringify(options)}`, async () => {
      const alone = newRun(options, 1);
      await alone.strategy.train(trainStream);
      const [first, second] = [newRun(options, 1), newRun(options, 2)];
      await Promise.all([first.strategy.train(trainStream), second.strategy.train(trainStream)]);
      assert.deepEqual(numbersOf(first.mas.importance!), numbersOf(alone.mas.importance!));
      assert.deepEqual(numbersOf(first.strategy.model.namedParameters()), numbersOf(alone.strategy.model.namedParameters()));
    });

    it(`each updates as if it were alone: ${JSON.stringify(options)}`, async () => {
      const data = trainStream[0]!.dataset;
      const alone = newRun(options, 1);
      await alone.mas.updateImportance(alone.strategy, data);
      const [first, second] = [newRun(options, 1), newRun(options, 2)];
      await Promise.all([first.mas.updateImportance(first.strategy, data), second.strategy.train(trainStream)]);
      assert.deepEqual(numbersOf(first.mas.importance!), numbersOf(alone.mas.importance!));
    });
  }
});
