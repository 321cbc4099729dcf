// Arguments that would write or read outside of a tensor's memory, or that are no arguments at all: an error, never a crash.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { asTensor, Generator, nn, tensor, Tensor, torch } from '../../lib/index';
import { nativeModule } from '../../lib/nn/module';
import { throwsWithCode } from '../support/assertions';
import { onCpu } from '../support/on-cpu';

const longs = (...values: number[]) => tensor(values, { dtype: 'int64' });

describe('positions outside of the memory', () => {
  onCpu('CUDA finds out later, and ends');
  const refused: [string, () => unknown, RegExp][] = [
    ['asStrided beyond the end', () => tensor([1, 2]).asStrided([100], [1]), /out of bounds/],
    ['asStrided before the start', () => tensor([1, 2]).asStrided([2], [1], -5), /invalid storage offset/],
    ['embedding', () => torch.embedding(tensor([[1]]), longs(5)), /index out of range/],
    ['embeddingBag', () => torch.embeddingBag(tensor([[1]]), longs(5), longs(0)), /not in the valid range/],
    ['gather', () => tensor([1, 2]).gather(0, longs(7)), /out of bounds/],
    ['take', () => tensor([1, 2]).take(longs(-70)), /out of range/],
    ['indexAdd', () => tensor([1, 2]).indexAdd(0, longs(9), tensor([1])), /out of range/],
    ['scatter_', () => tensor([1, 2]).scatter_(0, longs(9), 1), /out of bounds/],
    ['nllLoss', () => torch.nllLoss(tensor([[1, 2]]), longs(9)), /out of bounds/],
    ['maxUnpool2d', () => torch.maxUnpool2d(torch.ones([1, 1, 1, 1]), torch.full([1, 1, 1, 1], 99), [2, 2]), /invalid max index/],
    ['sparseCooTensor', () => torch.sparseCooTensor(longs(5).view(1, 1), tensor([1]), [2]).toDense(), /found index 5/],
    ['sparseCooTensor, negative', () => torch.sparseCooTensor(longs(-5).view(1, 1), tensor([1]), [2]).toDense(), /negative index -5/],
    ['sparseCsrTensor', () => torch.sparseCsrTensor(longs(0, 1, 2), longs(0, 9), tensor([1, 2]), [2, 2]), /col_indices < ncols/],
    ['resize_ of shared memory', () => asTensor(new Float32Array(new SharedArrayBuffer(4))).resize_([1000]), /not resizable/],
    ['a part copied onto itself', () => overlapping(), /single memory location/],
  ];
  for (const [name, call, message] of refused) {
    it(`are refused: ${name}`, () => void throwsWithCode(call, 'ERR_TORCH', message));
  }

  it('more memory than there is', () => {
    throwsWithCode(() => longs(2 ** 40).bincount(), 'ERR_OUT_OF_MEMORY', /memory/);
    throwsWithCode(() => tensor([1]).repeat([2 ** 40]), 'ERR_OUT_OF_MEMORY', /memory/);
    throwsWithCode(() => torch.zeros([2 ** 52, 2 ** 52]), 'ERR_TORCH', /overflowed/);
  });
});

function overlapping(): Tensor {
  const x = tensor([1, 2, 3]);
  return x.index(torch.slice(1, null)).copy_(x.index(torch.slice(0, 2)));
}

describe('what is no argument', () => {
  it('is refused by its kind, also where it looks like one', () => {
    const imitation = Object.create(Tensor.prototype) as Tensor;
    const generator = Object.assign(Object.create(Generator.prototype) as object, { handle: tensor([1]).handle });
    const refused: (() => unknown)[] = [
      () => torch.add({ handle: {} } as never, 1),
      () => torch.add(imitation, 1),
      () => torch.add(new Generator() as never, 1),
      () => imitation.add(1),
      () => torch.rand([1], { generator: generator as never }),
      () => torch.zeros('2' as never),
      () => torch.zeros([Symbol('x') as never]),
      () => torch.zeros((() => 0) as never),
      () => torch.cat([null as never]),
      () => torch.zeros([2], { dtype: 1 as never }),
    ];
    for (const call of refused) throwsWithCode(call, 'ERR_NO_OVERLOAD', /^operator aten::/);
  });

  it('passes on what its getters throw', () => {
    const keywords = {
      get dtype(): never {
        throw new Error('from the getter');
      },
    };
    assert.throws(() => torch.zeros([2], keywords), /^Error: from the getter$/);
  });
});

describe('operators that oneDNN computes', () => {
  it('give their memory back without an end of the process: gelu', () => {
    for (const size of [1, 6, 100, 1000]) assert.equal(torch.gelu(torch.zeros([size])).sum().item(), 0);
  });
});

describe('arguments that libtorch does not look at', () => {
  onCpu('CUDA finds out later, and ends');
  const long = (values: unknown) => tensor(values as number[], { dtype: 'int64', device: 'cpu' });

  it('misuse: targets of ctcLoss that are no class; padding behind a target does not count', () => {
    const logProbs = torch.zeros([4, 2, 3], { device: 'cpu', requiresGrad: true }).logSoftmax(2);
    const loss = (targets: unknown, lengths: number[]) => torch.ctcLoss(logProbs, long(targets), [4, 4], lengths);
    throwsWithCode(
      () => loss([[1, 99999999], [1, 1]], [2, 2]), // prettier-ignore
      'ERR_INVALID_ARG_VALUE',
      /^operator aten::ctc_loss: expected targets in \[0, 3\), got 99999999/,
    );
    throwsWithCode(() => loss([1, -5, 1], [2, 1]), 'ERR_INVALID_ARG_VALUE', /got -5/);
    loss([[1, 99], [1, 1]], [1, 2]).backward(); // prettier-ignore
  });

  it('misuse: the least integer divided by -1, which processors trap', () => {
    const least = tensor([-(2n ** 63n)], { dtype: 'int64', device: 'cpu' });
    const least32 = tensor([-(2 ** 31)], { dtype: 'int32', device: 'cpu' });
    const calls = [
      () => torch.div(least, long([-1]), { roundingMode: 'trunc' }),
      () => torch.div(least, -1, { roundingMode: 'floor' }),
      () => torch.floorDivide(least, long([-1])),
      () => torch.remainder(least, -1),
      () => torch.fmod(least32, long([-1]).int()),
    ];
    for (const call of calls) throwsWithCode(call, 'ERR_INVALID_ARG_VALUE', /least integer divided by -1/);
    assert.deepEqual(torch.div(long([7]), -1, { roundingMode: 'trunc' }).toArray(), [-7]);
    assert.deepEqual(torch.remainder(least, 2).toArray(), [0]);
  });

  it('misuse: offsets and indices outside of their tensor', () => {
    const weight = torch.ones([2, 3], { device: 'cpu' });
    const bag = (offsets: number[]) => () => torch.embeddingBag(weight, long([0, 1]), long(offsets));
    throwsWithCode(bag([0, -99999]), 'ERR_INVALID_ARG_VALUE', /offsets in \[0, 3\), got -99999/);
    throwsWithCode(bag([1, 0]), 'ERR_INVALID_ARG_VALUE', /ascending/);
    const data = tensor([1, 2], { device: 'cpu' });
    const reduce = () => torch.segmentReduce(data, 'sum', { offsets: long([0, 99999]) });
    throwsWithCode(reduce, 'ERR_INVALID_ARG_VALUE', /offsets in \[0, 3\)/);
    const x = torch.ones([1, 4, 4], { device: 'cpu' });
    const [y] = torch.maxPool2dWithIndices(x, 2);
    const indices = long([[[0, 1], [2, 99999999]]]); // prettier-ignore
    const spare = () => torch.gatherBackward(torch.ones([2]), torch.ones([4]), 0, long([9, 0]), true);
    throwsWithCode(spare, 'ERR_INVALID_ARG_VALUE', /index in \[0, 4\), got 9/);
    const elsewhere = () => torch.gatherBackward(torch.ones([2, 2]), torch.ones([2, 4]), 1, torch.ones([1]), true);
    throwsWithCode(elsewhere, 'ERR_INVALID_ARG_VALUE', /an int64 index of the shape of grad, \[2, 2\], got Float \[1\]/);
    const backward = () => torch.maxPool2dWithIndicesBackward(y, x, [2, 2], [2, 2], [0, 0], [1, 1], false, indices);
    throwsWithCode(backward, 'ERR_INVALID_ARG_VALUE', /indices in \[0, 16\), got 99999999/);
  });

  it('misuse: lists shorter than what is read of them', () => {
    const [x, y] = [torch.ones([3, 4, 4]), torch.ones([3, 2, 2])];
    const indices = torch.zeros([3, 2, 2], { dtype: 'int64' });
    const calls: [() => unknown, RegExp][] = [
      [() => torch.reflectionPad1dBackward(x, x, []), /expected 2 items in padding, got 0/],
      [() => torch.reflectionPad2dBackward(x, x, [1]), /expected 4 items in padding, got 1/],
      [() => torch.replicationPad3dBackward(x, x, []), /expected 6 items in padding, got 0/],
      [() => torch.fractionalMaxPool2dBackward(y, x, [2, 2], [], indices), /expected 2 items in output_size, got 0/],
      [() => torch.quantizedLstmCell(x, [], x, x, x, x, x, x, x, x, 1, 1, 0, 0), /expected 2 items in hx, got 0/],
    ];
    for (const [call, message] of calls) throwsWithCode(call, 'ERR_INVALID_ARG_VALUE', message);
    assert.deepEqual(torch.reflectionPad1d(tensor([[1, 2, 3]]), [1, 1]).toArray(), [[2, 1, 2, 3, 2]]);
    assert.deepEqual(torch.replicationPad1d(tensor([[1, 2]]), 1).toArray(), [[1, 1, 2, 2]]);
  });

  it('misuse: a copy of a quantized tensor in another dtype', () => {
    const quantized = torch.quantizePerTensor(torch.ones([2, 3]), 0.25, 0, 'qint32');
    throwsWithCode(() => torch.viewCopy(quantized, 'int8'), 'ERR_INVALID_ARG_VALUE', /not quantized/);
    assert.deepEqual(torch.viewCopy(torch.zeros([2, 2]), 'int32').toArray(), [[0, 0], [0, 0]]); // prettier-ignore
  });

  it('misuse: a copy into a compressed sparse tensor, which has no storage', () => {
    const rows = torch.tensor([[0, 1, 2]]).toSparseCsr();
    throwsWithCode(() => torch.copy(rows, torch.ones([1, 3])), 'ERR_INVALID_ARG_VALUE', /expected a dense tensor as self, got one of layout SparseCsr/);
    assert.deepEqual(torch.copy(torch.zeros([1, 2]), torch.ones([1, 2])).toArray(), [[1, 1]]);
  });

  it('misuse: an array that holds itself, where arrays may hold arrays', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    const module = nativeModule(new nn.Linear(2, 2)) as unknown as { trace(...args: unknown[]): unknown };
    throwsWithCode(() => module.trace([circle], () => tensor([1]).handle, false), 'ERR_INVALID_ARG_TYPE', /arrays of less depth/);
    throwsWithCode(() => module.trace([], () => circle, false), 'ERR_INVALID_ARG_TYPE', /arrays of less depth/);
    throwsWithCode(() => torch.cat(circle as never), 'ERR_NO_OVERLOAD', /./);
  });
});
