import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ops, tensor, Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';

const matrix = () =>
  tensor([
    [1, 2, 3],
    [4, 5, 6],
  ]);

describe('ops.aten', () => {
  it('chooses the overload that takes the arguments', () => {
    assertTensorEqual(ops.aten.add!(tensor([1, 2]), tensor([10, 20])), tensor([11, 22]));
    assertTensorEqual(ops.aten.add!(tensor([1, 2]), 10), tensor([11, 12]));
    assert.equal(ops.aten.sum!(matrix()).item(), 21);
    assertTensorEqual(ops.aten.sum!(matrix(), [0]), tensor([5, 7, 9]));
    assertTensorEqual(ops.aten.max!(tensor([1, 5]), tensor([3, 2])), tensor([3, 5]));
  });

  it('calls the overload that is named', () => {
    assertTensorEqual(ops.aten['add.Tensor']!(tensor([1]), tensor([2])), tensor([3]));
    assertTensorEqual(ops.aten['sum.dim_IntList']!(matrix(), [1], true), tensor([[6], [15]]));
    assertTensorEqual(ops.aten['relu.default']!(tensor([-1, 2])), tensor([0, 2]));
    throwsWithCode(() => ops.aten['sum.dim_IntList']!(matrix(), 'x'), 'ERR_NO_OVERLOAD', /aten::sum\.dim_IntList/);
  });

  it('keeps integers apart from fractions, as Python does', () => {
    assertTensorEqual(ops.aten.mul!(tensor([2], { dtype: 'int64' }), 3), tensor([6], { dtype: 'int64' }));
    assertTensorEqual(ops.aten.mul!(tensor([2], { dtype: 'int64' }), 1.5), tensor([3]));
    assertTensorEqual(ops.aten.eq!(tensor([1, 2]), 2), tensor([false, true]));
    assertTensorEqual(
      ops.aten.add!(tensor([1], { dtype: 'int64' }), 2n ** 60n),
      tensor(BigInt64Array.of(2n ** 60n + 1n)),
    );
  });

  it('multiplies in place by a number as it is, which half precision does not have', () => {
    for (const dtype of ['bfloat16', 'float16'] as const) {
      const x = ops.aten.arange!(1, 71, { dtype }) as Tensor;
      const expected = x.to('float32').mul(0.9).to(dtype);
      assert.equal(ops.aten.mul_!(x, 0.9), x);
      assertTensorEqual(x, expected);
    }
    assertTensorEqual(tensor([3], { dtype: 'int64' }).mul_(2), tensor([6], { dtype: 'int64' }));
    throwsWithCode(() => tensor([3], { dtype: 'int64' }).mul_(1.5), 'ERR_TORCH', /can't be cast/);
  });

  it('takes keywords from a plain object in last place, in any order, also for positional arguments', () => {
    assertTensorEqual(ops.aten.add!(tensor([1]), tensor([2]), { alpha: 10 }), tensor([21]));
    const summed = ops.aten.sum!(matrix(), { dtype: 'float64', keepdim: true, dim: [1] });
    assertTensorEqual(summed, tensor([[6], [15]], { dtype: 'float64' }));
    assertTensorEqual(ops.aten.full!([2], 7, { dtype: 'int32' }), tensor([7, 7], { dtype: 'int32' }));
    assert.equal(ops.aten.zeros!([1], { device: 'cpu' }).device, 'cpu');
  });

  it('takes lists of tensors and of numbers, and one number for a list of known length', () => {
    assertTensorEqual(ops.aten.cat!([tensor([1]), tensor([2, 3])]), tensor([1, 2, 3]));
    assertTensorEqual(
      ops.aten.stack!([tensor([1, 2]), tensor([3, 4])], 1),
      tensor([
        [1, 3],
        [2, 4],
      ]),
    );
    assertTensorEqual(
      ops.aten.permute!(matrix(), [1, 0]),
      tensor([
        [1, 4],
        [2, 5],
        [3, 6],
      ]),
    );
    const image = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i),
      { shape: [1, 1, 4, 4] },
    );
    assertTensorEqual(ops.aten.max_pool2d!(image, 2), ops.aten.max_pool2d!(image, [2, 2]));
    assert.deepEqual(ops.aten.max_pool2d!(image, 2).toNumbers(), [5, 7, 13, 15]);
  });

  it('takes null and undefined for what is optional, null inside a list too', () => {
    const x = tensor([[-2, 0.5, 3]]);
    assertTensorEqual(ops.aten.clamp!(x, null, 1), tensor([[-2, 0.5, 1]]));
    assertTensorEqual(ops.aten.clamp!(x, -1, undefined), tensor([[-1, 0.5, 3]]));
    assertTensorEqual(
      ops.aten.index!(matrix(), [null, tensor([2, 0], { dtype: 'int64' })]),
      tensor([
        [3, 1],
        [6, 4],
      ]),
    );
  });

  it('gives several results as an array', () => {
    const results = ops.aten.max!(
      tensor([
        [1, 9],
        [8, 2],
      ]),
      1,
    );
    assert.equal(results.length, 2);
    assertTensorEqual(results[0], tensor([9, 8]));
    assertTensorEqual(results[1], tensor([1, 0], { dtype: 'int64' }));
  });

  it('gives a list of tensors as an array', () => {
    const parts = ops.aten.split!(tensor([1, 2, 3]), 2);
    assert.ok(parts.every((part: unknown) => part instanceof Tensor));
    assert.deepEqual(
      parts.map((part: Tensor) => part.toNumbers()),
      [[1, 2], [3]],
    );
  });

  it('gives numbers and booleans as such', () => {
    assert.equal(ops.aten.size!(matrix(), 1), 3);
    assert.equal(ops.aten.equal!(tensor([1]), tensor([1])), true);
    assert.equal(ops.aten.dim!(matrix()), 2);
  });

  it('changes its argument where the name ends in an underscore', () => {
    const x = tensor([1, 2]);
    const result = ops.aten.mul_!(x, 3);
    assert.ok(x.isSame(result));
    assert.deepEqual(x.toNumbers(), [3, 6]);
  });

  it('is recorded by autograd', () => {
    const x = tensor([0.5, -1]).requiresGrad_();
    ops.aten.sum!(ops.aten.exp!(x)).backward();
    assertTensorClose(x.grad!, tensor([Math.exp(0.5), Math.exp(-1)]));
  });

  it('misuse: an operator or an overload that does not exist', () => {
    throwsWithCode(
      () => ops.aten.nosuch!(tensor(1)),
      'ERR_UNKNOWN_OPERATOR',
      /operator aten::nosuch is not in this libtorch/,
    );
    throwsWithCode(() => ops.aten['add.Nosuch']!(tensor(1)), 'ERR_UNKNOWN_OPERATOR', /aten::add\.Nosuch/);
  });

  it('misuse: arguments that no overload takes; the message lists the schemas', () => {
    const schema = '; its schema is:\n  aten::relu(Tensor self) -> Tensor';
    const refused: [() => unknown, string][] = [
      [() => ops.aten.relu!(), 'the argument "self" is missing'],
      [() => ops.aten.relu!('x'), 'expected "self" to be Tensor, got "x"'],
      [() => ops.aten.relu!(tensor([1]), 2), 'expected at most 1 arguments (others by name), got 2'],
      [() => ops.aten.relu!(null), 'expected "self" to be Tensor, got null'],
      [() => ops.aten.relu!([tensor([1])]), 'expected "self" to be Tensor, got [a Tensor]'],
      [() => ops.aten.relu!(tensor([1]), { nosuch: 1 }), 'there is no argument "nosuch"'],
    ];
    for (const [call, reason] of refused) {
      assert.throws(call, { code: 'ERR_NO_OVERLOAD', message: `operator aten::relu: ${reason}${schema}` });
    }
    throwsWithCode(() => ops.aten.select!(matrix(), 0.5, 0), 'ERR_NO_OVERLOAD', /aten::select\.int\(/);
  });

  it('misuse: an object that is not plain in last place, which has no keywords', () => {
    for (const object of [new Map([['dim', 1]]), new Date(), /dim/, new (class Keywords { dim = 1 })()]) {
      throwsWithCode(() => ops.aten.sum!(matrix(), object as never), 'ERR_NO_OVERLOAD', /expected "dim" to be int\[\]\?, got an object/);
    }
    assertTensorEqual(ops.aten.sum!(matrix(), Object.assign(Object.create(null), { dim: 0 })), tensor([5, 7, 9]));
  });

  it('misuse: an array or keywords that hold themselves', () => {
    const list: unknown[] = [matrix()];
    list.push(list);
    throwsWithCode(() => ops.aten.cat!(list as never), 'ERR_NO_OVERLOAD', /expected "tensors" to be Tensor\[\], got \[a Tensor, an array\]/);
    const keywords: Record<string, unknown> = {};
    keywords.dim = keywords;
    throwsWithCode(() => ops.aten.sum!(matrix(), keywords as never), 'ERR_NO_OVERLOAD', /expected "dim"/);
  });

  it('misuse: sizes that are no integers; the message shows them', () => {
    throwsWithCode(() => ops.aten.zeros!([2, NaN]), 'ERR_NO_OVERLOAD', /expected "size" to be SymInt\[\], got \[2, NaN\]/);
  });

  it('misuse: an argument given by position and by keyword', () => {
    throwsWithCode(() => ops.aten.softmax!(matrix(), 1, { dim: 0 }), 'ERR_NO_OVERLOAD', /aten::softmax/);
  });

  it('misuse: a dtype that does not exist', () => {
    throwsWithCode(() => ops.aten.sum!(matrix(), { dtype: 'float99' }), 'ERR_NO_OVERLOAD', /ScalarType\? dtype/);
  });

  it('takes a dtype or a device where overloads differ in that', () => {
    assert.equal((ops.aten.to!(tensor([1]), 'float64') as Tensor).dtype, 'float64');
    assert.equal((ops.aten.to!(tensor([1]), 'cpu', 'int64') as Tensor).dtype, 'int64');
  });

  it("libtorch's own refusal comes without a C++ backtrace, and the tensors stay usable", () => {
    const x = tensor([1, 2]);
    const error = throwsWithCode(
      () => ops.aten.add!(x, tensor([1, 2, 3])),
      'ERR_TORCH',
      /size of tensor a \(2\) must match .* b \(3\)/,
    );
    assert.doesNotMatch(error.message, /frame #|Exception raised from|\.cpp/);
    assert.match(error.stack!, /operators\.test/);
    assertTensorEqual(ops.aten.add!(x, x), tensor([2, 4]));
  });
});

describe('operators on tensors of other kinds', () => {
  it('hold a sparse result and read it as a dense one', () => {
    const sparse = ops.aten.to_sparse!(tensor([1, 0, 2])) as Tensor;
    assert.deepEqual(sparse.toNumbers(), [1, 0, 2]);
  });

  it('misuse: sparse indices outside the size, which libtorch would follow', () => {
    const index = (...values: number[]) => tensor(values, { dtype: 'int64' });
    const outside = () => ops.aten.sparse_coo_tensor!(index(0, 99).reshape(1, 2), tensor([1, 2]), [3]) as Tensor;
    throwsWithCode(outside, 'ERR_TORCH', /size is inconsistent with indices/);
    throwsWithCode(() => ops.aten.sparse_csr_tensor!(index(0, 99, 5), index(0, 1), tensor([1, 2]), [2, 2]), 'ERR_TORCH', /crow_indices/);
  });

  it('keep their memory where there is not enough for a larger one', () => {
    const more = [2 ** 50];
    for (const enlarge of [
      (x: Tensor) => x.resize_(more),
      (x: Tensor) => x.set_(tensor([1]), 0, more, [1]),
      (x: Tensor) => ops.aten['zeros.out']!(more, { out: x }) as Tensor,
    ]) {
      const x = tensor([1, 2]);
      throwsWithCode(() => enlarge(x), 'ERR_OUT_OF_MEMORY', /^operator aten::/);
      assertTensorEqual(x, tensor([1, 2]));
    }
    const x = tensor([1, 2]);
    throwsWithCode(() => x.resize_([-3]), 'ERR_TORCH', /resize_/);
    assertTensorEqual(x, tensor([1, 2]));
  });

  it('misuse: the memory of a tensor of another dtype', () => {
    throwsWithCode(() => tensor([1, 2], { dtype: 'float64' }).set_(tensor([1, 2])), 'ERR_TORCH', /expected a source of dtype Double, got Float/);
  });

  it('EXPECTED FAILURE: more memory than there is', () => {
    throwsWithCode(() => ops.aten.zeros!([2 ** 50]), 'ERR_OUT_OF_MEMORY', /allocate/);
  });
});
