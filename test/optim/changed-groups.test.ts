// The parameters of a group as a list that can be changed, as `optimizer.param_groups[0]["params"]` in Python.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { MASPlugin, nn, optim, SupervisedTemplate, tensor, type Tensor, tidy } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { smallBenchmark, smallModel } from '../support/small-runs';

const parameter = (...values: number[]) => tensor(values, { dtype: 'float64' }).requiresGrad_();
const sgd = { lr: 0.5, momentum: 0.5 };

/** An optimizer of one group, or of one for each list. */
function optimizerOf(...groups: Tensor[][]) {
  const optimizer = new optim.SGD(
    groups.map((params) => ({ params })),
    sgd,
  );
  return { optimizer, groups: optimizer.paramGroups };
}
/** A step on the sum of these. */
function stepOn(optimizer: optim.Optimizer, parameters: Tensor[]): void {
  optimizer.zeroGrad();
  for (const p of parameters) {
    p.grad = null;
    p.sum().backward();
  }
  optimizer.step();
}
const assertSame = (actual: Tensor[], expected: Tensor[]) => {
  assert.equal(actual.length, expected.length);
  expected.forEach((p, i) => assert.ok(actual[i]!.isSame(p), `parameter ${i}`));
};

describe('the parameters of a group', () => {
  const [a, b, c, d] = [parameter(1), parameter(2), parameter(3), parameter(4)];
  const ways: Record<string, [change: (group: optim.ParamGroup) => void, expected: Tensor[]]> = {
    push: [({ params }) => assert.equal(params.push(c, d), 4), [a, b, c, d]],
    unshift: [({ params }) => assert.equal(params.unshift(c), 3), [c, a, b]],
    pop: [({ params }) => assert.ok(params.pop()!.isSame(b)), [a]],
    shift: [({ params }) => assert.ok(params.shift()!.isSame(a)), [b]],
    splice: [({ params }) => assert.ok(params.splice(0, 1, c, d)[0]!.isSame(a)), [c, d, b]],
    reverse: [({ params }) => assert.equal(params.reverse(), params), [b, a]],
    sort: [({ params }) => void params.sort((p, q) => q.item() - p.item()), [b, a]],
    'an element': [({ params }) => void (params[1] = c), [a, c]],
    'an element at the end': [({ params }) => void (params[params.length] = c), [a, b, c]],
    length: [({ params }) => void (params.length = 1), [a]],
    'an assignment': [(group) => void (group.params = new Set([d, a])), [d, a]],
    'an assignment of nothing': [(group) => void (group.params = []), []],
  };
  for (const [name, [change, expected]] of Object.entries(ways)) {
    it(`can be changed: ${name}`, () => {
      const { optimizer, groups } = optimizerOf([a, b]);
      change(groups[0]!);
      assertSame(groups[0]!.params, expected);
      const before = [a, b, c, d].map((p) => p.item());
      stepOn(optimizer, [a, b, c, d]);
      [a, b, c, d].forEach((p, i) => {
        assert.equal(p.item(), before[i]! - (expected.includes(p) ? 0.5 : 0), `parameter ${i}`);
        p.data.fill_(before[i]!);
      });
    });
  }

  it('is one array, which shows what the optimizer has', () => {
    const { groups } = optimizerOf([a]);
    const { params } = groups[0]!;
    assert.ok(Array.isArray(params));
    groups[0]!.params.push(b);
    params.push(c);
    assertSame(params, [a, b, c]);
    assert.equal(groups[0]!.params, params);
    assertSame([...params], [a, b, c]);
    assertSame(params.concat([d]), [a, b, c, d]);
    assert.equal(JSON.stringify(params.map((p) => p.item())), '[1,2,3]');
  });

  it('outlive a tidy in which they were read', () => {
    const { groups } = optimizerOf([a]);
    tidy(() => void groups[0]!.params.push(b));
    assert.deepEqual(groups[0]!.params.map((p) => p.item()), [1, 2]);
  });

  it('have state of their own, which goes with them from group to group', () => {
    const moving = parameter(1);
    const still = parameter(1);
    const { optimizer, groups } = optimizerOf([moving], [parameter(0)]);
    const other = new optim.SGD([still], sgd);
    for (const [o, p] of [[optimizer, moving], [other, still]] as const) stepOn(o, [p]);
    groups[1]!.params.push(groups[0]!.params.pop()!);
    const added = parameter(5);
    groups[0]!.params.push(added);
    assert.equal(optimizer.state(added), null);
    for (const [o, p] of [[optimizer, moving], [other, still]] as const) stepOn(o, [p]);
    assertTensorEqual(moving, still);
    assertTensorEqual(optimizer.state(moving)!.momentumBuffer!, other.state(still)!.momentumBuffer!);
  });

  it('is without state, and at rest, where it has left', () => {
    const [p, q] = [parameter(1), parameter(2)];
    const { optimizer, groups } = optimizerOf([p, q]);
    stepOn(optimizer, [p, q]);
    groups[0]!.params.shift();
    assert.equal(optimizer.state(p), null);
    const before = p.item();
    stepOn(optimizer, [p, q]);
    assert.equal(p.item(), before);
    assert.deepEqual(optimizer.stateDict().param_groups[0]!.params, [0]);
  });

  it('stand in state dicts, and are loaded from them', () => {
    const make = () => {
      const layers = [new nn.Linear(2, 2), new nn.Linear(2, 2)];
      const optimizer = new optim.Adam(layers[0]!.parameters());
      optimizer.paramGroups[0]!.params.push(...layers[1]!.parameters());
      return { optimizer, parameters: layers.flatMap((layer) => layer.parameters()) };
    };
    const [from, to] = [make(), make()];
    stepOn(from.optimizer, from.parameters);
    const saved = from.optimizer.stateDict();
    assert.deepEqual(saved.param_groups[0]!.params, [0, 1, 2, 3]);
    to.optimizer.loadStateDict(saved);
    assertTensorEqual(to.optimizer.state(to.parameters[3]!)!.expAvg!, from.optimizer.state(from.parameters[3]!)!.expAvg!);
  });

  it('keep their names, and take new ones', () => {
    const layer = new nn.Linear(2, 2);
    const optimizer = new optim.SGD(layer.namedParameters());
    const [group] = optimizer.paramGroups;
    group!.params.reverse();
    assert.deepEqual(group!.paramNames, ['bias', 'weight']);
    group!.params.push(parameter(1).to('float32').detach().requiresGrad_());
    assert.equal(group!.paramNames, null);
    group!.params = layer.namedParameters();
    assert.deepEqual(group!.paramNames, ['weight', 'bias']);
  });

  describe('misuse', () => {
    const refused: Record<string, [(group: optim.ParamGroup) => unknown, Parameters<typeof throwsWithCode>[1], RegExp]> = {
      'one twice': [({ params }) => params.push(a), 'ERR_INVALID_ARG_VALUE', /to be distinct, got .* at index 2/],
      'one of another group': [({ params }) => params.push(c), 'ERR_INVALID_ARG_VALUE', /to be distinct/],
      'a computed tensor': [({ params }) => params.push(a.mul(2)), 'ERR_INVALID_ARG_VALUE', /to be leaves/],
      'integers': [({ params }) => params.push(tensor([1], { dtype: 'int64' })), 'ERR_INVALID_ARG_VALUE', /to be floating-point/],
      'a number': [({ params }) => params.push(3 as never), 'ERR_INVALID_ARG_TYPE', /to be tensors, got 3 at index 2/],
      'a gap': [({ params }) => (params[5] = d), 'ERR_INVALID_ARG_TYPE', /to be tensors, got undefined at index 2/],
      'a length beyond the end': [({ params }) => (params.length = 4), 'ERR_INVALID_ARG_TYPE', /got undefined at index 2/],
      'a hole': [({ params }) => Reflect.deleteProperty(params, 0), 'ERR_INVALID_ARG_TYPE', /got undefined at index 0/],
      'fill': [({ params }) => params.fill(d), 'ERR_INVALID_ARG_VALUE', /to be distinct/],
      'no list': [(group) => (group.params = 3 as never), 'ERR_INVALID_ARG_TYPE', /as an array of tensors .*got 3/],
      'one tensor': [(group) => (group.params = a as never), 'ERR_INVALID_ARG_TYPE', /as an array of tensors/],
    };
    for (const [name, [change, code, message]] of Object.entries(refused)) {
      it(`refuses ${name}, and all stay as they were`, () => {
        const { groups } = optimizerOf([a, b], [c]);
        throwsWithCode(() => change(groups[0]!), code, message);
        assertSame(groups[0]!.params, [a, b]);
        assertSame(groups[1]!.params, [c]);
      });
    }

    it('refuses changes while a strategy is at work', async () => {
      const model = smallModel();
      const optimizer = new optim.SGD(model.parameters());
      const { params } = optimizer.paramGroups[0]!;
      const training = new SupervisedTemplate({ model, optimizer, trainEpochs: 5, evaluator: null }).train(
        smallBenchmark({ train: 200 }).trainStream,
      );
      let refusals = 0;
      for (let i = 0; i < 50 && refusals === 0; i++) {
        await new Promise((resolve) => setImmediate(resolve));
        try {
          params.push(...params.splice(0, 1));
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'ERR_BUSY');
          refusals++;
        }
      }
      await training;
      assert.equal(refusals, 1);
    });
  });
});

describe('parameters put into a group while a strategy trains', () => {
  for (const withMas of [false, true]) {
    it(`are trained from the next step on${withMas ? ', under MAS' : ''}`, async () => {
      const model = smallModel();
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const extra = tensor([1]).to('float32').requiresGrad_();
      const seen: number[] = [];
      const strategy = new SupervisedTemplate({
        model,
        optimizer,
        trainMbSize: 4,
        evaluator: null,
        plugins: [
          ...(withMas ? [new MASPlugin()] : []),
          {
            beforeTrainingIteration: ({ clock }) => {
              if (clock.trainIterations === 1) optimizer.paramGroups[0]!.params.push(extra);
              seen.push(extra.item());
            },
            beforeBackward: (s) => void (s.loss = s.loss.add(extra.mul(2))),
          },
        ],
      });
      await strategy.train(smallBenchmark().trainStream);
      assert.equal(seen.length, 4);
      assert.deepEqual(seen.slice(0, 2), [1, 1]);
      assert.ok(Math.abs(seen[2]! - 0.8) < 1e-6 && Math.abs(seen[3]! - 0.6) < 1e-6, String(seen));
      assert.equal(optimizer.paramGroups[0]!.params.length, 5);
    });
  }

  it('of another dtype are trained beside the others', async () => {
    const model = smallModel();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const extra = parameter(1);
    optimizer.paramGroups[0]!.params.push(extra);
    const plugins = [{ beforeBackward: (s: SupervisedTemplate) => void (s.loss = s.loss.add(extra.mul(2))) }];
    const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 8, evaluator: null, plugins });
    await strategy.train(smallBenchmark().trainStream[0]!);
    assert.ok(Math.abs(extra.item() - 0.8) < 1e-12);
    assert.equal(extra.dtype, 'float64');
  });
});
