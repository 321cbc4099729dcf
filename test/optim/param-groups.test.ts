import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { nn, ops, optim, SupervisedTemplate, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { smallBenchmark, smallModel } from '../support/small-runs';

const kinds = ['SGD', 'Adam', 'AdamW', 'RMSprop', 'Adagrad'] as const;
const parameter = (...values: number[]) => tensor(values, { dtype: 'float64' }).requiresGrad_();
/** Adds `factor` to every element of the gradient. */
const backward = (of: Tensor, factor = 1) => (ops.aten.sum!(ops.aten.mul!(of, factor)) as Tensor).backward();
const float64 = (...values: number[]) => tensor(values, { dtype: 'float64' });

const ownOptions = {
  SGD: { momentum: 0.9 },
  Adam: { betas: [0.5, 0.9], amsgrad: true },
  AdamW: { betas: [0.5, 0.9], amsgrad: true },
  RMSprop: { alpha: 0.5, centered: true, momentum: 0.9 },
  Adagrad: { lrDecay: 0.1, initialAccumulatorValue: 0.5 },
} as const;
const adamOptions = { betas: [0.9, 0.999], eps: 1e-8, amsgrad: false, maximize: false };
const allOptions = {
  SGD: { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
  Adam: { ...adamOptions, weightDecay: 0, decoupledWeightDecay: false },
  AdamW: { ...adamOptions, weightDecay: 0.01 },
  RMSprop: { alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false },
  Adagrad: { lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false },
};

describe('parameter groups', () => {
  it('have options of their own: SGD with a learning rate for each', () => {
    const [a, b] = [parameter(1), parameter(1)];
    const optimizer = new optim.SGD([{ params: [a], lr: 0.5 }, { params: [b] }], { lr: 0.25 });
    backward(a);
    backward(b);
    optimizer.step();
    assert.deepEqual([a.item(), b.item()], [0.5, 0.75]);
  });

  for (const kind of kinds) {
    it(`${kind}: each is updated as by an optimizer of its own, whatever parameters lie between`, () => {
      const shared = { lr: 0.1, weightDecay: 0.01 };
      const own = { ...ownOptions[kind], lr: 0.2 };
      const start = [1, -2, 3, 0.5];
      const grouped = start.map((value) => parameter(value, value + 1));
      const alone = start.map((value) => parameter(value, value + 1));
      const split = <T>([a, b, c, d]: T[]): [T[], T[]] => [
        [a!, c!],
        [b!, d!],
      ];
      const [first, second] = split(grouped);
      const optimizers: optim.Optimizer[] = [
        new optim[kind]([{ params: first }, { params: second, ...own }], shared),
        new optim[kind](split(alone)[0], shared),
        new optim[kind](split(alone)[1], { ...shared, ...own }),
      ];
      for (let t = 1; t <= 4; t++) {
        for (const optimizer of optimizers) optimizer.zeroGrad();
        // The last parameter rests in every other step.
        for (const all of [grouped, alone]) all.slice(0, t % 2 ? 4 : 3).forEach((p, i) => backward(p, (i + 1) / t));
        for (const optimizer of optimizers) optimizer.step();
      }
      grouped.forEach((p, i) => assertTensorEqual(p, alone[i]!, `parameter ${i}`));
      assert.notDeepEqual(first[0]!.toNumbers(), [1, 2]);
    });

    it(`${kind}: show parameters and all options`, () => {
      const [a, b, c] = [parameter(1), parameter(2), parameter(3)];
      const optimizer: optim.Optimizer = new optim[kind](
        [{ params: [a, b] }, { params: new Set([c]), maximize: true }],
        { lr: 0.5 },
      );
      assert.equal(optimizer.paramGroups.length, 2);
      const [first, second] = optimizer.paramGroups as [optim.ParamGroup, optim.ParamGroup];
      assert.deepEqual([first.params.length, second.params.length], [2, 1]);
      assert.ok(first.params[0]!.isSame(a) && first.params[1]!.isSame(b) && second.params[0]!.isSame(c));
      const { params: _, ...options } = first;
      const expected = { ...allOptions[kind], lr: 0.5 };
      assert.deepEqual(options, expected);
      assert.deepEqual([first.maximize, second.maximize], [false, true]);
    });

    it(`${kind}: parameters given alone are one group, whose options can be set`, () => {
      const p = parameter(1);
      const optimizer: optim.Optimizer = new optim[kind]([p], { lr: 0.5, maximize: true });
      const [group] = optimizer.paramGroups as [optim.ParamGroup];
      group.lr = 0;
      assert.equal(group.lr, 0);
      backward(p);
      optimizer.step();
      assert.equal(p.item(), 1);
      group.lr = 1;
      group.maximize = false;
      optimizer.step();
      assert.ok(p.item() < 1);
    });
  }

  it('an option that is undefined in a group is that of the optimizer', () => {
    const { paramGroups } = new optim.SGD([{ params: [parameter(1)], lr: undefined as never }], { lr: 0.5 });
    assert.equal(paramGroups[0]!.lr, 0.5);
  });

  it('a group may be empty as long as another is not', () => {
    const { paramGroups } = new optim.SGD([{ params: [] }, { params: [parameter(1)] }]);
    assert.deepEqual(
      paramGroups.map(({ params }) => params.length),
      [0, 1],
    );
  });

  it('Adam: betas cannot be changed in place, which would go unnoticed', () => {
    const [group] = new optim.Adam([parameter(1)]).paramGroups;
    assert.throws(() => ((group!.betas as unknown as number[])[0] = 0.5), TypeError);
    group!.betas = [0.5, 0.6];
    assert.deepEqual(group!.betas, [0.5, 0.6]);
  });

  it('an option set in a hook takes effect with the next step of the strategy', async () => {
    const model = smallModel();
    const values = () => model.parameters().map((p) => p.toNumbers());
    const seen: number[][][] = [];
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      trainMbSize: 2,
      plugins: [
        {
          beforeUpdate: ({ optimizer, clock }) => {
            if (clock.trainIterations === 1) optimizer.paramGroups[0]!.lr = 0;
            seen.push(values());
          },
        },
      ],
      evaluator: null,
    });
    await strategy.train(smallBenchmark().trainStream.at(0)!);
    assert.equal(seen.length, 4);
    assert.notDeepEqual(seen[1], seen[0]);
    assert.deepEqual([seen[2], seen[3], values()], [seen[1], seen[1], seen[1]]);
  });

  it('misuse: setting and looking while a job works with the optimizer; the training goes on', async () => {
    const model = smallModel();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const strategy = new SupervisedTemplate({ model, optimizer, trainEpochs: 5, evaluator: null });
    const training = strategy.train(smallBenchmark({ train: 200 }).trainStream.at(0)!);
    const [group] = optimizer.paramGroups;
    const p = parameter(1);
    let refused = 0;
    for (let done = false; !done;) {
      await Promise.race([training.then(() => (done = true)), nextTurn()]);
      if (done) break;
      throwsWithCode(() => (group!.lr = 0.5), 'ERR_BUSY', /^paramGroups: /);
      throwsWithCode(() => group!.params, 'ERR_BUSY', /^paramGroups: /);
      throwsWithCode(() => optimizer.state(p), 'ERR_BUSY', /^state: /);
      assert.equal(group!.lr, 0.1);
      refused++;
    }
    assert.ok(refused > 0);
    group!.lr = 0.5;
    assert.equal(group!.lr, 0.5);
  });

  it('misuse: groups that are none', () => {
    const p = parameter(1);
    const make = (groups: unknown) => () => new optim.SGD(groups as Tensor[], { lr: 1 });
    throwsWithCode(
      make([{ lr: 1 }]),
      'ERR_INVALID_ARG_TYPE',
      /^optim\.SGD, group 0: expected params as an array of tensors .*, got undefined$/,
    );
    throwsWithCode(
      make([{ params: p }]),
      'ERR_INVALID_ARG_TYPE',
      /group 0: expected params as an array of tensors .*, got a Tensor$/,
    );
    throwsWithCode(
      make([{ params: [p] }, { params: [3] }]),
      'ERR_INVALID_ARG_TYPE',
      /group 1: expected params to be tensors, got 3 at index 0$/,
    );
    throwsWithCode(
      make([{ params: [p] }, parameter(2)]),
      'ERR_INVALID_ARG_TYPE',
      /group 1: expected \{ params, \.\.\.options \} .*, got a Tensor$/,
    );
    throwsWithCode(
      make([p, { params: [parameter(2)] }]),
      'ERR_INVALID_ARG_TYPE',
      /^optim\.SGD: expected parameters to be tensors, got an object at index 1$/,
    );
    throwsWithCode(
      make({ params: [p] }),
      'ERR_INVALID_ARG_TYPE',
      /^optim\.SGD: expected parameters as an array .*, got an object$/,
    );
    throwsWithCode(
      make([{ params: [] }, { params: [] }]),
      'ERR_NO_PARAMETERS',
      /^optim\.SGD: expected at least one parameter, got none/,
    );
  });

  it('misuse: a parameter in two groups, or twice in one', () => {
    const p = parameter(1);
    for (const groups of [
      [{ params: [p] }, { params: [p] }],
      [{ params: [parameter(2)] }, { params: [p, p] }],
    ]) {
      throwsWithCode(
        () => new optim.Adam(groups),
        'ERR_INVALID_ARG_VALUE',
        /^optim\.Adam: expected parameters to be distinct, got Double \[1\] at index [01] of group 1$/,
      );
    }
  });

  for (const kind of kinds) {
    it(`${kind}, misuse: options of a group, given or set`, () => {
      const make = (options: object) => () =>
        new optim[kind]([{ params: [parameter(1)] }, { params: [parameter(2)], ...options }]);
      const name = `^optim\\.${kind}, group 1: `;
      throwsWithCode(
        make({ learningRate: 1 }),
        'ERR_UNKNOWN_OPTION',
        new RegExp(`${name}unknown option "learningRate"`),
      );
      throwsWithCode(
        make({ lr: -1 }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`${name}expected lr to be a number of at least 0, got -1$`),
      );
      throwsWithCode(
        make({ maximize: 1 }),
        'ERR_INVALID_ARG_TYPE',
        new RegExp(`${name}expected maximize to be true or false, got 1$`),
      );
      const optimizer: optim.Optimizer = make({ lr: 0.5 })();
      const group = optimizer.paramGroups[1]!;
      for (const value of [-1, NaN, Infinity]) {
        throwsWithCode(
          () => (group.lr = value),
          'ERR_INVALID_ARG_VALUE',
          new RegExp(`${name}expected lr to be .*, got ${value}$`),
        );
      }
      throwsWithCode(
        () => (group.lr = '1' as never),
        'ERR_INVALID_ARG_TYPE',
        new RegExp(`${name}expected lr to be .*, got "1"$`),
      );
      assert.equal(group.lr, 0.5);
      assert.throws(() => ((group as any).learningRate = 1), TypeError);
      assert.throws(() => (optimizer.paramGroups as any).push(group), TypeError);
    });
  }

  it('SGD, misuse: nesterov in a group without momentum, given or set', () => {
    const expected = /^optim\.SGD, group 0: expected momentum above 0 and dampening 0 with nesterov/;
    throwsWithCode(
      () => new optim.SGD([{ params: [parameter(1)], nesterov: true }]),
      'ERR_INVALID_ARG_VALUE',
      expected,
    );
    const [group] = new optim.SGD([{ params: [parameter(1)], nesterov: true, momentum: 0.5 }]).paramGroups;
    throwsWithCode(() => (group!.momentum = 0), 'ERR_INVALID_ARG_VALUE', expected);
    assert.equal(group!.momentum, 0.5);
  });
});

describe('state of an optimizer', () => {
  it('SGD: the momentum buffer, a copy', () => {
    const [p, q] = [parameter(1, 2), parameter(3)];
    const optimizer = new optim.SGD([p, q], { momentum: 0.5 });
    assert.equal(optimizer.state(p), null);
    backward(p, 4);
    optimizer.step();
    optimizer.step();
    // v = 4, then 0.5 * 4 + 4.
    assertTensorEqual(optimizer.state(p)!.momentumBuffer!, float64(6, 6));
    assert.deepEqual(Object.keys(optimizer.state(p)!), ['momentumBuffer']);
    assert.equal(optimizer.state(q), null);
    ops.aten.zero_!(optimizer.state(p)!.momentumBuffer);
    assertTensorEqual(optimizer.state(p)!.momentumBuffer!, float64(6, 6));
  });

  it('SGD: none without momentum; momentum that is turned on later begins without dampening, as any first update', () => {
    const p = parameter(0);
    const optimizer = new optim.SGD([p], { lr: 1, dampening: 0.5 });
    backward(p, 4);
    optimizer.step();
    assert.equal(optimizer.state(p), null);
    optimizer.paramGroups[0]!.momentum = 0.5;
    optimizer.step();
    assertTensorEqual(optimizer.state(p)!.momentumBuffer!, float64(4));
    optimizer.step();
    // 0.5 * 4 + (1 - 0.5) * 4; -4 of each of the first two steps.
    assertTensorEqual(optimizer.state(p)!.momentumBuffer!, float64(4));
    assert.equal(p.item(), -12);
  });

  for (const kind of ['Adam', 'AdamW'] as const) {
    it(`${kind}: the moments and how many updates they have seen`, () => {
      const [p, q] = [parameter(1), parameter(2)];
      const optimizer = new optim[kind]([{ params: [p] }, { params: [q], amsgrad: true }], { betas: [0.5, 0.75] });
      backward(p, 4);
      backward(q, 4);
      optimizer.step();
      q.grad!.dispose();
      optimizer.zeroGrad();
      backward(p, 2);
      optimizer.step();
      const state = optimizer.state(p)!;
      assert.deepEqual(Object.keys(state), ['step', 'expAvg', 'expAvgSq']);
      assert.equal(state.step, 2);
      // 0.5 * (0.5 * 4) + 0.5 * 2 and 0.75 * (0.25 * 16) + 0.25 * 4
      assertTensorClose(state.expAvg!, float64(2));
      assertTensorClose(state.expAvgSq!, float64(4));
      const resting = optimizer.state(q)!;
      assert.equal(resting.step, 1);
      assertTensorClose(resting.maxExpAvgSq!, float64(4));
    });
  }

  it('has the shape of its parameter', () => {
    const layer = new nn.Linear(2, 3);
    const optimizer = new optim.Adam(layer.parameters());
    (ops.aten.sum!(layer.forward(tensor([[1, 2]]))) as Tensor).backward();
    optimizer.step();
    const [weight, bias] = layer.parameters();
    assert.deepEqual(optimizer.state(weight!)!.expAvg!.shape, [3, 2]);
    assert.deepEqual(optimizer.state(bias!)!.expAvg!.shape, [3]);
    // d/dw = (1, 2) in each row, of which a tenth enters.
    assertTensorClose(
      optimizer.state(weight!)!.expAvg!,
      tensor([
        [0.1, 0.2],
        [0.1, 0.2],
        [0.1, 0.2],
      ]),
    );
  });

  it('misuse: another tensor has none, something else is refused', () => {
    const optimizer = new optim.SGD([parameter(1)]);
    assert.equal(optimizer.state(parameter(1)), null);
    throwsWithCode(
      () => optimizer.state('weight' as never),
      'ERR_INVALID_ARG_TYPE',
      /^state: expected a Tensor, got "weight"$/,
    );
    const gone = parameter(1);
    gone.dispose();
    throwsWithCode(() => optimizer.state(gone), 'ERR_DISPOSED', /disposed/);
  });
});
