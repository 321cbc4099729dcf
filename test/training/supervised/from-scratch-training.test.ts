// Every experience from the initial weights: by hand, with what grows, after failures, behind a checkpoint.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  CheckpointPlugin,
  EvaluationPlugin,
  FromScratchTraining,
  FromScratchTrainingPlugin,
  Generator,
  manualSeed,
  models,
  Naive,
  nn,
  optim,
  type Plugin,
} from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { goOnFromEveryCheckpoint, oneSampleBenchmark, scalarOptions } from '../../support/baseline-runs';
import { numbersOf, smallDataset } from '../../support/small-runs';
import { comparable, hostileStates, throughFile } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';

const quiet = { shuffle: false, evalStreams: [] };
/** Of x = k + 1, one step from w = 1 with this much momentum left: d/dw (w x - 2 x)^2 = 2 (w - 2) x^2. */
const after = (x: number, momentum = 0) => 1 - 0.01 * (0.5 * momentum + 2 * (1 - 2) * x * x);
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-6, `${actual} ${expected}`);

describe('FromScratchTraining', () => {
  it('learns each experience from the initial weights with a new optimizer: by hand', async () => {
    const options = scalarOptions(1);
    const strategy = new FromScratchTraining(options);
    const { trainStream } = oneSampleBenchmark();
    for (const [k, experience] of trainStream.experiences.entries()) {
      await strategy.train(experience, quiet);
      near(options.model.weight.item(), after(k + 1));
    }
    assert.equal(strategy.evalMbSize, 8);
  });

  it('keeps the momentum with resetOptimizer false', async () => {
    const options = scalarOptions(1);
    const strategy = new FromScratchTraining({ ...options, resetOptimizer: false });
    const { trainStream } = oneSampleBenchmark();
    await strategy.train(trainStream.slice(0, 2), quiet);
    near(options.model.weight.item(), after(2, -2));
  });

  it('goes with any strategy as a plugin, also in one call with several experiences', async () => {
    const options = scalarOptions(1, { plugins: [new FromScratchTrainingPlugin()] });
    await new Naive(options).train(oneSampleBenchmark().trainStream, quiet);
    near(options.model.weight.item(), after(3));
  });

  it('takes an optimizer of several groups, and leaves learning rates', async () => {
    const layers = [new nn.Linear(4, 3), new nn.Linear(3, 4)];
    const model = new nn.Sequential(...layers);
    const groups = layers.map((layer, i) => ({ params: layer.parameters(), lr: 0.1 * (i + 1) }));
    const optimizer = new optim.Adam(groups);
    const strategy = new FromScratchTraining({ ...scalarOptions(1), model, optimizer, criterion: new nn.CrossEntropyLoss() });
    const { trainStream } = benchmarkFromDatasets({ train: [smallDataset(4, [0, 1]), smallDataset(4, [2, 3])] });
    await strategy.train(trainStream[0]!, quiet);
    optimizer.paramGroups[1]!.lr = 0.01;
    await strategy.train(trainStream[1]!, quiet);
    assert.deepEqual(optimizer.paramGroups.map(({ params, lr }) => [params.length, lr]), [[2, 0.1], [2, 0.01]]);
  });

  it('lets a head that has grown keep its values, and goes back to these', async () => {
    manualSeed(1);
    const model = new nn.Sequential(new nn.Linear(4, 3), new models.IncrementalClassifier(3));
    const starts: Record<string, number[]>[] = [];
    const plugin: Plugin = { beforeTrainingEpoch: ({ model }) => void starts.push(numbersOf(model.namedParameters())) };
    const strategy = new FromScratchTraining({
      ...scalarOptions(1, { plugins: [plugin] }),
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }),
      criterion: new nn.CrossEntropyLoss(),
    });
    const initial = numbersOf(model.namedParameters());
    const { trainStream } = benchmarkFromDatasets({ train: [smallDataset(4, [0, 1]), smallDataset(4, [2, 3], 1), smallDataset(4, [0, 3], 2)] });
    await strategy.train(trainStream[0]!, quiet);
    const learned = numbersOf(model.namedParameters());
    await strategy.train(trainStream.slice(1), quiet);
    const head = '1.classifier.weight';
    assert.deepEqual(starts.map((values) => values['0.weight']), Array(3).fill(initial['0.weight']));
    assert.deepEqual(starts[0]![head], initial[head]);
    assert.deepEqual(starts[1]![head]!.slice(0, 6), learned[head]);
    assert.deepEqual(starts[2]![head], starts[1]![head]);
  });

  it('begins an experience anew from where it began, after a hook that failed and after an abort', async () => {
    const controller = new AbortController();
    let failures = 1;
    const plugin: Plugin = {
      afterTrainingExp: () => {
        if (failures-- > 0) throw new Error('disk full');
        if (failures === -2) controller.abort();
      },
    };
    const options = scalarOptions(1, { plugins: [plugin] });
    const strategy = new FromScratchTraining(options);
    const { trainStream } = oneSampleBenchmark();
    await rejectsWithCode(strategy.train(trainStream[0]!, quiet), 'ERR_HOOK', /disk full/);
    await strategy.train(trainStream[0]!, { ...quiet, restart: true });
    near(options.model.weight.item(), after(1));
    await rejectsWithCode(strategy.train(trainStream.slice(1), { ...quiet, signal: controller.signal }), 'ERR_ABORTED', /./);
    await strategy.train(trainStream[2]!, { ...quiet, restart: true });
    near(options.model.weight.item(), after(3));
  });

  it('goes on bit for bit from a checkpoint, in an experience and between two', () =>
    withTempFolder(async (folder) => {
      const benchmark = () => benchmarkFromDatasets({ train: [0, 1, 2].map((k) => smallDataset(10, [k, k + 1], k)) });
      const make = (into: string) => {
        manualSeed(3);
        const model = new nn.Sequential(new nn.Linear(4, 6), new nn.BatchNorm1d(6), new nn.Dropout(0.3), new models.IncrementalClassifier(6));
        return new FromScratchTraining({
          model,
          optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
          trainMbSize: 4,
          trainEpochs: 2,
          evaluator: new EvaluationPlugin({ loggers: [] }),
          generator: new Generator({ device: 'cpu' }).manualSeed(5),
          plugins: [new CheckpointPlugin(into, { everyIterations: 4, everyEpochs: 1, everyExperiences: 1, keep: 99 })],
        });
      };
      const places = await goOnFromEveryCheckpoint(folder, make, (strategy) => strategy.train(benchmark().trainStream.slice(strategy.clock.trainExpCounter)));
      assert.deepEqual([...places], [0, 1, 2]);
    }));

  it('takes copies of the weights of a state, and refuses what is none', async () => {
    const options = scalarOptions(1, { plugins: [] });
    const plugin = new FromScratchTrainingPlugin();
    const strategy = new Naive({ ...options, plugins: [plugin] });
    assert.deepEqual(comparable(plugin.stateDict()), { initialWeights: null });
    await strategy.train(oneSampleBenchmark().trainStream[0]!, quiet);
    const state = plugin.stateDict();
    for (const [what, wrong, message] of hostileStates(state as Record<string, unknown>)) {
      assert.throws(() => plugin.loadStateDict(wrong), { code: 'ERR_STATE_DICT', message }, what);
    }
    const other = new FromScratchTrainingPlugin();
    other.loadStateDict(throughFile(state));
    assert.deepEqual(comparable(other.stateDict()), comparable(state));
  });

  it('refuses options that are none', () => {
    assert.throws(() => new FromScratchTrainingPlugin({ resetOptimizer: 1 as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new FromScratchTraining({ ...scalarOptions(1), resetOptimiser: true } as never), { code: 'ERR_UNKNOWN_OPTION' });
  });
});
