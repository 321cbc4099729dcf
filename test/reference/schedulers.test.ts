// What the reference's tests of its scheduler plugin show (tests/training/test_plugins.py).
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  DataLoader,
  type Experience,
  LRSchedulerPlugin,
  type LRSchedulerPluginOptions,
  Naive,
  nn,
  noGrad,
  optim,
  type Tensor,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { onDevice } from '../support/device';
import { fastBenchmark } from '../support/fast-benchmark';
import { warningsOf } from '../support/recorded-plugins';

const { trainStream, testStream } = fastBenchmark();
const epochs = 3;
const options = { factor: 0.5, patience: 0, threshold: 0.05 };

/** The same model each time. */
function makeModel(): nn.Module {
  const model = new nn.Linear(6, 10);
  noGrad(() => model.parameters().forEach((parameter) => void parameter.fill_(0)));
  return model;
}
const criterion = new nn.CrossEntropyLoss();
const lrOf = (optimizer: optim.Optimizer) => optimizer.paramGroups[0]!.lr;

/** Mean loss over mini-batches, each weighted by its samples. */
class Mean {
  private sum = 0;
  private samples = 0;

  add(loss: Tensor, samples: number): void {
    this.sum += loss.item() * samples;
    this.samples += samples;
  }

  take(): number {
    const mean = this.sum / this.samples;
    this.sum = this.samples = 0;
    return mean;
  }
}

interface Case extends LRSchedulerPluginOptions {
  stepGranularity: 'epoch' | 'iteration';
}

/** The learning rates of every iteration, from a loop written out. */
async function written({ resetLr, resetScheduler, stepGranularity, firstEpochOnly, firstExpOnly, metric }: Case): Promise<number[][]> {
  const model = makeModel();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
  let scheduler = new optim.ReduceLROnPlateau(optimizer, options);
  const lrs: number[][] = [];
  for (const [i, experience] of trainStream.experiences.slice(0, 2).entries()) {
    if (resetLr) for (const group of optimizer.paramGroups) group.lr = 0.5;
    if (resetScheduler) scheduler = new optim.ReduceLROnPlateau(optimizer, options);
    const ofExperience: number[] = [];
    const mean = new Mean();
    const validate = async () => {
      for await (const batch of new DataLoader(testStream[i]!.dataset, { batchSize: 100 })) {
        const [x, y] = onDevice(batch);
        mean.add(noGrad(() => criterion.forward(model.forward(x), y)), x.shape[0]!);
      }
    };
    for (let epoch = 0; epoch < epochs; epoch++) {
      const step = async () => {
        if (metric === 'val_loss') await validate();
        const loss = mean.take();
        if ((epoch === 0 || !firstEpochOnly) && (i === 0 || !firstExpOnly)) scheduler.step(loss);
      };
      for await (const batch of new DataLoader(experience.dataset, { batchSize: 12 })) {
        const [x, y] = onDevice(batch);
        optimizer.zeroGrad();
        const loss = criterion.forward(model.forward(x), y);
        if (metric === 'train_loss') mean.add(loss, x.shape[0]!);
        loss.backward();
        optimizer.step();
        // A validation comes behind everything else of the iteration.
        if (metric === 'val_loss') ofExperience.push(lrOf(optimizer));
        if (stepGranularity === 'iteration') await step();
        if (metric === 'train_loss') ofExperience.push(lrOf(optimizer));
      }
      if (stepGranularity === 'epoch') await step();
    }
    lrs.push(ofExperience);
  }
  return lrs;
}

/** The same from a strategy with the plugin. */
async function byPlugin(plugin: Case): Promise<number[][]> {
  const model = makeModel();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
  const lrs: number[][] = [];
  const validates = plugin.metric === 'val_loss';
  const strategy = new Naive({
    model,
    optimizer,
    trainMbSize: 12,
    evalMbSize: 100,
    trainEpochs: epochs,
    evaluator: null,
    evalEvery: validates ? 1 : -1,
    pevalMode: plugin.stepGranularity,
    plugins: [
      new LRSchedulerPlugin(new optim.ReduceLROnPlateau(optimizer, options), plugin),
      { beforeTrainingExp: () => void lrs.push([]), afterTrainingIteration: () => void lrs.at(-1)!.push(lrOf(optimizer)) },
    ],
  });
  for (const [i, experience] of trainStream.experiences.slice(0, 2).entries()) {
    const evalStreams: Experience[] = [testStream[i]!];
    await strategy.train(experience, { shuffle: false, ...(validates && { evalStreams }) });
  }
  return lrs;
}

const both = [true, false];
const cases = (metric: 'train_loss' | 'val_loss'): Case[] =>
  both.flatMap((resetLr) =>
    both.flatMap((resetScheduler) =>
      both.flatMap((firstEpochOnly) =>
        both.flatMap((firstExpOnly) =>
          (['epoch', 'iteration'] as const).map((stepGranularity) => ({ metric, resetLr, resetScheduler, firstEpochOnly, firstExpOnly, stepGranularity })),
        ),
      ),
    ),
  );

async function assertSameRates(metric: 'train_loss' | 'val_loss'): Promise<void> {
  let changes = 0;
  for (const each of cases(metric)) {
    const expected = await written(each);
    changes += new Set(expected.flat()).size - 1;
    assert.deepEqual(await byPlugin(each), expected, JSON.stringify(each));
  }
  assert.ok(changes > 0);
}

describe("the reference's tests: schedulers", () => {
  it('milestones, in each experience anew, going on, or in the first alone (test_scheduler_plugin)', async () => {
    type Row = [milestones: number[], options: LRSchedulerPluginOptions, first: number[], second: number[]];
    const rows: Row[] = [
      [[2, 3], { resetLr: true, resetScheduler: true }, [4, 2, 1], [4, 2, 1]],
      [[2, 3], { resetLr: false, resetScheduler: true }, [4, 2, 1], [1, 0.5, 0.25]],
      [[2, 3], { resetLr: true, resetScheduler: false }, [4, 2, 1], [4, 4, 4]],
      [[2, 3], { resetLr: false, resetScheduler: false }, [4, 2, 1], [1, 1, 1]],
      [[2, 3], { resetLr: false, resetScheduler: true, firstExpOnly: true }, [4, 2, 1], [1, 1, 1]],
      [[2, 3], { resetLr: false, resetScheduler: true, firstEpochOnly: true }, [4, 4, 4], [4, 4, 4]],
      [[1, 3], { resetLr: false, resetScheduler: true, firstEpochOnly: true }, [2, 2, 2], [1, 1, 1]],
      [[1, 2], { resetLr: false, resetScheduler: false, firstExpOnly: true }, [2, 1, 1], [1, 1, 1]],
      [[1, 2], { resetLr: true, resetScheduler: false, firstExpOnly: true }, [2, 1, 1], [4, 4, 4]],
      [[1, 2], { resetScheduler: false, firstExpOnly: true, firstEpochOnly: true }, [2, 2, 2], [4, 4, 4]],
      [[2, 3], { resetScheduler: false, firstExpOnly: true, firstEpochOnly: true }, [4, 4, 4], [4, 4, 4]],
      [[1, 4], { resetLr: true, resetScheduler: false }, [2, 2, 2], [2, 2, 2]],
      [[3, 4], { resetLr: true, resetScheduler: true }, [4, 4, 2], [4, 4, 2]],
    ];
    for (const [milestones, given, ...expected] of rows) {
      const model = makeModel();
      const optimizer = new optim.SGD(model.parameters(), { lr: 4 });
      const scheduler = new optim.MultiStepLR(optimizer, { milestones, gamma: 0.5 });
      const lrs: number[][] = [];
      const log = { beforeTrainingExp: () => void lrs.push([]), afterTrainingEpoch: () => void lrs.at(-1)!.push(lrOf(optimizer)) };
      const plugins = [new LRSchedulerPlugin(scheduler, given), log];
      const strategy = new Naive({ model, optimizer, trainMbSize: 32, trainEpochs: 3, evaluator: null, plugins });
      for (const experience of trainStream.slice(0, 2)) await strategy.train(experience, { shuffle: false });
      assert.deepEqual(lrs, expected, JSON.stringify([milestones, given]));
    }
  });

  it('a plateau of the training loss, as in a loop written out (test_scheduler_reduce_on_plateau_plugin)', async () => {
    await assertSameRates('train_loss');
    const optimizer = new optim.SGD(makeModel().parameters(), { lr: 1 });
    const plateau = new optim.ReduceLROnPlateau(optimizer);
    throwsWithCode(() => new LRSchedulerPlugin(plateau), 'ERR_INVALID_ARG_VALUE', /needs metrics, got null$/);
    throwsWithCode(() => new LRSchedulerPlugin(plateau, { metric: 'cuteness' as never }), 'ERR_INVALID_ARG_VALUE', /"cuteness"/);
    const steps = new optim.MultiStepLR(optimizer, { milestones: [1, 2, 3] });
    const warnings = await warningsOf(() => void new LRSchedulerPlugin(steps, { metric: 'train_loss' }));
    assert.match(warnings.join(), /does not need metrics/);
  }).timeout(300_000);

  it('a plateau of the loss of a validation stream (test_scheduler_reduce_on_plateau_plugin_with_val_stream)', async () => {
    await assertSameRates('val_loss');
  }).timeout(300_000);
});
