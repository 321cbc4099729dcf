import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { ops, tensor, Tensor, torch } from '../../lib/index';
import { onCpu } from '../support/on-cpu';
import { recordedTensors, toNumbers } from '../support/recorded-tensors';

/** The recorder's names in its expressions. */
function evaluate(expression: string): Tensor {
  const x = torch.arange(6, { dtype: 'float32' }).view(2, 3);
  const leaf = tensor([1, 2]).requiresGrad_();
  const integers = torch.arange(6).view(2, 3);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- what is recorded beside its result
  return new Function('torch', 'x', 'leaf', 'integers', `return ${expression}`)(torch, x, leaf, integers) as Tensor;
}

describe('a tensor as text', () => {
  onCpu('other devices are named');
  for (const [values, dtype, text] of recordedTensors.format) {
    it(`is PyTorch's: ${text.replace(/\s+/g, ' ')}`, () => {
      assert.equal(tensor(toNumbers(values), { dtype }).toString(), text);
    });
  }

  for (const [expression, text] of recordedTensors.formatExpressions) {
    it(`is PyTorch's for ${expression}`, () => {
      assert.equal(evaluate(expression).toString(), text);
    });
  }

  it("is PyTorch's for tensors that are not dense", () => {
    const { quantizePerTensor, quantizePerChannel } = torch;
    const square = tensor([[0, 1], [2, 3]]);
    const cases: [Tensor, string][] = [
      [torch.empty([2, 3], { device: 'meta' }), "tensor(..., device='meta', size=(2, 3))"],
      [torch.empty([2], { device: 'meta', dtype: 'int64' }), "tensor(..., device='meta', size=(2,), dtype=torch.int64)"],
      [torch.empty([2], { device: 'meta' }).requiresGrad_(), "tensor(..., device='meta', size=(2,), requires_grad=True)"],
      [
        quantizePerTensor(tensor([[0.5, -1], [3, 100]]), 0.25, 3, 'qint8'),
        `tensor([[ 0.5000, -1.0000],
        [ 3.0000, 31.0000]], size=(2, 2), dtype=torch.qint8,
       quantization_scheme=torch.per_tensor_affine, scale=0.25, zero_point=3)`,
      ],
      [
        quantizePerChannel(tensor([[0.5, -1], [3, 4]]), tensor([0.25, 0.5], { dtype: 'float64' }), tensor([0, 1], { dtype: 'int64' }), 0, 'quint8'),
        `tensor([[0.5000, 0.0000],
        [3.0000, 4.0000]], size=(2, 2), dtype=torch.quint8,
       quantization_scheme=torch.per_channel_affine,
       scale=tensor([0.2500, 0.5000], dtype=torch.float64),
       zero_point=tensor([0, 1]), axis=0)`,
      ],
      [
        square.toSparseCsr().requiresGrad_(),
        `tensor(crow_indices=tensor([0, 1, 3]),
       col_indices=tensor([1, 0, 1]),
       values=tensor([1., 2., 3.]), size=(2, 2), nnz=3,
       layout=torch.sparse_csr, requires_grad=True)`,
      ],
      [
        square.toSparseCsc(),
        `tensor(ccol_indices=tensor([0, 1, 3]),
       row_indices=tensor([1, 0, 1]),
       values=tensor([2., 1., 3.]), size=(2, 2), nnz=3,
       layout=torch.sparse_csc)`,
      ],
      [
        torch.zeros([2, 2]).toSparseCsr(),
        `tensor(crow_indices=tensor([0, 0, 0]),
       col_indices=tensor([], size=(0,)),
       values=tensor([], size=(0,)), size=(2, 2), nnz=0,
       layout=torch.sparse_csr)`,
      ],
      [
        ops.aten._nested_tensor_from_tensor_list!([torch.ones([2]), torch.ones([3])]) as Tensor,
        `nested_tensor([
  tensor([1., 1.]),
  tensor([1., 1., 1.])
])`,
      ],
    ];
    for (const [value, text] of cases) assert.equal(value.toString(), text);
  });

  it('is shown by util.inspect and in templates, inside of objects too', () => {
    const x = tensor([1, 2.5]);
    assert.equal(inspect(x), 'tensor([1.0000, 2.5000])');
    assert.equal(`${x}`, 'tensor([1.0000, 2.5000])'); // eslint-disable-line @typescript-eslint/restrict-template-expressions
    assert.equal(inspect({ x, list: [tensor(1)] }), '{ x: tensor([1.0000, 2.5000]), list: [ tensor(1.) ] }');
    assert.equal(inspect(new Map([['x', x]])), "Map(1) { 'x' => tensor([1.0000, 2.5000]) }");
    assert.match(inspect({ a: torch.arange(4).view(2, 2) }), /^\{\s+a: tensor\(\[\[0, 1\],\n\s+\[2, 3\]\]\)\s+\}$/);
  });

  it('says so of a disposed one', () => {
    const x = tensor([1]);
    x.dispose();
    assert.equal(inspect([x]), '[ tensor(disposed) ]');
  });

  it('does not change the tensor, its gradient or the graph', () => {
    const x = tensor([1, 2]).requiresGrad_();
    const y = x.mul(2);
    void y.toString();
    y.sum().backward();
    assert.deepEqual(x.grad!.toArray(), [2, 2]);
  });
});
