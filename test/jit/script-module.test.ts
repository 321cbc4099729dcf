import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { jit, nn, tensor, type Tensor } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';

describe('calling a TorchScript module', () => {
  let model: jit.ScriptModule;
  const x = tensor([1, -2]);
  const numbers = (value: Tensor) => value.toNumbers();

  before(async () => {
    model = await jit.load(fixturePath('torchscript', 'values.pt'));
  });

  it('takes defaults, positions and keywords', () => {
    assert.deepEqual(numbers(model.forward(x)), [2, -4]);
    assert.deepEqual(numbers(model.forward(x, 3)), [3, -6]);
    assert.deepEqual(numbers(model.forward(x, undefined, x)), [3, -6]);
    assert.deepEqual(numbers(model.forward(x, 3, null, true)), [-3, 6]);
    assert.deepEqual(numbers(model.forward(x, { negate: true })), [-2, 4]);
    assert.deepEqual(numbers(model.forward(x, 1, { shift: x, negate: false })), [2, -4]);
    assert.deepEqual(numbers(model.forward({ x, factor: 5 })), [5, -10]);
  });

  it('a last plain object is a dict where the method takes one there, and else keywords', () => {
    assert.deepEqual(numbers(model.call('options', x, { factor: 3 })), [3, -6]);
    assert.deepEqual(numbers(model.call('options', x, { factor: 3 }, { scale: 2 })), [6, -12]);
    assert.deepEqual(numbers(model.call('options', x, { options: { factor: 3 }, scale: 2 })), [6, -12]);
  });

  it('takes and returns numbers, booleans and strings', () =>
    assert.deepEqual(model.call('numbers', 1, 3, true, 'é'), [2, 1.5, false, 'é!']));

  it('integers beyond 2^53 are bigints', () =>
    assert.deepEqual(model.call('numbers', 2n ** 60n, 3, true, ''), [2n ** 60n + 1n, 1.5, false, '!']));

  it('takes tuples and nested lists as arrays, and returns them so', () => {
    const [product, list] = model.call<[Tensor, Tensor[]]>('mixed', [x, 3]);
    assert.deepEqual([numbers(product), list.map(numbers)], [[3, -6], [[1, -2], [2, -1]]]);
    const nested = model.call<Tensor[][]>('nested', [[x, x], [], [x]]);
    assert.deepEqual(nested.map((part) => part.map(numbers)), [[[2, -4], [2, -4]], [], [[2, -4]]]);
  });

  it('takes a dict as a plain object or a Map, and returns a Map in the same order', () => {
    for (const dict of [{ b: x, a: x, '7': x }, new Map([['7', x], ['b', x], ['a', x]])]) {
      const result = model.call<Map<string, Tensor>>('texts', dict);
      assert.deepEqual([...result.keys()], ['72', 'b2', 'a2']);
      assert.deepEqual(numbers(result.get('b2')!), [2, -4]);
    }
    for (const dict of [{ 5: 0.5, '-3': 1 }, new Map([[5, 0.5], [-3, 1]])]) {
      assert.deepEqual(model.call('counted', dict), new Map([[6, 0.5], [-2, 1]]));
    }
    assert.deepEqual(model.call('counted', {}), new Map());
    assert.deepEqual([...model.call<Map<string, Tensor>>('texts', { ['__proto__']: x }).keys()], ['__proto__2']);
  });

  it('takes a named tuple as an object or an array, and returns an array', () => {
    for (const pair of [{ scale: 2, left: x }, [x, 2]]) {
      const [left, scale] = model.call<[Tensor, number]>('named', pair);
      assert.deepEqual([numbers(left), scale], [[2, -4], 3]);
    }
  });

  it('None is null, or undefined inside a value', () => {
    assert.equal(model.call('nothing', x), null);
    assert.equal(model.call('perhaps', null), null);
    assert.equal(model.call('perhaps', [1, 2]), 2);
  });

  it('names its methods', () => {
    assert.ok(['forward', 'two', 'named'].every((name) => model.methodNames.includes(name)));
    throwsWithCode(
      () => model.call('backward', x),
      'ERR_INVALID_ARG_VALUE',
      /^call: expected a method of the model \(.*forward.*\), got "backward"$/,
    );
    throwsWithCode(() => model.call(3 as never), 'ERR_INVALID_ARG_TYPE', /^call: expected method to be a name, got 3$/);
  });

  it('shows forward as source and as a graph', () => {
    assert.match(model.code, /^def forward\(self,\n\s+x: Tensor,\n\s+factor: int=2,/);
    assert.match(model.graph, /^graph\(%self : [^]*aten::mul/);
  });

  it('says what does not fit, and the signature', () => {
    const signature = /forward\(x: Tensor, factor: int = 2, shift: Optional\[Tensor\] = None, negate: bool = False\) -> Tensor$/;
    const cases: [unknown[], RegExp][] = [
      [[], /^forward: expected "x" to be Tensor, got nothing; the method is\n/],
      [[[x]], /^forward: expected "x" to be Tensor, got an array of 1;/],
      [[3], /^forward: expected "x" to be Tensor, got 3;/],
      [[x, 2.5], /^forward: expected "factor" to be int, got 2.5;/],
      [[x, NaN], /^forward: expected "factor" to be int, got NaN;/],
      [[x, 'a'], /^forward: expected "factor" to be int, got "a";/],
      [[x, null], /^forward: expected "factor" to be int, got null;/],
      [[x, 2, x, true, 1], /^forward: expected at most 4 inputs, got 5;/],
      [[x, { other: 1 }], /^forward: there is no input "other";/],
      [[x, { x }], /^forward: "x" is given twice;/],
      [[x, new Map([['factor', 1]])], /^forward: expected "factor" to be int, got a Map;/],
      [[x, () => 1], /^forward: expected "factor" to be int, got a function;/],
      [[x, Symbol('s')], /^forward: expected "factor" to be int, got a symbol;/],
    ];
    for (const [inputs, message] of cases) {
      const error = throwsWithCode(() => model.forward(...(inputs as never[])), 'ERR_INVALID_ARG_TYPE', message);
      assert.match(error.message, signature);
    }
    for (const [method, inputs] of [
      ['mixed', [[x]]],
      ['mixed', [[x, 1, 2]]],
      ['mixed', [{ 0: x, 1: 2 }]],
      ['nested', [[x]]],
      ['nested', [x]],
      ['texts', [{ a: 1 }]],
      ['texts', [new Map([[1, x]])]],
      ['counted', [{ a: 1 }]],
      ['counted', [{ '1.5': 1 }]],
      ['named', [{ left: x }]],
      ['named', [new Map<string, unknown>([['left', x], ['scale', 1]])]],
      ['perhaps', ['12']],
    ] as [string, never[]][]) {
      throwsWithCode(() => model.call(method, ...inputs), 'ERR_INVALID_ARG_TYPE', new RegExp(`^${method}: [^]*\n  ${method}\\(`));
    }
  });

  it('refuses a tensor that has been disposed, wherever it stands', () => {
    const gone = tensor([1]);
    gone.dispose();
    throwsWithCode(() => model.forward(gone), 'ERR_DISPOSED', /./);
    throwsWithCode(() => model.call('nested', [[x], [gone]]), 'ERR_DISPOSED', /./);
  });

  it('a model with a second required tensor takes it, and says that labels are missing without', () => {
    assert.deepEqual(numbers(model.call('two', x, x)), [0, 0]);
    throwsWithCode(() => model.call('two', x), 'ERR_INVALID_ARG_TYPE', /^two: expected "b" to be Tensor, got nothing/);
  });

  it('layers refuse what they do not take in the same words', () => {
    const layer = new nn.ReLU();
    assertTensorEqual(layer.forward(tensor([-1, 1])), tensor([0, 1]));
    throwsWithCode(
      () => layer.forward('x' as never),
      'ERR_INVALID_ARG_TYPE',
      /^forward: expected "input" to be Tensor, got "x"; the method is\n {2}forward\(input: Tensor\) -> Tensor$/,
    );
  });

  it('misuse: objects that are not plain, and an array or object that holds itself', () => {
    for (const object of [new Date(), /x/, Promise.resolve()]) {
      throwsWithCode(() => model.forward(x, object), 'ERR_INVALID_ARG_TYPE', /^forward: expected .*, got a (Date|RegExp|Promise)$/);
    }
    const list: unknown[] = [];
    list.push(list);
    const dict = { list };
    for (const endless of [list, dict]) {
      throwsWithCode(() => model.forward(x, endless), 'ERR_INVALID_ARG_TYPE', /^forward: expected values nested at most 100 deep/);
    }
  });
});
