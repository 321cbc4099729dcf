// All data at once: by hand, once, after failures, behind a checkpoint, and how models grow for it.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  CheckpointPlugin,
  type Experience,
  EvaluationPlugin,
  Generator,
  JointTraining,
  manualSeed,
  models,
  nn,
  optim,
  type Plugin,
  tensor,
  TensorDataset,
} from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { goOnFromEveryCheckpoint, InputLog, oneSampleBenchmark, scalarOptions } from '../../support/baseline-runs';
import { smallDataset } from '../../support/small-runs';
import { warnings } from '../../support/warnings';
import { withTempFolder } from '../../support/temp-folder';

const quiet = { shuffle: false, evalStreams: [] };

describe('JointTraining', () => {
  it('learns from all data in one go, as one experience: by hand', async () => {
    const log = new InputLog();
    const options = scalarOptions(1, { plugins: [log] });
    const strategy = new JointTraining(options);
    await strategy.train(oneSampleBenchmark().trainStream, quiet);
    assert.deepEqual(log.batches, [[1, 2, 3]]);
    assert.ok(Math.abs(options.model.weight.item() - (1 + 0.01 * 2 * (14 / 3))) < 1e-6);
    assert.equal(strategy.clock.trainExpCounter, 1);
    assert.equal(strategy.evalMbSize, 1);
  });

  it('is trained once', async () => {
    const options = scalarOptions(1);
    const strategy = new JointTraining(options);
    const { trainStream } = oneSampleBenchmark();
    await strategy.train(trainStream[0]!, quiet);
    const w = options.model.weight.item();
    const again = [strategy.train(trainStream, quiet), strategy.train(trainStream[0]!, { ...quiet, restart: true })];
    for (const call of again) await rejectsWithCode(call, 'ERR_ALREADY_TRAINED', /trained once, with all experiences in one call/);
    assert.equal(options.model.weight.item(), w);
    await strategy.eval(trainStream); // as often as you like
  });

  it('may be trained again where it did not come to its end', async () => {
    const log = new InputLog();
    let failures = 2;
    const failing: Plugin = {
      afterTrainingExp: () => {
        if (failures-- > 0) throw new Error('disk full');
      },
    };
    const strategy = new JointTraining(scalarOptions(1, { plugins: [log, failing] }));
    const { trainStream } = oneSampleBenchmark();
    await rejectsWithCode(strategy.train(trainStream, quiet), 'ERR_HOOK', /disk full/);
    await rejectsWithCode(strategy.train(trainStream, { ...quiet, restart: true }), 'ERR_HOOK', /disk full/);
    await strategy.train(trainStream, quiet); // goes on with the hook
    assert.deepEqual(log.batches, [[1, 2, 3], [1, 2, 3]]);
    await rejectsWithCode(strategy.train(trainStream, quiet), 'ERR_ALREADY_TRAINED', /./);

    const controller = new AbortController();
    const aborting: Plugin = { afterTrainingIteration: () => controller.abort() };
    const aborted = new JointTraining(scalarOptions(1, { plugins: [aborting] }));
    await rejectsWithCode(aborted.train(trainStream, { ...quiet, signal: controller.signal }), 'ERR_ABORTED', /./);
    await aborted.train(trainStream, quiet);
  });

  it('evaluates all that it is trained on, each experience by itself, or what it is told', async () => {
    const evaluated: string[] = [];
    const plugin: Plugin = { beforeEvalExp: ({ experience }) => void evaluated.push(`${experience!.originStream.name}${experience!.currentExperience}`) };
    const options = () => scalarOptions(1, { plugins: [plugin], evalEvery: 0, trainMbSize: 4 });
    const { trainStream } = oneSampleBenchmark();
    await new JointTraining(options()).train(trainStream);
    assert.deepEqual(evaluated.splice(0), ['train0', 'train1', 'train2', 'train0', 'train1', 'train2']);
    await new JointTraining(options()).train(trainStream, { evalStreams: trainStream[2]! });
    assert.deepEqual(evaluated, ['train2', 'train2']);
  });

  it('lets the model grow for each experience in turn, before the first mini-batch', async () => {
    const grown: number[] = [];
    class Growing extends nn.Module {
      readonly layer = new nn.Linear(4, 6);
      override forward(x: any) {
        return this.layer.forward(x);
      }
      adaptation({ currentExperience }: Experience): void {
        grown.push(currentExperience);
      }
    }
    const model = new Growing();
    const strategy = new JointTraining({ ...scalarOptions(1), model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), criterion: new nn.CrossEntropyLoss() });
    const { trainStream, testStream } = benchmarkFromDatasets({
      train: [smallDataset(4, [0, 1]), smallDataset(4, [2, 3])],
      test: [smallDataset(4, [0, 1])],
    });
    await strategy.eval(testStream);
    assert.deepEqual(grown.splice(0), [0]);
    await strategy.train(trainStream, quiet);
    assert.deepEqual(grown.splice(0), [0, 1]);
    await strategy.eval(testStream);
    assert.deepEqual(grown, [0, 1]);
  });

  it('goes on bit for bit in the middle', () =>
    withTempFolder(async (folder) => {
      const benchmark = () => benchmarkFromDatasets({ train: [0, 1, 2].map((k) => smallDataset(10, [k, k + 1], k)) });
      const make = (into: string) => {
        manualSeed(3);
        const model = new nn.Sequential(new nn.Linear(4, 6), new nn.Dropout(0.3), new models.IncrementalClassifier(6));
        return new JointTraining({
          model,
          optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
          trainMbSize: 4,
          trainEpochs: 2,
          evaluator: new EvaluationPlugin({ loggers: [] }),
          generator: new Generator({ device: 'cpu' }).manualSeed(5),
          plugins: [new CheckpointPlugin(into, { everyIterations: 5, everyEpochs: 1, everyExperiences: 1, keep: 99 })],
        });
      };
      const places = await goOnFromEveryCheckpoint(folder, make, async (strategy) => {
        await strategy.train(benchmark().trainStream);
        await rejectsWithCode(strategy.train(benchmark().trainStream), 'ERR_ALREADY_TRAINED', /./);
      });
      assert.deepEqual([...places], [0]);
    }));

  it('refuses data that does not go together, and no experience at all changes nothing', async () => {
    const wide = new TensorDataset(tensor([[1, 2]], { dtype: 'float32' }), tensor([[1]], { dtype: 'float32' }));
    const narrow = new TensorDataset(tensor([[1]], { dtype: 'float32' }), tensor([[1]], { dtype: 'float32' }));
    const strategy = new JointTraining(scalarOptions(1));
    await rejectsWithCode(strategy.train(benchmarkFromDatasets({ train: [narrow, wide] }).trainStream, quiet), 'ERR_SHAPE', /index 1/);
    assert.match((await warnings(() => strategy.train([], quiet))).join(), /got no experience/);
    await strategy.train(oneSampleBenchmark().trainStream, quiet);
    assert.equal(strategy.clock.trainExpCounter, 1);
  });
});
