// Read by the type checker alone: what it must accept, and what it must refuse.
import { type DType, Generator, tensor, type Tensor, torch } from '../../lib/index';

const x: Tensor = tensor([[1, 2], [3, 4]]); // prettier-ignore
const mask: Tensor = x.gt(2);

export const tensors: Tensor[] = [
  x.view(2, -1),
  x.view([2, -1]),
  x.reshape(4),
  x.permute(1, 0),
  x.expand([2, 2]),
  x.sum(),
  x.sum([1], { keepdim: true }),
  x.sum([1], true, { dtype: 'float64' }),
  x.sum({ dtype: 'float64' }),
  x.mean([0, 1]),
  x.add(1),
  x.add(x, { alpha: 2 }),
  x.mul_(2n),
  x.div(x, { roundingMode: 'floor' }),
  x.clamp(0, null),
  x.clamp({ min: 0 }),
  x.maskedFill(mask, 0),
  x.maskedFill_(mask, 0),
  x.where(mask, x),
  x.to('float64'),
  x.to({ dtype: 'int64', device: 'cpu' }),
  x.index([0, null, '...', mask, [1, 0]]),
  x.indexPut_([0], 1),
  x.softmax(-1),
  x.normal_(0, 1, { generator: new Generator() }),
  torch.zeros([2], { dtype: 'int64' }),
  torch.zeros([2]),
  torch.randn([2, 3], { generator: new Generator(), device: 'cpu' }),
  torch.full([2], 7, { dtype: 'float32' }),
  torch.arange(5),
  torch.arange(0, 10, 2),
  torch.cat([x, x], 1),
  torch.stack([x, x]),
  torch.where(mask, x, 0),
  torch.linalg.norm(x),
  torch.linalg.norm(x, 'fro', [0, 1]),
  torch.fft.fft(x),
  torch.conv2d(x, x, null, { padding: 1 }),
  torch.conv2d(x, x, { stride: [1, 2] }),
  torch.einsum('ij,jk->ik', [x, x]),
  ...torch.topk(x, 5, -1, { largest: false }),
  ...x.topk(5),
  torch.max(x, 1)[0],
  torch.max(x),
  torch.max(x, x),
  torch.sort(x, { dim: 0, descending: true })[1],
  ...x.split(1, 1),
  ...x.chunk(2),
  ...torch.unbind(x),
];

export const others: [number, boolean, number[], DType, string] = [x.size(0), torch.equal(x, x), x.shape, x.dtype, x.device];

/** Never called. */
export function refused(): void {
  // @ts-expect-error a string is no dimension
  x.sum(['1']);
  // @ts-expect-error there is no such option
  x.sum([1], { keepdims: true });
  // @ts-expect-error there is no such dtype
  torch.zeros([2], { dtype: 'float99' });
  // @ts-expect-error a value is needed
  torch.full([2]);
  // @ts-expect-error k is needed
  x.topk();
  // @ts-expect-error `largest` is true or false
  torch.topk(x, 5, -1, { largest: 'no' });
  // @ts-expect-error a mask is a tensor
  x.maskedFill_([true], 0);
  // @ts-expect-error a value is needed
  x.maskedFill_(mask);
  // @ts-expect-error a list of tensors
  torch.cat(x);
  // @ts-expect-error arrays are no tensors
  torch.matmul([[1]], x);
  // @ts-expect-error there is no such method
  x.nosuch();
  // @ts-expect-error names are in camelCase
  x.masked_fill(mask, 0);
  // @ts-expect-error two results, not one
  torch.max(x, 1).item();
  // @ts-expect-error a generator is no seed
  torch.rand([2], { generator: 1 });
  // @ts-expect-error an index is no object
  x.index({ start: 1 });
  // @ts-expect-error alpha is given by name
  x.add(x, 2);
  // @ts-expect-error a size is an integer
  x.view('2');
  // @ts-expect-error what computes is not an option
  torch.linalg.norm(x, { p: 2 });
}
