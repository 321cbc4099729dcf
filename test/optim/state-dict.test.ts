import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import { manualSeed, MASPlugin, models, nn, ops, optim, SupervisedTemplate, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';
import { flat, freshParameters, trainOn } from '../support/recorded-steps';
import { smallBenchmark, smallModel } from '../support/small-runs';

type Kind = 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad';
/** A state dict as PyTorch has it; the tensors of the state (false: there is one, true: None) lie beside. */
interface Recorded {
  kind: Kind;
  state: Record<string, Record<string, boolean>>;
  param_groups: ({ params: number[] } & Record<string, unknown>)[];
}
const recordedStates = JSON.parse(readFileSync(fixturePath('optim', 'states.json'), 'utf8')) as Record<string, Recorded>;

const groups = [['weight', 'sparse'], ['kernel', 'scalar']] as const;
const options = {
  SGD: { lr: 0.02, momentum: 0.8, weightDecay: 0.1 },
  Adam: { lr: 0.02, amsgrad: true },
  AdamW: { lr: 0.02 },
  RMSprop: { lr: 0.02, momentum: 0.7, centered: true },
  Adagrad: { lr: 0.02, lrDecay: 0.05, initialAccumulatorValue: 0.5 },
};
const kinds = Object.keys(options) as Kind[];

/** An optimizer with two groups, from names or from tensors alone. */
function make(kind: Kind, parameters: Record<string, Tensor>, named: boolean, given: object = options[kind]) {
  const inOrder = Object.entries(parameters);
  const [first, second] = groups.map((names) => inOrder.filter(([name]) => names.includes(name as never)));
  const params = (entries: [string, Tensor][]) => (named ? entries : entries.map(([, parameter]) => parameter));
  const made: optim.Optimizer = new optim[kind]([
    { params: params(first!) },
    { params: params(second!), lr: 0.004, weightDecay: 0.02 },
  ], given);
  return made;
}

describe('state dicts of optimizers', () => {
  let steps: (name: string) => Tensor;
  let states: (name: string) => Tensor;
  before(async () => {
    steps = await loadFixture('optim/steps');
    states = await loadFixture('optim/states');
  });

  for (const kind of kinds) {
    for (const named of [true, false]) {
      it(`${kind}: training that is continued from one ${named ? 'with' : 'without'} names has the bits of training that never stopped`, () => {
        const whole = freshParameters(steps);
        const reference = make(kind, whole, named);
        trainOn(reference, whole, steps, 0, 40);
        const saved = reference.stateDict();
        const resumed = Object.fromEntries(
          Object.entries(whole).map(([name, p]) => [name, (ops.aten.clone!(ops.aten.detach!(p)) as Tensor).requiresGrad_()]),
        );
        trainOn(reference, whole, steps, 40, 70);
        // Options and state come with the state dict.
        const optimizer = make(kind, resumed, named, kind === 'Adagrad' ? {} : { lr: 7, ...(kind === 'Adam' && { amsgrad: false }) });
        optimizer.loadStateDict(saved);
        trainOn(optimizer, resumed, steps, 40, 70);
        assertTensorEqual(flat(resumed), flat(whole));
        assert.deepEqual(
          optimizer.paramGroups.map(({ params: _, ...rest }) => rest),
          reference.paramGroups.map(({ params: _, ...rest }) => rest),
        );
      });
    }

    it(`${kind}: names find their parameters in another order`, () => {
      const whole = freshParameters(steps);
      const reference = make(kind, whole, true);
      trainOn(reference, whole, steps, 0, 40);
      const saved = reference.stateDict();
      const shuffled = freshParameters(steps, ['scalar', 'sparse', 'kernel', 'weight']);
      for (const [name, parameter] of Object.entries(shuffled)) {
        ops.aten.copy_!(ops.aten.detach!(parameter), ops.aten.detach!(whole[name]));
      }
      const optimizer = make(kind, shuffled, true);
      optimizer.loadStateDict(saved);
      trainOn(reference, whole, steps, 40, 70);
      trainOn(optimizer, shuffled, steps, 40, 70);
      assertTensorClose(flat(shuffled), flat(whole), { relative: 1e-12, absolute: 1e-14 });
    });
  }

  for (const [name, recorded] of Object.entries(recordedStates)) {
    /** As a checkpoint of Python is read: nested maps. */
    const python = () => ({
      state: new Map(
        Object.entries(recorded.state).map(([index, entries]) => [
          Number(index),
          new Map(
            Object.entries(entries).map(([key, isNone]) => [key, isNone ? null : states(`${name}.state.${index}.${key}`)]),
          ),
        ]),
      ),
      param_groups: recorded.param_groups.map((group) => new Map(Object.entries(group))),
    });
    const at = (moment: string) => {
      const parameters = freshParameters(steps);
      let begin = 0;
      for (const parameter of Object.values(parameters)) {
        const values = ops.aten.narrow!(states(`${name}.${moment}`), 0, begin, parameter.numel()) as Tensor;
        ops.aten.copy_!(ops.aten.detach!(parameter), ops.aten.reshape!(values, parameter.shape));
        begin += parameter.numel();
      }
      return parameters;
    };

    for (const named of [true, false]) {
      it(`${name}: PyTorch's is continued by an optimizer ${named ? 'with' : 'without'} names as PyTorch continues it`, () => {
        const parameters = at('at40');
        const optimizer = make(recorded.kind, parameters, named, {});
        optimizer.loadStateDict(new Map(Object.entries(python())));
        trainOn(optimizer, parameters, steps, 40, 100);
        assertTensorClose(flat(parameters), states(`${name}.final`), { relative: 1e-6, absolute: 1e-12 });
      });
    }

    it(`${name}: what is written has the keys, shapes and values of PyTorch's`, () => {
      const optimizer = make(recorded.kind, at('at40'), false, {});
      optimizer.loadStateDict(python());
      const { state, param_groups } = optimizer.stateDict();
      const theirs = python();
      const ignored = ['foreach', 'fused', 'capturable', 'differentiable', 'param_names'];
      param_groups.forEach((group, i) => {
        const expected = Object.entries(recorded.param_groups[i]!).filter(([key]) => !ignored.includes(key));
        assert.deepEqual(group, Object.fromEntries(expected));
      });
      for (const [index, entries] of theirs.state) {
        const given = [...entries].filter(([, value]) => value !== null);
        assert.deepEqual(Object.keys(state.get(index) ?? {}).sort(), given.map(([key]) => key).sort());
        for (const [key, value] of given) {
          const ours = state.get(index)![key]!;
          if (typeof ours === 'number') assert.equal(ours, value!.item());
          else assertTensorEqual(ours, value!, key);
        }
      }
    });
  }

  it('speaks in names where all parameters have one, else in positions', () => {
    const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1, { bias: false }));
    const keys = (optimizer: optim.Optimizer) => optimizer.stateDict().param_groups.map(({ params }) => params);
    assert.deepEqual(keys(new optim.SGD(model.namedParameters())), [['0.weight', '0.bias', '1.weight']]);
    assert.deepEqual(keys(new optim.SGD(model.parameters())), [[0, 1, 2]]);
    const [[, first], ...others] = [...model.namedParameters()] as [[string, Tensor], ...[string, Tensor][]];
    assert.deepEqual(keys(new optim.SGD([{ params: [first] }, { params: others }])), [[0], [1, 2]]);
    const { paramGroups } = new optim.SGD([{ params: [first] }, { params: others }]);
    assert.deepEqual([paramGroups[0]!.paramNames, paramGroups[1]!.paramNames], [null, ['0.bias', '1.weight']]);
  });

  it('is a copy: later steps do not reach it', () => {
    const p = tensor([1, 2]).requiresGrad_();
    const optimizer = new optim.SGD([['p', p]], { momentum: 0.9 });
    (ops.aten.sum!(p) as Tensor).backward();
    optimizer.step();
    const { state } = optimizer.stateDict();
    optimizer.step();
    assertTensorEqual(state.get('p')!.momentum_buffer as Tensor, tensor([1, 1]));
  });

  it('is that of the whole model after a strategy has trained it, also where parameters were given without names', async () => {
    const run = async (stop: boolean) => {
      manualSeed(5);
      let model = smallModel();
      const make = (optimizer: optim.Optimizer) =>
        new SupervisedTemplate({ model, optimizer, trainMbSize: 2, evaluator: null });
      let strategy = make(new optim.Adam(model.parameters(), { lr: 0.05 }));
      const [first, second] = smallBenchmark().trainStream;
      await strategy.train(first!, { shuffle: false });
      if (stop) {
        const saved = strategy.optimizer.stateDict();
        assert.deepEqual(saved.param_groups[0]!.params, [...model.namedParameters().keys()]);
        const values = model.namedParameters();
        model = smallModel();
        for (const [name, p] of model.namedParameters()) p.detach().copy_(values.get(name)!.detach());
        const optimizer = new optim.Adam(model.namedParameters());
        optimizer.loadStateDict(saved);
        strategy = make(optimizer);
      }
      await strategy.train(second!, { shuffle: false });
      return model.parameters().map((p) => p.toNumbers());
    };
    assert.deepEqual(await run(true), await run(false));
  });

  it('names the parameters of a model that has grown, and leaves out the state that growing has dropped', async () => {
    const model = new models.IncrementalClassifier(4);
    const optimizer = new optim.Adam(model.namedParameters(), { lr: 0.05 });
    const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 2, evaluator: null });
    const { trainStream } = smallBenchmark();
    for (const [experience, classes] of [[trainStream.at(0)!, 2], [trainStream.at(1)!, 4]] as const) {
      await strategy.train(experience);
      const { state, param_groups } = optimizer.stateDict();
      const names = [...strategy.model.namedParameters().keys()];
      assert.deepEqual(param_groups.map(({ params }) => params), [names]);
      assert.deepEqual([...state.keys()], names);
      assert.deepEqual(names.map((name) => (state.get(name)!.exp_avg as Tensor).shape[0]), [classes, classes]);
      assert.deepEqual(names.map((name) => state.get(name)!.step), [4, 4]);
      const other = new models.IncrementalClassifier(4, { initialOutFeatures: classes });
      new optim.Adam(other.namedParameters()).loadStateDict(optimizer.stateDict());
    }
    const small = new optim.Adam(new models.IncrementalClassifier(4).namedParameters());
    throwsWithCode(() => small.loadStateDict(optimizer.stateDict()), 'ERR_STATE_DICT', /of shape \[2, 4\] for .*, got \[4, 4\]$/);
  });

  it('loaded while a strategy has laid the parameters out, counts from its next step on', async () => {
    const model = smallModel();
    const optimizer = new optim.SGD(model.namedParameters(), { lr: 0.1, momentum: 0.9 });
    const plugins = [new MASPlugin({ lambdaReg: 0.1 })];
    const strategy = new SupervisedTemplate({ model, optimizer, plugins, trainMbSize: 2, evaluator: null });
    const { trainStream } = smallBenchmark();
    await strategy.train(trainStream.at(0)!);
    const saved = optimizer.stateDict();
    const [key] = saved.state.keys();
    saved.state.get(key!)!.momentum_buffer = ops.aten.full_like!(saved.state.get(key!)!.momentum_buffer, 3) as Tensor;
    saved.param_groups[0]!.lr = 0;
    optimizer.loadStateDict(saved);
    const before = model.parameters().map((p) => p.toNumbers());
    assert.deepEqual(optimizer.state(model.parameters()[0]!)!.momentumBuffer!.toNumbers()[0], 3);
    await strategy.train(trainStream.at(0)!);
    assert.deepEqual(model.parameters().map((p) => p.toNumbers()), before);
  });

  describe('misuse', () => {
    const build = (given: object = { momentum: 0.9 }) => {
      const named: [string, Tensor][] = [
        ['a', tensor([1, 2]).requiresGrad_()],
        ['b', tensor([[3]]).requiresGrad_()],
      ];
      const optimizer = new optim.SGD(named, given);
      for (const [, p] of named) (ops.aten.sum!(p) as Tensor).backward();
      optimizer.step();
      return optimizer;
    };
    /** Refused, and nothing changed. */
    const refused = (change: (saved: any) => unknown, message: RegExp) => {
      const optimizer = build();
      const saved = build({ momentum: 0.5, lr: 3 }).stateDict();
      const before = optimizer.stateDict();
      throwsWithCode(() => optimizer.loadStateDict(change(saved) ?? saved), 'ERR_STATE_DICT', message);
      const after = optimizer.stateDict();
      assert.deepEqual(after.param_groups, before.param_groups);
      for (const [key, entries] of before.state) {
        assertTensorEqual(after.state.get(key)!.momentum_buffer as Tensor, entries.momentum_buffer as Tensor);
      }
    };

    it('something that is no state dict', () => {
      refused(() => 3, /^loadStateDict: expected a state dict as a map or an object, got 3$/);
      refused(() => ({}), /expected "state" as a map or an object, got undefined$/);
      refused(() => ({ state: {}, param_groups: {} }), /expected "param_groups" as an array, got an object$/);
      refused((s) => void (s.param_groups[0] = 7), /expected group 0 as a map or an object, got 7$/);
      refused((s) => void delete s.param_groups[0].params, /expected "params" of group 0 as an array, got undefined$/);
      refused((s) => void s.state.set('a', 1), /expected the state of a as a map or an object, got 1$/);
      refused((s) => void (s.state.get('a').momentum_buffer = 1), /expected a tensor as momentum_buffer of a, got 1$/);
      refused((s) => void (s.state.get('a').step = -1), /expected step of a as a number of at least 0, got -1$/);
      refused((s) => void (s.state.get('a').step = 0.5), /expected step of a as a whole number, got 0\.5$/);
    });

    it('groups or parameters that are more or fewer, or called otherwise', () => {
      refused((s) => void s.param_groups.push(s.param_groups[0]), /expected 1 parameter groups, got 2$/);
      refused((s) => void (s.param_groups = []), /expected 1 parameter groups, got 0$/);
      refused((s) => void s.param_groups[0].params.pop(), /expected 2 parameters in group 0, got 1$/);
      refused((s) => void (s.param_groups[0].params = ['a', 'c']), /names of .* group 0, got no "b" and unknown "c"$/);
      refused((s) => void (s.param_groups[0].params = ['a', 'a']), /got no "b"$/);
    });

    it('shapes that do not fit', () => {
      refused(
        (s) => void (s.state.get('b').momentum_buffer = tensor([1, 2])),
        /expected momentum_buffer of shape \[1, 1\] for "b", got \[2\]$/,
      );
    });

    it('the state or the options of an optimizer of another kind', () => {
      refused(
        (s) => void s.state.set('b', { exp_avg: tensor([[1]]) }),
        /expected momentum_buffer for "b", got exp_avg$/,
      );
      refused((s) => void (s.param_groups[0].betas = [0.9, 0.9]), /expected options of SGD in group 0 \(lr, .*\), got "betas"$/);
      const adam = new optim.Adam([tensor([1, 2]).requiresGrad_(), tensor([[3]]).requiresGrad_()]);
      throwsWithCode(() => adam.loadStateDict(build().stateDict()), 'ERR_STATE_DICT', /options of Adam .*got "momentum"$/);
    });

    it('a state without its step, or without a tensor', () => {
      const adam = new optim.Adam([['a', tensor([1]).requiresGrad_()]], { amsgrad: true });
      const load = (entries: object) => () =>
        adam.loadStateDict({ state: { a: entries }, param_groups: [{ params: ['a'] }] });
      const [exp_avg, exp_avg_sq, max_exp_avg_sq] = [tensor([1]), tensor([1]), tensor([1])];
      throwsWithCode(load({ exp_avg, exp_avg_sq, max_exp_avg_sq }), 'ERR_STATE_DICT', /expected step, exp_avg, .* for "a", got/);
      throwsWithCode(load({ step: 1, exp_avg, exp_avg_sq }), 'ERR_STATE_DICT', /max_exp_avg_sq for "a", got exp_avg, exp_avg_sq$/);
      load({ step: 1, exp_avg, exp_avg_sq, max_exp_avg_sq })();
      assert.equal(adam.state(adam.paramGroups[0]!.params[0]!)!.step, 1);
    });

    it('an option outside its range', () => {
      const optimizer = build();
      const saved = optimizer.stateDict();
      saved.param_groups[0]!.lr = -1;
      throwsWithCode(
        () => optimizer.loadStateDict(saved),
        'ERR_INVALID_ARG_VALUE',
        /^loadStateDict, group 0: expected lr to be a number of at least 0, got -1$/,
      );
      assert.equal(optimizer.paramGroups[0]!.lr, 0.001);
    });

    it('names that stand twice', () => {
      const p = () => tensor([1]).requiresGrad_();
      throwsWithCode(
        () => new optim.SGD([{ params: [['a', p()]] }, { params: [['a', p()]] }]),
        'ERR_INVALID_ARG_VALUE',
        /^optim\.SGD: expected parameters to be distinct in their names, got Float \[1\] at index 0 of group 1$/,
      );
    });
  });
});

describe('addParamGroup', () => {
  it('adds parameters with options of their own, the rest as the optimizer was made; state stays', () => {
    const [a, b] = [tensor([1]).requiresGrad_(), tensor([1]).requiresGrad_()];
    const optimizer = new optim.SGD([['a', a]], { lr: 0.5, momentum: 0.5 });
    const step = () => {
      optimizer.zeroGrad();
      for (const p of [a, b]) (ops.aten.sum!(p) as Tensor).backward();
      optimizer.step();
    };
    step();
    optimizer.paramGroups[0]!.lr = 0.25;
    optimizer.addParamGroup({ params: [['b', b]], momentum: 0 });
    assert.equal(optimizer.paramGroups.length, 2);
    const { params: _, ...rest } = optimizer.paramGroups[1]!;
    assert.deepEqual(rest, { lr: 0.5, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false });
    step();
    assert.deepEqual([a.item(), b.item()], [1 - 0.5 - 0.25 * 1.5, 1 - 0.5]);
    assert.deepEqual(optimizer.stateDict().param_groups.map(({ params }) => params), [['a'], ['b']]);
  });

  it('of a strategy: the new group is trained with the next experience', async () => {
    const model = smallModel();
    const extra = tensor([1, 2]).requiresGrad_();
    const optimizer = new optim.SGD(model.namedParameters(), { lr: 0.1 });
    const plugin = { beforeBackward: (strategy: any) => {
      strategy.loss = ops.aten.add!(strategy.loss, ops.aten.sum!(extra));
    } };
    const strategy = new SupervisedTemplate({ model, optimizer, plugins: [plugin], trainMbSize: 4, evaluator: null });
    const { trainStream } = smallBenchmark();
    await strategy.train(trainStream.at(0)!);
    assert.deepEqual(extra.toNumbers(), [1, 2]);
    optimizer.addParamGroup({ params: [extra], lr: 0.5 });
    await strategy.train(trainStream.at(1)!);
    assert.ok(extra.toNumbers()[0]! <= 0.5);
  });

  it('in a hook of a strategy: the new group is trained from then on', async () => {
    const model = smallModel();
    const extra = tensor([1, 2]).requiresGrad_();
    const optimizer = new optim.SGD(model.namedParameters(), { lr: 0.1, momentum: 0.5 });
    const plugins = [
      new MASPlugin({ lambdaReg: 0.1 }),
      {
        beforeBackward: (strategy: SupervisedTemplate) => {
          strategy.loss = strategy.loss.add(extra.sum());
          if (strategy.clock.trainIterations === 5) optimizer.addParamGroup({ params: [extra], lr: 0.5, momentum: 0 });
        },
      },
    ];
    const strategy = new SupervisedTemplate({ model, optimizer, plugins, trainMbSize: 2, evaluator: null });
    await strategy.train(smallBenchmark().trainStream);
    // Its gradient has grown for six iterations, and is cleared from then on.
    assert.deepEqual(extra.toNumbers(), [1 - (6 + 1 + 1) * 0.5, 2 - (6 + 1 + 1) * 0.5]);
  });

  it('misuse: parameters that it has, none, or options that do not exist', () => {
    const p = tensor([1]).requiresGrad_();
    const optimizer = new optim.SGD([p]);
    throwsWithCode(() => optimizer.addParamGroup({ params: [p] }), 'ERR_INVALID_ARG_VALUE', /^addParamGroup: .* distinct, got/);
    throwsWithCode(() => optimizer.addParamGroup(3 as never), 'ERR_INVALID_ARG_TYPE', /^addParamGroup: .*, got 3$/);
    throwsWithCode(() => optimizer.addParamGroup({ params: [], betas: 1 } as never), 'ERR_UNKNOWN_OPTION', /"betas"/);
    assert.equal(optimizer.paramGroups.length, 1);
  });
});
