// The data of all experiences so far: by hand, after failures, and behind a checkpoint.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  CheckpointPlugin,
  Cumulative,
  EvaluationPlugin,
  Generator,
  IterableDataset,
  manualSeed,
  models,
  Naive,
  optim,
  type Plugin,
  tensor,
  TensorDataset,
} from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { goOnFromEveryCheckpoint, InputLog, oneSampleBenchmark, scalarOptions } from '../../support/baseline-runs';
import { smallDataset } from '../../support/small-runs';
import { comparable, throughFile } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';

const quiet = { shuffle: false, evalStreams: [] };

describe('Cumulative', () => {
  it('learns from all experiences so far, in their order: by hand', async () => {
    const log = new InputLog();
    const options = scalarOptions(1, { plugins: [log] });
    const strategy = new Cumulative(options);
    await strategy.train(oneSampleBenchmark().trainStream, quiet);
    assert.deepEqual(log.batches, [[1], [1, 2], [1, 2, 3]]);
    // d/dw of mean (w x - 2 x)^2 = 2 (w - 2) mean x^2, of 1, 1 and 4, 1 and 4 and 9.
    let [w, velocity] = [1, 0];
    for (const meanSquare of [1, 5 / 2, 14 / 3]) {
      velocity = 0.5 * velocity + 2 * (w - 2) * meanSquare;
      w -= 0.01 * velocity;
    }
    assert.ok(Math.abs(options.model.weight.item() - w) < 1e-6);
    assert.equal(strategy.evalMbSize, 8);
  });

  it('counts an experience that comes back again, as the reference does', async () => {
    const log = new InputLog();
    const strategy = new Cumulative(scalarOptions(1, { plugins: [log] }));
    const [one, two] = oneSampleBenchmark().trainStream;
    for (const experience of [one!, two!, one!]) await strategy.train(experience, quiet);
    assert.deepEqual(log.batches.at(-1), [1, 2, 1]);
  });

  it('adds nothing twice where a hook has failed, an experience is begun anew, or a call was aborted', async () => {
    const log = new InputLog();
    let failing: string | null = 'afterTrainingExp';
    const fails = (hook: string) => () => {
      if (failing !== hook) return;
      failing = null;
      throw new Error('disk full');
    };
    const plugins: Plugin[] = [log, { beforeTrainingEpoch: fails('beforeTrainingEpoch'), afterTrainingExp: fails('afterTrainingExp') }];
    const strategy = new Cumulative(scalarOptions(1, { plugins }));
    const [one, two, three] = oneSampleBenchmark().trainStream;
    await rejectsWithCode(strategy.train(one!, quiet), 'ERR_HOOK', /disk full/);
    await strategy.train(one!, quiet); // goes on with the hook
    failing = 'afterTrainingExp';
    await rejectsWithCode(strategy.train(two!, quiet), 'ERR_HOOK', /disk full/);
    await strategy.train(two!, { ...quiet, restart: true });
    failing = 'beforeTrainingEpoch';
    await rejectsWithCode(strategy.train(three!, quiet), 'ERR_HOOK', /disk full/);
    await strategy.train(three!, quiet);
    assert.deepEqual(log.batches, [[1], [1, 2], [1, 2], [1, 2, 3]]);

    const controller = new AbortController();
    const aborting: Plugin = { afterTrainingIteration: () => controller.abort() };
    const aborted = new Cumulative(scalarOptions(1, { plugins: [log, aborting] }));
    await rejectsWithCode(aborted.train(one!, { ...quiet, signal: controller.signal }), 'ERR_ABORTED', /./);
    await aborted.train(one!, quiet);
    await aborted.train(two!, quiet);
    assert.deepEqual(log.batches.slice(-3), [[1], [1], [1, 2]]);
  });

  it('does not count what was given up for another experience, or could not be put together', async () => {
    const log = new InputLog();
    const strategy = new Cumulative(scalarOptions(1, { plugins: [log] }));
    const [one, two] = oneSampleBenchmark().trainStream;
    await strategy.train(one!, quiet);
    const wide = new TensorDataset(tensor([[1, 2]], { dtype: 'float32' }), tensor([[1]], { dtype: 'float32' }));
    const other = benchmarkFromDatasets({ train: [wide] }).trainStream;
    await rejectsWithCode(strategy.train(other, quiet), 'ERR_SHAPE', /concatDatasets: expected x to be float32 \[N, 1\]/);
    await strategy.train(two!, quiet);
    assert.deepEqual(log.batches, [[1], [1, 2]]);
  });

  it('refuses a source that does not lie in memory before it learns from it', async () => {
    const options = scalarOptions(1);
    const data = new IterableDataset(() => [[tensor([1]), tensor([2])]]);
    const { trainStream } = benchmarkFromDatasets({ train: [data] });
    await rejectsWithCode(new Cumulative(options).train(trainStream, quiet), 'ERR_INVALID_ARG_TYPE', /IterableDataset.*do not lie in memory/);
    assert.equal(options.model.weight.item(), 1);
  });

  it('evaluates the data of one experience alone', async () => {
    const seen: number[] = [];
    const plugin: Plugin = { beforeEvalIteration: ({ mbX }) => void seen.push(...mbX!.flatten().toNumbers()) };
    const strategy = new Cumulative(scalarOptions(1, { plugins: [plugin] }));
    const { trainStream } = oneSampleBenchmark();
    await strategy.train(trainStream, quiet);
    await strategy.eval(trainStream[1]!);
    assert.deepEqual(seen, [2]);
  });
});

describe('Cumulative behind a checkpoint', () => {
  const benchmark = () => benchmarkFromDatasets({ train: [0, 1, 2].map((k) => smallDataset(10, [k, k + 1], k)) });
  /** As a program makes it each time it is started. */
  function make(folder: string, Strategy: typeof Cumulative | typeof Naive = Cumulative) {
    manualSeed(3);
    const model = new models.SimpleMLP({ inputSize: 4, hiddenSize: 6, numClasses: 4 });
    return new Strategy({
      model,
      optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
      trainMbSize: 4,
      trainEpochs: 2,
      evaluator: new EvaluationPlugin({ loggers: [] }),
      generator: new Generator({ device: 'cpu' }).manualSeed(5),
      plugins: [new CheckpointPlugin(folder, { everyIterations: 4, everyEpochs: 1, everyExperiences: 1, keep: 99 })],
    });
  }

  it('goes on bit for bit in the middle of the third experience, with the data of those before', () =>
    withTempFolder(async (folder) => {
      const places = await goOnFromEveryCheckpoint(folder, make, (strategy) => strategy.train(benchmark().trainStream.slice(strategy.clock.trainExpCounter)));
      assert.deepEqual([...places], [0, 1, 2]);
    }));

  it('takes the data of earlier experiences from the benchmark that the program has made anew', async () => {
    const { trainStream } = oneSampleBenchmark();
    const before = new Cumulative(scalarOptions(1));
    await before.train(trainStream.slice(0, 2), quiet);
    const log = new InputLog();
    const resumed = new Cumulative(scalarOptions(1, { plugins: [log] }));
    const { plugins, ...state } = before.stateDict() as any;
    resumed.loadStateDict({ ...state, plugins: [{ name: 'InputLog', state: null }, ...plugins] });
    await resumed.train(oneSampleBenchmark().trainStream[2]!, quiet);
    assert.deepEqual(log.batches, [[1, 2, 3]]);
  });

  it('says what is missing where earlier data was of another benchmark', async () => {
    const before = new Cumulative(scalarOptions(1));
    await before.train(oneSampleBenchmark(1).trainStream, quiet);
    await before.train(oneSampleBenchmark(2).trainStream, quiet);
    const resumed = new Cumulative(scalarOptions(1));
    resumed.loadStateDict(before.stateDict());
    await rejectsWithCode(
      resumed.train(oneSampleBenchmark(3).trainStream, quiet),
      'ERR_CHECKPOINT_MISMATCH',
      /the data of experience 0 of stream "train", which was learned before the checkpoint/,
    );
    await before.train(oneSampleBenchmark(3).trainStream, quiet); // this process has them still
  });

  it('refuses the state of another strategy, and stays as it was', async () => {
    const strategy = new Cumulative(scalarOptions(1));
    await strategy.train(oneSampleBenchmark().trainStream, quiet);
    const state = strategy.stateDict();
    const { cumulative, ...parts } = state;
    for (const wrong of [undefined, null, [], parts, { ...state, cumulative: { ...(cumulative as object), experiences: [{}] } }]) {
      assert.throws(() => strategy.loadStateDict(wrong as never), { code: 'ERR_STATE_DICT' });
    }
    assert.deepEqual(comparable(strategy.stateDict()), comparable(state));
    strategy.loadStateDict(throughFile(state));
    assert.deepEqual(comparable(strategy.stateDict()), comparable(state));
  });
});
