// Learning rates over 60 steps as PyTorch's schedulers set them (test/fixtures/record_optim.py): alone, with rates that
// somebody else changes in between, and resumed with lastEpoch.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import { LRSchedulerPlugin, optim, SupervisedTemplate, tensor, type Tensor } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';
import { smallBenchmark, smallModel } from '../support/small-runs';

interface Case {
  kind: 'SGD' | 'Adam' | 'RMSprop';
  scheduler: string;
  options: Record<string, unknown>;
  change: boolean;
  resume: boolean;
  withMetrics?: boolean;
}
type Scheduler = optim.LRScheduler & {
  getLastLr(): number[];
  stateDict(): object;
  loadStateDict(state: unknown): void;
};
const { resumeAt, metrics, ...rest } = JSON.parse(readFileSync(fixturePath('optim', 'schedulers.json'), 'utf8')) as {
  resumeAt: number;
  metrics: (number | null)[];
};
const cases = Object.entries<Case>(rest);
const baseOptions = { SGD: { lr: 0.1, momentum: 0.9 }, Adam: { lr: 0.1 }, RMSprop: { lr: 0.1 } };

function makeOptimizer(kind: Case['kind'] = 'SGD'): optim.Optimizer {
  const p = () => tensor([0]).requiresGrad_();
  return new optim[kind]([{ params: [p()] }, { params: [p()], lr: 0.8 }], baseOptions[kind]);
}

function makeScheduler(name: string, optimizer: optim.Optimizer, options: object): Scheduler {
  if (name !== 'SequentialLR') return new (optim as any)[name](optimizer, options);
  const { schedulers, ...rest } = options as { schedulers: [string, object][] };
  const made = schedulers.map((part) => (Array.isArray(part) ? makeScheduler(part[0], optimizer, part[1]) : part));
  return new (optim as any).SequentialLR(optimizer, { ...rest, schedulers: made });
}
const rates = (optimizer: optim.Optimizer) => optimizer.paramGroups.map(({ lr }) => lr);
const momenta = (optimizer: optim.Optimizer) =>
  optimizer.paramGroups.map((group: any): number => group.betas?.[0] ?? group.momentum);

function assertClose(actual: number[], expected: number[], what: string): void {
  expected.forEach((value, i) => {
    assert.ok(Math.abs(actual[i]! - value) <= 1e-12 * Math.abs(value) + 1e-18, `${what}: ${actual[i]} and not ${value}`);
  });
}

describe('schedulers', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    recorded = await loadFixture('optim/schedulers');
  });
  const rows = (name: string) => {
    const numbers = recorded(name).toNumbers();
    return Array.from({ length: numbers.length / 2 }, (_, i) => numbers.slice(2 * i, 2 * i + 2));
  };

  for (const [name, { kind, scheduler: type, options, change, resume, withMetrics }] of cases) {
    it(`${type} ${JSON.stringify(options)} with ${kind}${change ? ', rates changed in between' : ''}${resume ? ', resumed' : ''} sets PyTorch's learning rates`, () => {
      let optimizer = makeOptimizer(kind);
      let scheduler = makeScheduler(type, optimizer, options);
      const lrs = [rates(optimizer)];
      const moved = [momenta(optimizer)];
      const steps = rows(`${name}.lrs`).length - 1;
      for (let step = 1; step <= steps; step++) {
        if (change && (step === 10 || step === 30)) optimizer.paramGroups[0]!.lr = 0.25;
        if (resume && step === resumeAt) {
          const saved = optimizer.stateDict();
          optimizer = makeOptimizer(kind);
          optimizer.loadStateDict(saved);
          scheduler = makeScheduler(type, optimizer, { ...options, lastEpoch: step - 2 });
          lrs[lrs.length - 1] = rates(optimizer);
        }
        if (withMetrics) scheduler.step(metrics[step - 1] ?? NaN);
        else scheduler.step();
        assert.deepEqual(scheduler.getLastLr(), rates(optimizer));
        assert.equal(scheduler.lastEpoch, step);
        lrs.push(rates(optimizer));
        moved.push(momenta(optimizer));
      }
      rows(`${name}.lrs`).forEach((expected, step) => assertClose(lrs[step]!, expected, `step ${step}`));
      if (type !== 'OneCycleLR') return;
      rows(`${name}.momenta`).forEach((expected, step) => assertClose(moved[step]!, expected, `momentum of step ${step}`));
    });
  }

  for (const [name, { kind, scheduler: type, options, withMetrics, change, resume }] of cases) {
    if (change || resume) continue;
    it(`${type} ${JSON.stringify(options)} with ${kind} goes on from a state dict as if it had never stopped`, () => {
      const [first, second] = [makeOptimizer(kind), makeOptimizer(kind)];
      const [whole, resumed] = [first, second].map((optimizer) => makeScheduler(type, optimizer, options)) as [Scheduler, Scheduler];
      const advance = (scheduler: Scheduler, from: number, to: number) => {
        for (let t = from; t < to; t++) scheduler.step(withMetrics ? (metrics[t] ?? NaN) : undefined);
      };
      advance(whole, 0, 20);
      resumed.loadStateDict(new Map(Object.entries(whole.stateDict())));
      second.loadStateDict(first.stateDict());
      assert.deepEqual([resumed.lastEpoch, resumed.getLastLr()], [20, rates(first)]);
      advance(whole, 20, 50);
      advance(resumed, 20, 50);
      assert.deepEqual(rates(second), rates(first), name);
    });
  }

  it('LambdaLR multiplies the rates of the beginning by what its functions give', () => {
    const optimizer = makeOptimizer();
    const scheduler = new optim.LambdaLR(optimizer, [(epoch) => 0.5 ** epoch, (epoch) => 1 / (1 + epoch)]);
    scheduler.step();
    scheduler.step();
    assert.deepEqual(rates(optimizer), [0.1 * 0.25, 0.8 * (1 / 3)]);
    const both = makeOptimizer();
    new optim.LambdaLR(both, () => 0.5);
    assert.deepEqual(rates(both), [0.05, 0.4]);
  });

  it('CosineAnnealingWarmRestarts, resumed in a long cycle, stays in it (PyTorch begins one of another length)', () => {
    const run = (resumed: boolean) => {
      const optimizer = makeOptimizer();
      let scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 2, tMult: 2 });
      for (let t = 1; t <= 5; t++) scheduler.step();
      if (resumed) scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 2, tMult: 2, lastEpoch: 4 });
      scheduler.step();
      return rates(optimizer);
    };
    assert.deepEqual(run(true), run(false));
  });

  it('a second scheduler of an optimizer counts from the rates before the first, as in PyTorch', () => {
    const optimizer = makeOptimizer();
    new optim.LinearLR(optimizer, { startFactor: 0.5 });
    assert.deepEqual(rates(optimizer), [0.05, 0.4]);
    const second = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
    assert.deepEqual(second.baseLrs, [0.1, 0.8]);
    assert.deepEqual(optimizer.stateDict().param_groups.map(({ initial_lr }) => initial_lr), [0.1, 0.8]);
  });

  it('a class that extends BaseLRScheduler says only what the learning rates are', () => {
    class Halving extends optim.BaseLRScheduler {
      constructor(optimizer: optim.Optimizer) {
        super('Halving', optimizer);
        this.begin();
      }

      protected override getLr() {
        return this.scaled(this.isInitial ? 1 : 0.5);
      }
    }
    const optimizer = makeOptimizer();
    const scheduler = new Halving(optimizer);
    scheduler.step();
    assert.deepEqual([scheduler.getLastLr(), rates(optimizer)], [[0.05, 0.4], [0.05, 0.4]]);
  });

  it('OneCycleLR may be stepped once more after its last iteration, as a training loop does, and then no more', () => {
    for (const annealStrategy of ['cos', 'linear'] as const) {
      const optimizer = makeOptimizer('Adam');
      const scheduler = new optim.OneCycleLR(optimizer, { maxLr: 0.5, totalSteps: 4, annealStrategy });
      for (let t = 0; t < 4; t++) scheduler.step();
      for (const lr of rates(optimizer)) assert.ok(lr >= 0 && lr < 0.5);
      for (const momentum of momenta(optimizer)) assert.ok(momentum >= 0.85 && momentum <= 0.95);
      const before = rates(optimizer);
      throwsWithCode(() => scheduler.step(), 'ERR_CALL_ORDER', /^optim\.OneCycleLR: expected at most 4 steps, got step 5$/);
      assert.deepEqual([rates(optimizer), scheduler.lastEpoch], [before, 4]);
    }
  });

  it('a schedule that begins elsewhere than at the base rate begins there in each experience of a strategy', async () => {
    const model = smallModel();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const scheduler = new optim.LinearLR(optimizer, { startFactor: 0.25, totalIters: 3 });
    const seen: number[] = [];
    const strategy = new SupervisedTemplate({
      model,
      optimizer,
      trainMbSize: 2,
      plugins: [
        { beforeUpdate: (s) => void seen.push(s.optimizer.paramGroups[0]!.lr) },
        new LRSchedulerPlugin(scheduler, { stepGranularity: 'iteration' }),
      ],
      evaluator: null,
    });
    await strategy.train(smallBenchmark().trainStream);
    const expected = [0.025, 0.05, 0.075, 0.1];
    assertClose(seen, [...expected, ...expected], 'rates');
  });

  it('ReduceLROnPlateau halves the rate where the loss of a strategy does not fall', async () => {
    const model = smallModel();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.4 });
    const scheduler = new optim.ReduceLROnPlateau(optimizer, { factor: 0.5, patience: 0, threshold: 10, thresholdMode: 'abs' });
    const plugin = new LRSchedulerPlugin(scheduler, { metric: 'train_loss', resetLr: false });
    const strategy = new SupervisedTemplate({ model, optimizer, trainEpochs: 3, plugins: [plugin], evaluator: null });
    await strategy.train(smallBenchmark().trainStream.at(0)!);
    assert.equal(optimizer.paramGroups[0]!.lr, 0.1);
  });

  describe('misuse', () => {
    const make = (name: string, options?: object, kind?: Case['kind']) => () =>
      makeScheduler(name, makeOptimizer(kind), options as object);
    const wrong: [string, object | undefined, RegExp][] = [
      ['MultiStepLR', { milestones: [1, -1] }, /milestones\.1 to be .*, got -1$/],
      ['MultiStepLR', { milestones: [1], gamma: -1 }, /gamma to be a number of at least 0, got -1$/],
      ['ExponentialLR', { gamma: NaN }, /gamma to be a number of at least 0, got NaN$/],
      ['CosineAnnealingLR', { tMax: 0 }, /tMax to be a positive integer, got 0$/],
      ['CosineAnnealingLR', { tMax: 5, etaMin: -1 }, /etaMin to be a number of at least 0, got -1$/],
      ['LinearLR', { startFactor: 0 }, /startFactor to be a number in \(0, 1\], got 0$/],
      ['LinearLR', { endFactor: 2 }, /endFactor to be a number in \[0, 1\], got 2$/],
      ['ConstantLR', { factor: 1.5 }, /factor to be a number in \[0, 1\], got 1\.5$/],
      ['PolynomialLR', { totalIters: 0 }, /totalIters to be a positive integer, got 0$/],
      ['CosineAnnealingWarmRestarts', { t0: 1.5 }, /t0 to be a positive integer, got 1\.5$/],
      ['OneCycleLR', { maxLr: 0, totalSteps: 5 }, /maxLr to be a number above 0, got 0$/],
      ['OneCycleLR', { maxLr: [1], totalSteps: 5 }, /maxLr to be one number for each of 2 parameter groups, got 1$/],
      ['OneCycleLR', { maxLr: 1 }, /expected totalSteps, or epochs and stepsPerEpoch, got neither$/],
      ['OneCycleLR', { maxLr: 1, totalSteps: 5, pctStart: 2 }, /pctStart to be a number in \[0, 1\], got 2$/],
      ['OneCycleLR', { maxLr: 1, totalSteps: 5, annealStrategy: 'sin' }, /annealStrategy to be "cos" or "linear", got "sin"$/],
      ['ReduceLROnPlateau', { factor: 1 }, /factor to be a number in \[0, 1\), got 1$/],
      ['ReduceLROnPlateau', { mode: 'mid' }, /mode to be "min" or "max", got "mid"$/],
      ['ReduceLROnPlateau', { thresholdMode: 'x' }, /thresholdMode to be "rel" or "abs", got "x"$/],
      ['ReduceLROnPlateau', { minLr: [1] }, /minLr to be one number for each of 2 parameter groups, got 1$/],
      ['StepLR', { stepSize: 1, lastEpoch: 3 }, /expected lastEpoch -1 or an initialLr in group 0 .*, got lastEpoch 3$/],
      ['StepLR', { stepSize: 1, lastEpoch: -2 }, /lastEpoch to be an integer of at least -1, got -2$/],
    ];
    for (const [name, options, message] of wrong) {
      it(`${name} ${JSON.stringify(options)}`, () => {
        const error = throwsWithCode(make(name, options), 'ERR_INVALID_ARG_VALUE', message);
        assert.ok(error.message.startsWith(`optim.${name}: expected `), error.message);
      });
    }

    it('names that do not exist, and something that is no optimizer', () => {
      for (const [name, { options }] of new Map(cases.map(([, c]) => [c.scheduler, c]))) {
        if (name === 'SequentialLR') continue;
        throwsWithCode(make(name, { ...options, gama: 1 }), 'ERR_UNKNOWN_OPTION', /unknown option "gama"; expected among/);
        throwsWithCode(() => makeScheduler(name, {} as never, options), 'ERR_INVALID_ARG_TYPE', /expected optimizer to be/);
      }
    });

    it('OneCycleLR for an optimizer without momentum', () => {
      const optimizer = new optim.Adagrad([tensor([0]).requiresGrad_()], { lr: 0.1 });
      throwsWithCode(
        () => new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5 }),
        'ERR_INVALID_ARG_VALUE',
        /expected an optimizer with momentum or betas for cycleMomentum, got one without$/,
      );
      assert.deepEqual([optimizer.paramGroups[0]!.lr, optimizer.paramGroups[0]!.initialLr], [0.1, null]);
      new optim.OneCycleLR(optimizer, { maxLr: 1, totalSteps: 5, cycleMomentum: false });
    });

    it('SequentialLR with schedulers or milestones that do not fit', () => {
      const optimizer = makeOptimizer();
      const a = new optim.ExponentialLR(optimizer, { gamma: 0.5 });
      const sequence = (schedulers: unknown[], milestones: number[]) => () =>
        new optim.SequentialLR(optimizer, { schedulers: schedulers as optim.BaseLRScheduler[], milestones });
      const code = 'ERR_INVALID_ARG_VALUE';
      throwsWithCode(sequence([], []), code, /expected schedulers to be at least one scheduler, got an array of 0$/);
      throwsWithCode(sequence([a, a], []), code, /expected 1 milestones for 2 schedulers, got 0$/);
      throwsWithCode(sequence([a, a, a], [4, 4]), code, /expected milestones in ascending order, got 4, 4$/);
      throwsWithCode(sequence([a, a], [0]), code, /milestones\.0 to be .*, got 0$/);
      const other = new optim.ExponentialLR(makeOptimizer(), { gamma: 0.5 });
      throwsWithCode(sequence([a, other], [1]), code, /expected schedulers of this optimizer, got one of another$/);
      const plateau = new optim.ReduceLROnPlateau(optimizer);
      throwsWithCode(sequence([a, plateau], [1]), 'ERR_INVALID_ARG_TYPE', /a scheduler that needs no metrics, got a Reduce/);
      throwsWithCode(
        () => new optim.SequentialLR({} as never, { schedulers: [a], milestones: [] }),
        'ERR_INVALID_ARG_TYPE',
        /^optim\.SequentialLR: expected optimizer to be an Optimizer/,
      );
      const whole = new optim.SequentialLR(optimizer, { schedulers: [a], milestones: [] });
      throwsWithCode(() => whole.loadStateDict({ ...whole.stateDict(), _schedulers: [] }), 'ERR_STATE_DICT', /of 1 schedulers, got 0$/);
    });

    it('LambdaLR with functions for other groups, or none', () => {
      throwsWithCode(() => new optim.LambdaLR(makeOptimizer(), [() => 1]), 'ERR_INVALID_ARG_VALUE', /each of 2 .*, got 1$/);
      throwsWithCode(() => new optim.LambdaLR(makeOptimizer(), 1 as never), 'ERR_INVALID_ARG_TYPE', /a function.*, got 1$/);
    });

    it('ReduceLROnPlateau without a metric', () => {
      const scheduler = new optim.ReduceLROnPlateau(makeOptimizer());
      throwsWithCode(() => scheduler.step(), 'ERR_INVALID_ARG_TYPE', /expected metrics to be a number, got undefined$/);
      assert.equal(scheduler.lastEpoch, 0);
    });

    it('a state that is none', () => {
      const scheduler = new optim.StepLR(makeOptimizer(), { stepSize: 1 });
      throwsWithCode(() => scheduler.loadStateDict(3), 'ERR_STATE_DICT', /^loadStateDict: expected the state .*, got 3$/);
      throwsWithCode(() => scheduler.loadStateDict({}), 'ERR_STATE_DICT', /got last_epoch undefined$/);
      assert.equal(scheduler.lastEpoch, 0);
    });
  });
});
