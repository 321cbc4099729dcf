import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { asTensor, Complex, type DType, memory, tensor, Tensor, torch, type TypedArray } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { processTestTimeout, runProgram } from '../support/child-process';
import { recordedTensors, toNumbers } from '../support/recorded-tensors';
import { settledMemory } from '../support/settled-memory';

const floats: DType[] = ['float32', 'float64', 'float16', 'bfloat16'];
const eights: DType[] = ['float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz'];
const integers: DType[] = ['int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'uint32', 'uint64'];
const complexes: DType[] = ['complex64', 'complex128', 'complex32'];

const limits: Partial<Record<DType, [number | bigint, number | bigint]>> = {
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-128, 127],
  uint8: [0, 255],
  uint16: [0, 2 ** 16 - 1],
  uint32: [0, 2 ** 32 - 1],
  uint64: [0, 2n ** 64n - 1n],
};

/** The recorded float32 values: JSON has not all of them. */
const float32Values = () => new Float32Array(Uint32Array.from(recordedTensors.rounding.bits).buffer);

describe('tensor() of every dtype', () => {
  for (const dtype of [...floats, ...eights, ...integers, ...complexes]) {
    it(`takes and gives numbers as ${dtype}`, () => {
      const x = tensor([[1, 2], [0, 4]], { dtype }); // prettier-ignore
      assert.deepEqual([x.dtype, x.shape], [dtype, [2, 2]]);
      const expected = complexes.includes(dtype)
        ? [[new Complex(1, 0), new Complex(2, 0)], [new Complex(0, 0), new Complex(4, 0)]] // prettier-ignore
        : [[1, 2], [0, 4]]; // prettier-ignore
      assert.deepEqual(x.toArray(), expected);
      const one = complexes.includes(dtype) ? new Complex(4, 0) : 4;
      assert.deepEqual(x.index([1, 1]).item(), one);
      assert.deepEqual(tensor([1n, 3n], { dtype }).toNumbers(), complexes.includes(dtype) ? [1, 0, 3, 0] : [1, 3]);
      assert.deepEqual(tensor([true, false], { dtype }).toNumbers(), complexes.includes(dtype) ? [1, 0, 0, 0] : [1, 0]);
      assert.deepEqual(tensor([], { dtype }).toArray(), []);
    });
  }

  for (const [dtype, [least, most]] of Object.entries(limits) as [DType, [number | bigint, number | bigint]][]) {
    it(`holds ${dtype} from ${least} to ${most} and refuses what lies outside`, () => {
      const x = tensor([BigInt(least), BigInt(most)], { dtype });
      assert.deepEqual(x.toArray(), [least, most]);
      assert.deepEqual([x.index(0).item(), x.index(1).item()], [least, most]);
      assert.deepEqual(tensor(x.toTypedArray()).dtype, dtype);
      for (const outside of [BigInt(most) + 1n, BigInt(least) - 1n]) {
        throwsWithCode(() => tensor([outside], { dtype }), 'ERR_INVALID_ARG_VALUE', new RegExp(`values that ${dtype} can hold, got ${outside}`));
      }
      for (const wrong of [0.5, NaN, Infinity]) throwsWithCode(() => tensor([wrong], { dtype }), 'ERR_INVALID_ARG_VALUE', /can hold/);
    });
  }

  it('chooses the dtype by what is given', () => {
    assert.equal(tensor([1, 2]).dtype, 'float32');
    assert.equal(tensor([1n]).dtype, 'int64');
    assert.equal(tensor([true]).dtype, 'bool');
    assert.equal(tensor([1, new Complex(0, 1)]).dtype, 'complex64');
    assert.equal(tensor([true, 2]).dtype, 'float32');
    assert.deepEqual(tensor([[new Complex(1, -2)], [3]]).toArray(), [[new Complex(1, -2)], [new Complex(3, 0)]]);
    assert.deepEqual(tensor(new Complex(1.5, -2)).item(), new Complex(1.5, -2));
    throwsWithCode(() => tensor([new Complex(1, 0)], { dtype: 'float32' }), 'ERR_INVALID_ARG_VALUE', /got \(1\+0j\)/);
  });

  for (const [dtype, values] of Object.entries(recordedTensors.rounding).filter(([name]) => name !== 'bits')) {
    it(`rounds float32 to ${dtype} as PyTorch does: ties, subnormals and overflow`, () => {
      const expected = toNumbers(values) as number[];
      const array = tensor(float32Values(), { dtype: dtype as DType });
      const nested = tensor(Array.from(float32Values()), { dtype: dtype as DType });
      for (const x of [array, nested]) {
        assert.equal(x.dtype, dtype);
        assert.deepEqual(x.toNumbers(), expected);
      }
    });
  }

  const arrays: [DType, TypedArray][] = [
    ['uint16', Uint16Array.of(0, 65535)],
    ['uint32', Uint32Array.of(0, 2 ** 32 - 1)],
    ['uint64', BigUint64Array.of(0n, 2n ** 64n - 1n)],
    ['int64', BigInt64Array.of(-(2n ** 63n), 2n ** 53n + 1n)],
    ['float64', Float64Array.of(-0, NaN)],
  ];
  for (const [dtype, array] of arrays) {
    it(`gives a ${array.constructor.name} back as it came, as ${dtype}`, () => {
      assert.equal(tensor(array).dtype, dtype);
      assert.deepEqual(tensor(array).toTypedArray(), array);
      assert.deepEqual(tensor(array, { shape: [1, 2] }).toArray(), [Array.from<number | bigint>(array).map((n) => (n === 0n ? 0 : n))]);
    });
  }

  it('misuse: refuses what is no typed array of numbers', () => {
    throwsWithCode(() => tensor(new Uint8ClampedArray([1]) as never), 'ERR_INVALID_ARG_TYPE', /typed array of numbers/);
    throwsWithCode(() => tensor(new DataView(new ArrayBuffer(8)) as never), 'ERR_INVALID_ARG_TYPE', /typed array of numbers/);
  });

  it('misuse: an array that holds itself', () => {
    const list: unknown[] = [];
    list.push(list);
    throwsWithCode(() => tensor(list as never), 'ERR_SHAPE', /at most 128 dimensions/);
    throwsWithCode(() => tensor([1]).index([list] as never), 'ERR_SHAPE', /at most 128 dimensions/);
  });

  it('takes arrays of no elements in any shape that has none', () => {
    assert.deepEqual(tensor(new Float32Array(0)).shape, [0]);
    assert.deepEqual(tensor(new Float32Array(0), { shape: [2, 0, 3] }).toArray(), [[], []]);
    assert.deepEqual(tensor(new BigInt64Array(0)).toTypedArray(), new BigInt64Array(0));
    throwsWithCode(() => tensor([], { shape: [2 ** 40, 2 ** 40] }), 'ERR_SHAPE', /less than 2\^64, got \[1099511627776, 1099511627776\]$/);
    throwsWithCode(() => tensor([], { shape: [] }), 'ERR_SHAPE', /expected 1 elements/);
  });

  it('sees the part of a buffer that a typed array shows, wherever it begins', () => {
    const whole = Float64Array.of(9, 1, 2, 9);
    assert.deepEqual(tensor(whole.subarray(1, 3)).toNumbers(), [1, 2]);
    assert.deepEqual(tensor(new Int16Array(new Uint8Array([0, 0, 1, 0, 2, 0]).buffer, 2)).toNumbers(), [1, 2]);
  });

  it('refuses a typed array whose memory was transferred away, as one of no elements', () => {
    const gone = new Float32Array(4);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    throwsWithCode(() => tensor(gone, { shape: [4] }), 'ERR_SHAPE', /got 0/);
  });

  it('obeys requiresGrad and device', () => {
    const x = tensor([1, 2], { requiresGrad: true, device: 'cpu' });
    assert.deepEqual([x.requiresGrad, x.isLeaf, x.device], [true, true, 'cpu']);
    assert.ok(tensor([1, 2], { requiresGrad: true, dtype: 'bfloat16' }).isLeaf);
    throwsWithCode(() => tensor([1], { requiresGrad: true, dtype: 'int64' }), 'ERR_TORCH', /only .*floating point/i);
    throwsWithCode(() => tensor([1], { device: 'cuda:99' }), 'ERR_DEVICE', /cuda/);
    throwsWithCode(() => tensor([1], { device: 'gpu' }), 'ERR_DEVICE', /gpu/);
    throwsWithCode(() => tensor([1], { dtype: 'float99' as never }), 'ERR_INVALID_ARG_VALUE', /float99/);
    throwsWithCode(() => tensor([1], { typo: 1 } as never), 'ERR_UNKNOWN_OPTION', /typo/);
  });
});

describe('asTensor()', () => {
  const shared = (length: number) => new Float32Array(new SharedArrayBuffer(length * 4));

  it('shares the memory of a SharedArrayBuffer, both ways', () => {
    const array = shared(4);
    const x = asTensor(array, { shape: [2, 2], device: 'cpu' });
    array[1] = 5;
    assert.deepEqual(x.toArray(), [[0, 5], [0, 0]]); // prettier-ignore
    x.fill_(3);
    assert.deepEqual(Array.from(array), [3, 3, 3, 3]);
    const part = asTensor(array.subarray(1, 3), { device: 'cpu' });
    part.mul_(2);
    assert.deepEqual(Array.from(array), [3, 6, 6, 3]);
  });

  it('shares every dtype that has a typed array', () => {
    for (const array of [Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]) {
      const view = new array(new SharedArrayBuffer(16) as unknown as ArrayBuffer);
      asTensor(view, { device: 'cpu' }).fill_(1);
      assert.ok(view.every((value) => value === 1), array.name);
    }
    const big = new BigInt64Array(new SharedArrayBuffer(16));
    asTensor(big, { device: 'cpu' }).fill_(7);
    assert.deepEqual(Array.from(big), [7n, 7n]);
  });

  it('copies an ordinary array, and where the dtype is another', () => {
    const ordinary = Float32Array.of(1, 2);
    asTensor(ordinary).fill_(9);
    assert.deepEqual(Array.from(ordinary), [1, 2]);
    const array = shared(2);
    const other = asTensor(array, { dtype: 'float64', device: 'cpu' });
    other.fill_(9);
    assert.deepEqual([other.dtype, ...array], ['float64', 0, 0]);
  });

  it('gives a tensor back, and another one for another dtype', () => {
    const x = tensor([1, 2]);
    assert.equal(asTensor(x), x);
    assert.equal(asTensor(x, { dtype: 'float32' }), x);
    const y = asTensor(x, { dtype: 'int64' });
    assert.deepEqual([y.dtype, ...y.toNumbers()], ['int64', 1, 2]);
    assert.equal(asTensor([1, 2], { dtype: 'int32' }).dtype, 'int32');
  });

  it('shares a SharedArrayBuffer that grows afterwards', () => {
    const Growable = SharedArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => SharedArrayBuffer & {
      grow(length: number): void;
    };
    const buffer = new Growable(8, { maxByteLength: 2 ** 20 });
    const x = asTensor(new Float32Array(buffer, 0, 2), { device: 'cpu' });
    const following = new Float32Array(buffer);
    buffer.grow(2 ** 20);
    new Float32Array(buffer)[1] = 4;
    assert.deepEqual(x.toNumbers(), [0, 4]);
    const grown = asTensor(following, { device: 'cpu' });
    assert.equal(grown.numel(), 2 ** 18);
    grown.fill_(2);
    assert.equal(following[2 ** 18 - 1], 2);
  });

  it('takes a SharedArrayBuffer of no bytes', () => {
    assert.deepEqual(asTensor(shared(0)).toArray(), []);
    assert.deepEqual(asTensor(shared(0), { shape: [0, 3] }).shape, [0, 3]);
  });

  it('misuse: a shape that the memory does not fill', () => {
    throwsWithCode(() => asTensor(shared(4), { shape: [5], device: 'cpu' }), 'ERR_SHAPE', /expected 5 elements .* got 4/);
    throwsWithCode(() => asTensor('x' as never), 'ERR_INVALID_ARG_TYPE', /nested in arrays, got/);
  });

  it('keeps the memory alive without the array, in workers too', async function () {
    this.timeout(processTestTimeout);
    const ended = await runProgram('test/process/programs/shared-memory.ts', [], ['--expose-gc']);
    assert.deepEqual(ended, { code: 0, signal: null, stdout: 'sum: 1048576\nfrom the worker: 42\nafter the worker: 2097152\n', stderr: '' });
  });
});

describe('elements', () => {
  it('come as bigints beyond 2^53, as numbers within, and survive the way back', () => {
    const x = tensor([2n ** 53n - 1n, 2n ** 53n + 1n, -5n]);
    assert.deepEqual(x.toArray(), [2 ** 53 - 1, 2n ** 53n + 1n, -5]);
    assert.equal(x.index(1).item<bigint>(), 2n ** 53n + 1n);
    assert.equal(x.index(0).item(), 2 ** 53 - 1);
    assert.equal(tensor(2n ** 64n - 1n, { dtype: 'uint64' }).item<bigint>(), 2n ** 64n - 1n);
    assert.equal(x.max().item<bigint>(), 2n ** 53n + 1n);
    assert.deepEqual(torch.full([1], 2n ** 64n - 1n, { dtype: 'uint64' }).toArray(), [2n ** 64n - 1n]);
  });

  it('come as booleans and Complex', () => {
    assert.deepEqual(tensor([[true], [false]]).toArray(), [[true], [false]]);
    assert.equal(tensor(false).item<boolean>(), false);
    const z = tensor([new Complex(1, 2), new Complex(-0.5, -0)], { dtype: 'complex128' });
    assert.deepEqual(z.toArray(), [new Complex(1, 2), new Complex(-0.5, -0)]);
    assert.deepEqual(z.toTypedArray(), Float64Array.of(1, 2, -0.5, -0));
    assert.deepEqual(z.conj().toArray(), [new Complex(1, -2), new Complex(-0.5, 0)]);
    assert.deepEqual(z.to('complex64').toTypedArray(), Float32Array.of(1, 2, -0.5, -0));
  });

  it('come in order from views of any kind', () => {
    const x = torch.arange(6).view(2, 3);
    assert.deepEqual(x.t().toArray(), [[0, 3], [1, 4], [2, 5]]); // prettier-ignore
    assert.deepEqual(x.index([0]).expand([2, 3]).toArray(), [[0, 1, 2], [0, 1, 2]]); // prettier-ignore
    assert.deepEqual(x.flip([0, 1]).toArray(), [[5, 4, 3], [2, 1, 0]]); // prettier-ignore
    assert.deepEqual(x.double().neg().toSparse().toNumbers(), [0, -1, -2, -3, -4, -5].map((value) => value + 0));
    assert.deepEqual(tensor([new Complex(1, 2)]).conj().imag.toNumbers(), [-2]);
  });

  it('misuse: item() of other than one element', () => {
    throwsWithCode(() => tensor([1, 2]).item(), 'ERR_SHAPE', /^item: expected a tensor of one element, got shape \[2\]$/);
    throwsWithCode(() => tensor([]).item(), 'ERR_SHAPE', /got shape \[0\]/);
  });

  it('that are shared are JavaScript\'s, and are not counted with the tensors', async () => {
    const before = settledMemory();
    const held: Tensor[] = [];
    for (let i = 0; i < 10; i++) held.push(asTensor(new Float32Array(new SharedArrayBuffer(4000)), { device: 'cpu' }));
    assert.deepEqual([memory().numBytes - before.numBytes, memory().numTensors - before.numTensors], [0, 10]);
    for (const x of held) x.dispose();
    await nextTurn();
    assert.deepEqual(memory(), before);
  });
});

describe('factories', () => {
  it('make leaves that are recorded with requiresGrad, which no schema has', () => {
    const x = torch.ones([2], { requiresGrad: true });
    x.square().sum().backward();
    assertTensorEqual(x.grad!, tensor([2, 2]));
    assert.equal(torch.zerosLike(x, { requiresGrad: true }).requiresGrad, true);
    assert.equal(x.newZeros([1], { requiresGrad: true }).requiresGrad, true);
    assert.equal(torch.randn([2], { requiresGrad: false }).requiresGrad, false);
  });

  it('misuse: requiresGrad that is no boolean, of integers, of what is no factory', () => {
    throwsWithCode(() => torch.zeros([2], { requiresGrad: 1 as never }), 'ERR_NO_OVERLOAD', /"requiresGrad" to be bool, got 1/);
    throwsWithCode(() => torch.zeros([2], { dtype: 'int64', requiresGrad: true }), 'ERR_TORCH', /floating point/);
    throwsWithCode(() => (torch.relu as any)(tensor([1]), { requiresGrad: true }), 'ERR_NO_OVERLOAD', /no argument "requiresGrad"/);
  });
});
