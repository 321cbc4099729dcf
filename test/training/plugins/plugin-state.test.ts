// Plugins that are built anew in the middle of a training, as in another process, and go on from the state of the old ones.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  EarlyStoppingPlugin,
  EvaluationPlugin,
  lossMetrics,
  LRSchedulerPlugin,
  type LRSchedulerPluginOptions,
  manualSeed,
  optim,
  PeriodicEval,
  type Plugin,
  type Strategy,
  SupervisedTemplate,
  tensor,
} from '../../../lib/index';
import type { State, Stateful } from '../../../lib/state';
import { throwsWithCode } from '../../support/assertions';
import { captured } from '../../support/evaluators';
import { numbersOf, smallBenchmark, smallModel } from '../../support/small-runs';
import { comparable, hostileStates, throughFile } from '../../support/states';
import { warnings } from '../../support/warnings';

const epochs = 6;
const initialLr = 0.5;

/** Trains on two experiences; before the epoch of this number (of both together) a plugin built anew takes its place. */
async function train(make: (optimizer: optim.Optimizer) => Plugin, cut: number | null, options: object = {}) {
  manualSeed(3);
  const { trainStream, testStream } = smallBenchmark();
  const model = smallModel();
  const optimizer = new optim.SGD([{ params: model.parameters() }], { lr: initialLr, momentum: 0.5 });
  const seen: unknown[] = [];
  let epoch = 0;
  let lastEpochs = 0;
  const swap: Plugin = {
    afterTrainingEpoch: (strategy) => {
      if (epoch++ === cut) rebuild(strategy, 0, () => make(optimizer));
      lastEpochs = strategy.clock.trainExpEpochs + 1;
    },
  };
  const watch: Plugin = {
    afterTrainingEpoch: () => void seen.push(optimizer.paramGroups.map(({ lr }) => lr)),
    afterTrainingExp: () => void seen.push(lastEpochs),
  };
  const evaluator = new EvaluationPlugin(accuracyMetrics({ stream: true }), lossMetrics({ stream: true }), { loggers: [] });
  // Behind it: the plugins that a hook calls are those that were there when it began.
  const plugins = [make(optimizer), swap, watch];
  const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 4, trainEpochs: epochs, evaluator, plugins, ...options });
  await captured('stderr', () => strategy.train(trainStream, { shuffle: false, evalStreams: testStream }));
  return { seen, parameters: numbersOf(new Map(model.namedParameters())), curves: comparable(evaluator.getAllMetrics()) };
}

/** What a program does at its beginning, and then what loading does: schedulers set learning rates when they are made. */
function rebuild(strategy: Strategy, place: number, make: () => Plugin): void {
  const { plugins, optimizer } = strategy;
  const state = throughFile((plugins[place] as Stateful).stateDict());
  const ofOptimizer = optimizer.stateDict();
  optimizer.paramGroups.forEach((group) => (group.lr = initialLr));
  const fresh = make();
  optimizer.loadStateDict(ofOptimizer);
  (fresh as Stateful).loadStateDict(state);
  assert.deepEqual(comparable((fresh as Stateful).stateDict()), comparable(state));
  plugins[place] = fresh;
}

async function goesOn(make: (optimizer: optim.Optimizer) => Plugin, options: object = {}): Promise<void> {
  const whole = await train(make, null, options);
  for (const cut of [0, 2, 3, 7, 10]) assert.deepEqual(await train(make, cut, options), whole, `cut behind epoch ${cut}`);
}

/** A scheduler of a user's, which knows nothing of states: the rate is a matter of the step. */
class Halving implements optim.LRScheduler {
  readonly baseLrs: number[];
  lastEpoch = 0;
  constructor(readonly optimizer: optim.Optimizer) {
    this.baseLrs = optimizer.paramGroups.map(({ lr }) => lr);
  }
  step(): void {
    this.lastEpoch++;
    this.optimizer.paramGroups.forEach((group, i) => (group.lr = this.baseLrs[i]! / 2 ** this.lastEpoch));
  }
}

const periodic = { evalEvery: 1 };

describe('plugins that go on from a state', () => {
  const schedulers: [name: string, make: (optimizer: optim.Optimizer) => optim.LRScheduler][] = [
    ['StepLR', (o) => new optim.StepLR(o, { stepSize: 2, gamma: 0.5 })],
    ['MultiStepLR', (o) => new optim.MultiStepLR(o, { milestones: [1, 3, 4], gamma: 0.5 })],
    ['ExponentialLR', (o) => new optim.ExponentialLR(o, { gamma: 0.9 })],
    ['ConstantLR', (o) => new optim.ConstantLR(o, { totalIters: 3 })],
    ['LinearLR', (o) => new optim.LinearLR(o, { totalIters: 4 })],
    ['PolynomialLR', (o) => new optim.PolynomialLR(o, { totalIters: 5, power: 2 })],
    ['CosineAnnealingLR', (o) => new optim.CosineAnnealingLR(o, { tMax: 4 })],
    ['CosineAnnealingWarmRestarts', (o) => new optim.CosineAnnealingWarmRestarts(o, { t0: 2, tMult: 2 })],
    ['LambdaLR', (o) => new optim.LambdaLR(o, (epoch) => 1 / (1 + epoch))],
    ['OneCycleLR', (o) => new optim.OneCycleLR(o, { maxLr: 0.5, totalSteps: 14 })],
    [
      'SequentialLR',
      (o) => {
        const parts = [new optim.LinearLR(o, { totalIters: 2 }), new optim.ExponentialLR(o, { gamma: 0.5 })];
        return new optim.SequentialLR(o, { schedulers: parts, milestones: [2] });
      },
    ],
    ['a scheduler of your own', (o) => new Halving(o)],
  ];
  for (const [name, make] of schedulers) {
    for (const options of [{ resetLr: false, resetScheduler: false }, {}] as LRSchedulerPluginOptions[]) {
      it(`LRSchedulerPlugin with ${name}${options.resetLr === false ? ', not reset' : ''}`, () =>
        goesOn((optimizer) => new LRSchedulerPlugin(make(optimizer), options)));
    }
  }
  for (const metric of ['train_loss', 'val_loss'] as const) {
    const plateau = { patience: 0, threshold: 0.2, factor: 0.5 };
    it(`LRSchedulerPlugin with ReduceLROnPlateau on ${metric}`, () =>
      goesOn((optimizer) => new LRSchedulerPlugin(new optim.ReduceLROnPlateau(optimizer, plateau), { metric }), periodic));
  }

  it('LRSchedulerPlugin in the middle of an epoch: the losses so far', () => {
    const optimizer = new optim.SGD(smallModel().parameters(), { lr: 1 });
    const seen: number[] = [];
    const make = () => {
      const scheduler = Object.assign(new Halving(optimizer), { needsMetrics: true, step: (value: number) => void seen.push(value) });
      return new LRSchedulerPlugin(scheduler, { metric: 'train_loss' });
    };
    const iteration = (loss: number, size: number) => ({ loss: tensor(loss), mbY: tensor(Array(size).fill(0)) }) as unknown as Strategy;
    const [first, second] = [make(), make()];
    first.afterTrainingIteration(iteration(0.5, 4), {}) as void;
    second.loadStateDict(throughFile(first.stateDict()));
    second.afterTrainingIteration(iteration(2, 2), {}) as void;
    second.afterTrainingEpoch({ clock: { trainExpCounter: 0, trainExpEpochs: 0 } } as Strategy);
    assert.deepEqual(seen, [1]);
  });

  for (const margin of [0.001, 0.2]) {
    it(`EarlyStoppingPlugin, margin ${margin}`, () => {
      const options = { patience: 2, valStreamName: 'test', metricName: 'Loss_Stream', mode: 'min', margin } as const;
      return goesOn(() => new EarlyStoppingPlugin(options), periodic);
    });
  }

  it('PeriodicEval: the last evaluation of an experience, and its warning', async () => {
    await goesOn(() => new PeriodicEval(4), {});
    const warned = new PeriodicEval();
    const { trainStream, testStream } = smallBenchmark();
    const strategy = { plugins: [warned], evalStreams: [] } as unknown as Strategy;
    const fresh = new PeriodicEval();
    const seen = await warnings(async () => {
      await warned.beforeTraining(strategy, { evalStreams: testStream });
      fresh.loadStateDict(throughFile(warned.stateDict()));
      await fresh.beforeTraining(strategy, { evalStreams: testStream });
    });
    assert.equal(seen.length, 1);
    assert.ok(trainStream);
  });
});

describe('states of plugins', () => {
  const model = smallModel();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const stopping = new EarlyStoppingPlugin({ patience: 1, valStreamName: 'test' });
  const best = { bestState: { '0.weight': tensor([1, 2]) }, bestVal: -Infinity, bestStep: 2, before: 3, warnedOf: ['NaN'] };
  const schedule = new LRSchedulerPlugin(new optim.StepLR(optimizer, { stepSize: 2 }));
  const sequence = () =>
    new optim.SequentialLR(optimizer, {
      schedulers: [new optim.LinearLR(optimizer), new optim.ExponentialLR(optimizer, { gamma: 0.5 })],
      milestones: [2],
    });

  it('EarlyStoppingPlugin: the best model is copied, infinite values are values', () => {
    const state = throughFile(best) as typeof best;
    stopping.loadStateDict(state);
    state.bestState['0.weight'].zero_();
    assert.deepEqual(comparable(stopping.stateDict()), comparable(best as State));
  });

  const cases: [name: string, plugin: Stateful, wrong: (state: any) => [unknown, RegExp][]][] = [
    ['PeriodicEval', new PeriodicEval(), () => [[{ doFinal: 1, hasWarned: true }, /expected doFinal to be true or false, got 1$/]]],
    [
      'EarlyStoppingPlugin',
      stopping,
      (state) => [
        [{ ...state, bestVal: null }, /expected bestState, bestVal and bestStep to be null all three, or none of them$/],
        [{ ...state, bestState: { w: 1 } }, /expected bestState.w to be a tensor, got 1$/],
        [{ ...state, bestStep: NaN }, /expected bestStep to be an integer of at least 0, got NaN$/],
        [{ ...state, warnedOf: ['all'] }, /expected warnedOf.0 to be "missing" or "NaN", got "all"$/],
      ],
    ],
    [
      'LRSchedulerPlugin',
      schedule,
      (state) => [
        [{ ...state, samples: -1 }, /expected samples to be an integer of at least 0, got -1$/],
        [{ ...state, scheduler: { lastEpoch: 1 } }, /expected the state of such an object, got last_epoch undefined$/],
        [{ ...state, scheduler: { ...state.scheduler, base_lrs: [1, 2] } }, /got base_lrs of 2 parameter groups in place of 1$/],
        [{ ...state, scheduler: 3 }, /expected the state of such an object, got 3$/],
      ],
    ],
    ['LRSchedulerPlugin of a scheduler of your own', new LRSchedulerPlugin(new Halving(optimizer)), (state) => [
      [{ ...state, scheduler: { last_epoch: 1 } }, /Missing key\(s\) in state_dict: "lastEpoch"\. Unexpected key\(s\) in state_dict: "last_epoch"\.$/],
    ]],
    ['LRSchedulerPlugin of a SequentialLR', new LRSchedulerPlugin(sequence()), (state) => [
      [
        { ...state, scheduler: { ...state.scheduler, _schedulers: [{ ...state.scheduler._schedulers[0], last_epoch: 9 }, {}] } },
        /expected the state of such an object, got last_epoch undefined$/,
      ],
    ]],
  ]; // prettier-ignore
  for (const [name, plugin, wrong] of cases) {
    it(`${name}: refused without a change where it does not fit`, () => {
      const before = comparable(plugin.stateDict());
      const state = throughFile(plugin.stateDict()) as Record<string, unknown>;
      for (const [what, given, message] of [...hostileStates(state), ...wrong(state).map((each) => ['', ...each] as const)]) {
        throwsWithCode(() => plugin.loadStateDict(given as State), 'ERR_STATE_DICT', message);
        assert.deepEqual(comparable(plugin.stateDict()), before, what);
      }
    });
  }
});
