import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  LRSchedulerPlugin,
  type LRSchedulerPluginOptions,
  Naive,
  ops,
  optim,
  type Plugin,
  type SupervisedTemplate,
  tensor,
  type Tensor,
} from '../../../lib/index';
import { rejectsWithCode, relativeNorm, throwsWithCode } from '../../support/assertions';
import { recordedCases, type RecordedRun, replay, tolerance, warningsOf } from '../../support/recorded-plugins';
import { smallBenchmark, smallModel } from '../../support/small-runs';

interface RecordedSchedule extends RecordedRun {
  scheduler: { type: 'StepLR'; stepSize: number; gamma: number } | { type: 'Halving'; threshold: number };
  plugin: LRSchedulerPluginOptions;
  experiences: { epochs: number; iterations: number; lrs: number[][]; lrsAtEnd: number[]; lastEpoch: number }[];
  metrics?: number[];
}

/** As in `record_plugins.py`: halves all learning rates whenever the metric is not below `threshold` times the last. */
class Halving implements optim.LRScheduler {
  readonly needsMetrics = true;
  readonly baseLrs: number[];
  readonly metrics: number[] = [];
  lastEpoch = 0;
  private last = Infinity;

  constructor(
    readonly optimizer: optim.Optimizer,
    private readonly threshold: number,
  ) {
    this.baseLrs = optimizer.paramGroups.map(({ lr }) => lr);
  }

  step(metrics: number): void {
    this.metrics.push(metrics);
    this.lastEpoch++;
    if (metrics >= this.threshold * this.last) for (const group of this.optimizer.paramGroups) group.lr *= 0.5;
    this.last = metrics;
  }

  reset(): void {
    this.last = Infinity;
  }
}

function makeScheduler(
  { type, ...options }: RecordedSchedule['scheduler'],
  optimizer: optim.Optimizer,
): optim.LRScheduler {
  return type === 'StepLR'
    ? new optim.StepLR(optimizer, options as optim.StepLROptions)
    : new Halving(optimizer, (options as { threshold: number }).threshold);
}

const makeOptimizer = () => new optim.SGD([tensor([1]).requiresGrad_()], { lr: 1 });
const makeStepLR = () => new optim.StepLR(makeOptimizer(), { stepSize: 1 });

describe('LRSchedulerPlugin', () => {
  describe('equals the reference', () => {
    const cases = recordedCases<RecordedSchedule>('schedule');

    it('in 19 recorded runs', () => assert.equal(cases.size, 19));

    for (const [name, run] of cases) {
      it(`${name}: learning rates of every iteration, metrics, parameters`, async () => {
        let scheduler!: optim.LRScheduler;
        let optimizer!: optim.SGD;
        let lrs: number[][] = [];
        const current = () => optimizer.paramGroups.map(({ lr }) => lr);
        const make = (made: optim.SGD) => {
          optimizer = made;
          scheduler = makeScheduler(run.scheduler, made);
          return new LRSchedulerPlugin(scheduler, run.plugin);
        };
        await replay(name, run, make, {
          plugins: [{ beforeForward: () => void lrs.push(current()) }],
          after: (experience) => {
            const expected = run.experiences[experience]!;
            assert.deepEqual(lrs, expected.lrs);
            assert.deepEqual([current(), scheduler.lastEpoch], [expected.lrsAtEnd, expected.lastEpoch]);
            lrs = [];
          },
        });
        assert.equal('metrics' in run, scheduler instanceof Halving);
        if (!(scheduler instanceof Halving)) return;
        assert.equal(scheduler.metrics.length, run.metrics!.length);
        assert.ok(relativeNorm(scheduler.metrics, run.metrics!) < tolerance);
      });

      it(`${name}: where no other plugin listens inside the iteration`, () =>
        replay(name, run, (optimizer) => new LRSchedulerPlugin(makeScheduler(run.scheduler, optimizer), run.plugin)));
    }
  });

  it('listens inside the iteration only where it must', () => {
    const inside = ['beforeTrainingIteration', 'afterTrainingIteration', 'beforeEvalIteration', 'afterEvalIteration'];
    const own = (plugin: Plugin) => Object.keys(plugin).filter((key) => inside.includes(key));
    assert.deepEqual(own(new LRSchedulerPlugin(makeStepLR())), []);
    assert.deepEqual(own(new LRSchedulerPlugin(makeStepLR(), { stepGranularity: 'iteration' })), [
      'afterTrainingIteration',
    ]);
  });

  it('counts penalties in the training loss', async () => {
    const model = smallModel();
    const scheduler = new Halving(new optim.SGD(model.parameters(), { lr: 0 }), 0);
    const losses: number[] = [];
    const penalty: Plugin = {
      beforeBackward: (strategy) => {
        strategy.loss = ops.aten.add!(strategy.loss, 100) as Tensor;
        losses.push(strategy.loss.item());
      },
    };
    const strategy = new Naive({
      model,
      optimizer: scheduler.optimizer,
      trainMbSize: 3,
      evaluator: null,
      plugins: [new LRSchedulerPlugin(scheduler, { metric: 'train_loss' }), penalty],
    });
    await strategy.train(smallBenchmark().trainStream.at(0)!, { shuffle: false });
    // Eight samples: mini-batches of 3, 3 and 2.
    const [a, b, c] = losses as [number, number, number];
    assert.ok(scheduler.metrics[0]! > 100);
    assert.ok(Math.abs(scheduler.metrics[0]! - (3 * a + 3 * b + 2 * c) / 8) < 1e-9);
  });

  it('does not step in an evaluation outside of training', async () => {
    const model = smallModel();
    const scheduler = new Halving(new optim.SGD(model.parameters(), { lr: 0.1 }), 0);
    const plugins = [new LRSchedulerPlugin(scheduler, { metric: 'val_loss' })];
    const strategy = new Naive({ model, optimizer: scheduler.optimizer, evaluator: null, plugins });
    const { trainStream, testStream } = smallBenchmark();
    await strategy.train(trainStream.at(0)!);
    await strategy.eval(testStream);
    assert.deepEqual(scheduler.metrics, []);
  });

  it('does not step in an evaluation behind a training that failed', async () => {
    const model = smallModel();
    const scheduler = new Halving(new optim.SGD(model.parameters(), { lr: 0.1 }), 0);
    const fail = () => {
      throw new Error('no');
    };
    const plugins: Plugin[] = [
      new LRSchedulerPlugin(scheduler, { metric: 'val_loss' }),
      { afterTrainingEpoch: fail },
    ];
    const strategy = new Naive({ model, optimizer: scheduler.optimizer, evaluator: null, plugins });
    const { trainStream, testStream } = smallBenchmark();
    await assert.rejects(strategy.train(trainStream.at(0)!));
    await strategy.eval(testStream);
    assert.deepEqual(scheduler.metrics, []);
  });

  it('misuse: a scheduler that needs metrics, without one', () => {
    throwsWithCode(
      () => new LRSchedulerPlugin(new Halving(makeOptimizer(), 1)),
      'ERR_INVALID_ARG_VALUE',
      /^LRSchedulerPlugin: expected metric to be "train_loss" or "val_loss" for a scheduler that needs metrics, got null$/,
    );
  });

  it('misuse: a metric for a scheduler that needs none is warned about', async () => {
    const warnings = await warningsOf(() => new LRSchedulerPlugin(makeStepLR(), { metric: 'train_loss' }));
    assert.deepEqual(warnings, [
      'LRSchedulerPlugin: the metric "train_loss" is given to a scheduler that does not need metrics',
    ]);
    assert.deepEqual(
      await warningsOf(() => new LRSchedulerPlugin(new Halving(makeOptimizer(), 1), { metric: 'val_loss' })),
      [],
    );
  });

  it('misuse: no scheduler', () => {
    const whole = makeStepLR();
    const { optimizer, baseLrs, lastEpoch } = whole;
    const step = () => {};
    for (const wrong of [
      undefined,
      null,
      3,
      makeOptimizer(),
      { optimizer, baseLrs, lastEpoch },
      { step, baseLrs, lastEpoch },
      { step, optimizer, lastEpoch },
      { step, optimizer, baseLrs },
    ]) {
      throwsWithCode(
        () => new LRSchedulerPlugin(wrong as never),
        'ERR_INVALID_ARG_TYPE',
        /^LRSchedulerPlugin: expected scheduler to be a learning rate scheduler \(optim\.StepLR, .*\), got /,
      );
    }
  });

  it('misuse: options', () => {
    const make = (options: object) => () => new LRSchedulerPlugin(makeStepLR(), options);
    throwsWithCode(
      make({ resetLR: true }),
      'ERR_UNKNOWN_OPTION',
      /^LRSchedulerPlugin: unknown option "resetLR"; expected among resetScheduler, resetLr, /,
    );
    throwsWithCode(
      make({ metric: 'loss' }),
      'ERR_INVALID_ARG_VALUE',
      /expected metric to be "train_loss", "val_loss" or null, got "loss"$/,
    );
    throwsWithCode(
      make({ stepGranularity: 'batch' }),
      'ERR_INVALID_ARG_VALUE',
      /expected stepGranularity to be "epoch" or "iteration", got "batch"$/,
    );
    for (const flag of ['resetScheduler', 'resetLr', 'firstEpochOnly', 'firstExpOnly']) {
      throwsWithCode(
        make({ [flag]: 1 }),
        'ERR_INVALID_ARG_TYPE',
        new RegExp(`expected ${flag} to be true or false, got 1$`),
      );
    }
  });

  it('misuse: a scheduler that fails, or sets a learning rate that is none, ends the training; the strategy can be used again', async () => {
    const model = smallModel();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    let step = (): void => {
      throw new Error('no more steps');
    };
    const scheduler = { optimizer, baseLrs: [0.1], lastEpoch: 0, step: () => step() };
    const strategy: SupervisedTemplate = new Naive({
      model,
      optimizer,
      evaluator: null,
      plugins: [new LRSchedulerPlugin(scheduler)],
    });
    const train = () => strategy.train(smallBenchmark().trainStream.at(0)!);
    await rejectsWithCode(train(), 'ERR_HOOK', /^step of the scheduler failed: no more steps$/);
    step = () => void (optimizer.paramGroups[0]!.lr = NaN);
    await rejectsWithCode(train(), 'ERR_INVALID_ARG_VALUE', /expected lr to be a number of at least 0, got NaN$/);
    step = () => {};
    await train();
    assert.equal(strategy.clock.trainExpCounter, 1);
  });
});

describe('optim.StepLR', () => {
  it('multiplies the learning rate of each group in every stepSize-th step, whatever it is by then', () => {
    const p = () => tensor([1]).requiresGrad_();
    const optimizer = new optim.SGD([{ params: [p()] }, { params: [p()], lr: 8 }], { lr: 1 });
    const scheduler = new optim.StepLR(optimizer, { stepSize: 2, gamma: 0.5 });
    assert.deepEqual(scheduler.baseLrs, [1, 8]);
    const lrs = () => optimizer.paramGroups.map(({ lr }) => lr);
    const seen = [1, 2, 3].map(() => (scheduler.step(), lrs()));
    assert.deepEqual(seen, [
      [1, 8],
      [0.5, 4],
      [0.5, 4],
    ]);
    optimizer.paramGroups[0]!.lr = 16;
    scheduler.step();
    assert.deepEqual([lrs(), scheduler.lastEpoch], [[8, 2], 4]);
    scheduler.lastEpoch = 0;
    scheduler.step();
    assert.deepEqual(lrs(), [8, 2]);
  });

  it('divides by ten unless told otherwise', () => {
    const optimizer = makeOptimizer();
    new optim.StepLR(optimizer, { stepSize: 1 }).step();
    assert.equal(optimizer.paramGroups[0]!.lr, 0.1);
  });

  it('misuse', () => {
    const make = (options: unknown) => () => new optim.StepLR(makeOptimizer(), options as optim.StepLROptions);
    for (const stepSize of [0, -1, 1.5, NaN]) {
      throwsWithCode(
        make({ stepSize }),
        'ERR_INVALID_ARG_VALUE',
        /^optim\.StepLR: expected stepSize to be a positive integer, got /,
      );
    }
    throwsWithCode(make({}), 'ERR_INVALID_ARG_TYPE', /expected stepSize to be a positive integer, got undefined$/);
    throwsWithCode(make(undefined), 'ERR_INVALID_ARG_TYPE', /stepSize/);
    throwsWithCode(
      make({ stepSize: 1, gamma: -1 }),
      'ERR_INVALID_ARG_VALUE',
      /expected gamma to be a number of at least 0, got -1$/,
    );
    throwsWithCode(make({ stepSize: 1, size: 2 }), 'ERR_UNKNOWN_OPTION', /unknown option "size"/);
    throwsWithCode(
      () => new optim.StepLR({} as never, { stepSize: 1 }),
      'ERR_INVALID_ARG_TYPE',
      /^optim\.StepLR: expected optimizer to be an Optimizer .*, got an object$/,
    );
  });
});
