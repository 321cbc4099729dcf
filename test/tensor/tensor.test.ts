import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { type DType, ops, tensor, type Tensor, type TypedArray } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { device } from '../support/device';
import { testOnCpu } from '../support/on-cpu';

describe('tensor()', () => {
  it('takes numbers nested like the tensor, as float32', () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assert.deepEqual(x.shape, [2, 3]);
    assert.equal(x.dtype, 'float32');
    assert.equal(x.device, device);
    assert.equal(x.numel(), 6);
    assert.equal(x.requiresGrad, false);
    assert.deepEqual(x.toTypedArray(), Float32Array.of(1, 2, 3, 4, 5, 6));
  });

  it('makes a scalar of one number, and an empty tensor of an empty array', () => {
    assert.deepEqual(tensor(7).shape, []);
    assert.equal(tensor(7).numel(), 1);
    assert.equal(tensor(7).item(), 7);
    assert.deepEqual(tensor([]).shape, [0]);
    assert.equal(tensor([]).numel(), 0);
    assert.deepEqual(tensor([[], []]).shape, [2, 0]);
  });

  it('makes a bool tensor of booleans', () => {
    const x = tensor([[true, false]]);
    assert.equal(x.dtype, 'bool');
    assert.deepEqual(x.toTypedArray(), Uint8Array.of(1, 0));
    assert.equal(tensor(true).item<boolean>(), true);
  });

  const arrays: [DType, TypedArray][] = [
    ['float32', Float32Array.of(1.5, -2)],
    ['float64', Float64Array.of(0.1, 1e300)],
    ['int64', BigInt64Array.of(1n, -(2n ** 62n))],
    ['int32', Int32Array.of(2 ** 31 - 1, -(2 ** 31))],
    ['int16', Int16Array.of(32767, -32768)],
    ['int8', Int8Array.of(127, -128)],
    ['uint8', Uint8Array.of(0, 255)],
  ];
  for (const [dtype, array] of arrays) {
    it(`gives a ${array.constructor.name} back as it came, as ${dtype}`, () => {
      const x = tensor(array);
      assert.equal(x.dtype, dtype);
      assert.deepEqual(x.toTypedArray(), array);
      assert.deepEqual(tensor(array, { shape: [2, 1] }).shape, [2, 1]);
    });
  }

  it('takes only the part of the buffer that the typed array shows', () => {
    const whole = Float32Array.of(9, 1, 2, 9);
    assert.deepEqual(tensor(whole.subarray(1, 3)).toNumbers(), [1, 2]);
  });

  it('copies in and copies out', () => {
    const data = Float32Array.of(1, 2);
    const x = tensor(data);
    data[0] = 99;
    x.toTypedArray()[1] = 99;
    assert.deepEqual(x.toNumbers(), [1, 2]);
  });

  it('converts to the dtype that is asked for', () => {
    assert.deepEqual(tensor([1, 2], { dtype: 'int64' }).toTypedArray(), BigInt64Array.of(1n, 2n));
    assert.deepEqual(tensor(Uint8Array.of(1, 200), { dtype: 'float64' }).toTypedArray(), Float64Array.of(1, 200));
    assert.deepEqual(tensor(Int32Array.of(1, 0), { dtype: 'bool' }).toTypedArray(), Uint8Array.of(1, 0));
    assert.deepEqual(tensor([0.1], { dtype: 'float64' }).toNumbers(), [0.1]);
  });

  it('makes everything but 0 true for bool, as Python does', () => {
    for (const data of [[2, 0.5, 0, -1], Uint8Array.of(2, 1, 0, 255), Float32Array.of(2, 0.5, 0, -1)]) {
      const x = tensor(data, { dtype: 'bool' });
      assert.deepEqual(x.toTypedArray(), Uint8Array.of(1, 1, 0, 1));
      assert.equal((ops.aten.sum!(x) as Tensor).item(), 3);
    }
  });

  it('orders the elements row by row, also behind a transposing view', () => {
    const transposed = ops.aten.t!(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    assertTensorEqual(
      transposed,
      tensor([
        [1, 4],
        [2, 5],
        [3, 6],
      ]),
    );
  });

  it('reads float16 and bfloat16 as Float32Array', () => {
    for (const dtype of ['float16', 'bfloat16']) {
      const half = ops.aten._to_copy!(tensor([1.5, -2]), { dtype }) as Tensor;
      assert.equal(half.dtype, dtype);
      assert.deepEqual(half.toTypedArray(), Float32Array.of(1.5, -2));
    }
  });

  it('misuse: numbers nested unevenly', () => {
    throwsWithCode(
      () => tensor([[1, 2], [3]]),
      'ERR_SHAPE',
      /^tensor: expected every item to have shape \[2\], got \[1\] at index 1$/,
    );
    throwsWithCode(() => tensor([1, [2]]), 'ERR_SHAPE', /shape \[\], got \[1\] at index 1/);
  });

  it('misuse: data that does not fill the shape', () => {
    throwsWithCode(
      () => tensor(new Float32Array(5), { shape: [2, 3] }),
      'ERR_SHAPE',
      /^tensor: expected 6 elements for shape \[2, 3\], got 5$/,
    );
    throwsWithCode(() => tensor([1, 2], { shape: [] }), 'ERR_SHAPE', /expected 1 elements for shape \[\], got 2/);
    throwsWithCode(() => tensor([1], { shape: [-1] }), 'ERR_INVALID_ARG_VALUE', /shape\.0 to be an integer of at least 0, got -1/);
  });

  it('misuse: numbers that an integer dtype cannot hold', () => {
    throwsWithCode(
      () => tensor([1, 2.5], { dtype: 'int64' }),
      'ERR_INVALID_ARG_VALUE',
      /^tensor: expected values that int64 can hold, got 2\.5$/,
    );
    throwsWithCode(() => tensor([NaN], { dtype: 'int64' }), 'ERR_INVALID_ARG_VALUE', /got NaN/);
    throwsWithCode(() => tensor([2 ** 63], { dtype: 'int64' }), 'ERR_INVALID_ARG_VALUE', /int64/);
    throwsWithCode(() => tensor([300], { dtype: 'uint8' }), 'ERR_INVALID_ARG_VALUE', /uint8 can hold, got 300/);
  });

  it('misuse: a dtype that does not exist or that numbers cannot be turned into', () => {
    throwsWithCode(
      () => tensor([1], { dtype: 'float' as DType }),
      'ERR_INVALID_ARG_VALUE',
      /expected dtype to be one of float32, .*, got "float"/,
    );
    throwsWithCode(() => tensor([1], { dtype: 'qint8' }), 'ERR_INVALID_ARG_VALUE', /got "qint8"/);
  });

  it('misuse: other data', () => {
    const wrong: [unknown, RegExp][] = [
      ['1', /got "1"$/],
      [null, /got null$/],
      [undefined, /got undefined$/],
      [[1, '2'], /got "2"$/],
      [{}, /got an object$/],
      [new Uint8ClampedArray(1), /got a Uint8ClampedArray$/],
      [new DataView(new ArrayBuffer(4)), /got a DataView$/],
    ];
    for (const [data, message] of wrong) throwsWithCode(() => tensor(data as number), 'ERR_INVALID_ARG_TYPE', message);
  });
});

describe('Tensor', () => {
  it('item() gives the one element, whatever the shape, and refuses more or none', () => {
    assert.equal(tensor([[[3.5]]]).item(), 3.5);
    assert.equal(tensor(BigInt64Array.of(-4n)).item(), -4);
    throwsWithCode(
      () => tensor([1, 2]).item(),
      'ERR_SHAPE',
      /^item: expected a tensor of one element, got shape \[2\]$/,
    );
    throwsWithCode(() => tensor([]).item(), 'ERR_SHAPE', /got shape \[0\]$/);
  });

  it('backward() adds the gradient of a scalar to its leaves', () => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    assert.equal(x.grad, null);
    (ops.aten.sum!(ops.aten.mul!(x, x)) as Tensor).backward();
    assertTensorEqual(x.grad!, tensor([2, 4, 6]));
    (ops.aten.sum!(ops.aten.mul!(x, x)) as Tensor).backward();
    assertTensorEqual(x.grad!, tensor([4, 8, 12]));
  });

  it('requiresGrad_() switches recording on and off, and returns the tensor itself', () => {
    const x = tensor([1]);
    assert.equal(x.requiresGrad_(), x);
    assert.equal((ops.aten.mul!(x, 2) as Tensor).requiresGrad, true);
    x.requiresGrad_(false);
    assert.equal((ops.aten.mul!(x, 2) as Tensor).requiresGrad, false);
  });

  it('misuse: backward() of more than one element, or of a constant; a gradient for integers', () => {
    throwsWithCode(() => tensor([1, 2]).requiresGrad_().backward(), 'ERR_TORCH', /scalar outputs/);
    throwsWithCode(() => tensor(1).backward(), 'ERR_TORCH', /does not require grad/);
    throwsWithCode(() => tensor([1], { dtype: 'int64' }).requiresGrad_(), 'ERR_TORCH', /floating/);
  });

  it('isSame() tells a tensor from a copy of it', () => {
    const x = tensor([1]).requiresGrad_();
    assert.equal(x.isSame(x), true);
    assert.equal(x.isSame(tensor([1])), false);
    (ops.aten.sum!(x) as Tensor).backward();
    assert.equal(x.grad!.isSame(x.grad!), true, 'two handles of one tensor');
  });

  it('dispose() frees, may be called twice, and everything else throws afterwards', () => {
    const x = tensor([1, 2]);
    assert.equal(x.isDisposed, false);
    x.dispose();
    x.dispose();
    assert.equal(x.isDisposed, true);
    const uses: ((y: Tensor) => unknown)[] = [
      (y) => y.shape,
      (y) => y.dtype,
      (y) => y.device,
      (y) => y.numel(),
      (y) => y.requiresGrad,
      (y) => y.requiresGrad_(),
      (y) => y.grad,
      (y) => y.item(),
      (y) => y.toTypedArray(),
      (y) => y.toNumbers(),
      (y) => y.backward(),
      (y) => y.isSame(tensor(1)),
      (y) => tensor(1).isSame(y),
      (y) => ops.aten.neg!(y),
      (y) => ops.aten.cat!([tensor([1]), y]),
    ];
    for (const use of uses)
      throwsWithCode(() => use(x), 'ERR_DISPOSED', /expected a tensor, got one that has been disposed/);
  });

  it('disposing a view or a source leaves the other alone', () => {
    const x = tensor([
      [1, 2],
      [3, 4],
    ]);
    const row = ops.aten.select!(x, 0, 1) as Tensor;
    x.dispose();
    assert.deepEqual(row.toNumbers(), [3, 4]);
  });

  it('prints as PyTorch does, or that it has been disposed', testOnCpu('other devices are named', () => {
    const x = tensor([[1, 2]]);
    assert.equal(inspect(x), 'tensor([[1., 2.]])');
    x.dispose();
    assert.equal(inspect(x), 'tensor(disposed)');
  }));
});
