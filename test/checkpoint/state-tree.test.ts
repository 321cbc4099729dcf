import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { putTogether, takeApart } from '../../lib/checkpoint/state-tree';
import { tensor, Tensor } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';

/** Through the JSON of a file. */
function roundTrip(state: unknown): unknown {
  const { json, tensors } = takeApart('a test', state);
  return putTogether({ json: JSON.parse(JSON.stringify(json)) as unknown, tensors });
}

describe('the state in a checkpoint', () => {
  it('comes back as it was: JSON, and numbers that JSON lacks', () => {
    const state = {
      null: null,
      texts: ['', 'a/b', '$tensor'],
      numbers: [0, -0, 1.5, NaN, Infinity, -Infinity, Number.MIN_VALUE, 2 ** 53],
      nested: { empty: {}, none: [], $key: { $tensor: 'no tensor' }, $$: 1 },
      on: true,
    };
    assert.deepStrictEqual(roundTrip(state), state);
    assert.ok(Object.is((roundTrip(state) as typeof state).numbers[1], -0));
  });

  it('keeps a name that is special in JavaScript a name', () => {
    const state = JSON.parse('{"__proto__": {"a": 1}, "constructor": 2}') as object;
    const read = roundTrip(state) as object;
    assert.deepEqual(Object.keys(read), ['__proto__', 'constructor']);
    assert.equal(Object.getPrototypeOf(read), Object.prototype);
  });

  it('names tensors after their place, each once', () => {
    const x = tensor([1, 2]);
    const { json, tensors } = takeApart('a test', { 'a/b': x, a: { b: tensor([3]) }, list: [x] });
    assert.deepEqual([...tensors.keys()], ['a_b', 'a/b', 'list/0']);
    const read = putTogether({ json, tensors }) as { 'a/b': Tensor; a: { b: Tensor } };
    assert.deepEqual([read['a/b'].toNumbers(), read.a.b.toNumbers()], [[1, 2], [3]]);
    const twice = takeApart('a test', { 'a/b': x, a_b: x });
    assert.deepEqual([...twice.tensors.keys()], ['a_b', 'a_b#2']);
  });

  it('keeps long arrays of numbers as tensors, to the last bit', () => {
    const numbers = Array.from({ length: 1000 }, (_, i) => [Math.PI * i, NaN, -0, Infinity][i % 4]!);
    const { tensors } = takeApart('a test', { curve: numbers });
    assert.deepEqual([...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]), [['curve', 'float64', [1000]]]); // prettier-ignore
    assert.deepStrictEqual(roundTrip({ curve: numbers }), { curve: numbers });
    assert.deepStrictEqual(roundTrip({ empty: [], mixed: [...numbers, 'a'] }), { empty: [], mixed: [...numbers, 'a'] });
  });

  it('leaves out what is undefined', () => assert.deepStrictEqual(roundTrip({ a: undefined, b: 1 }), { b: 1 }));

  const circle: Record<string, unknown> = {};
  circle.inner = [circle];
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const bad: Record<string, [state: unknown, message: RegExp]> = {
    'a function': [{ plugins: [{ state: { call: () => 1 } }] }, /plugins\.0\.state\.call of a test .* got a function/],
    'a cycle': [{ circle }, /circle\.inner\.0 of a test .* an object that is inside itself/],
    'an object of a class': [{ since: new Date() }, /since of a test .* got a Date/],
    'a Map': [new Map(), /expected a test .* got a Map/],
    'a typed array': [{ x: new Float32Array(2) }, /x of a test .* got a Float32Array/],
    'a symbol': [[Symbol('s')], /0 of a test .* got Symbol\(s\)/],
    'a bigint': [1n, /expected a test .* got 1/],
    'undefined in an array': [[undefined], /0 of a test .* got undefined/],
    'a getter that throws': [{ get a() { throw new Error('no'); } }, /a test .* cannot be read: no/], // prettier-ignore
    'a revoked proxy': [{ a: revoked.proxy }, /a of a test .* cannot be read/],
  };
  for (const [what, [state, message]] of Object.entries(bad)) {
    it(`is refused: ${what}`, () => {
      throwsWithCode(() => takeApart('a test', state), 'ERR_CHECKPOINT_STATE', message);
    });
  }

  it('the same object may be there twice', () => {
    const shared = { a: 1 };
    assert.deepStrictEqual(roundTrip([shared, shared]), [shared, shared]);
  });
});
