// Several datasets as one: which samples in which order, what is copied, transforms, misuse.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { concatDatasets, DataLoader, IterableDataset, memory, type Tensor, tensor, TensorDataset, type TensorTransform } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { settledMemory } from '../support/settled-memory';

const bytes = (rows: number[][]) => tensor(new Uint8Array(rows.flat()), { shape: [rows.length, rows[0]!.length] });
const labels = (values: number[]) => tensor(values, { dtype: 'int64' });
const dataset = (rows: number[][], y: number[], options = {}) => new TensorDataset(bytes(rows), labels(y), options);

/** Inputs, targets and task labels of all samples as the model gets them. */
async function batchOf(data: TensorDataset) {
  for await (const [x, y, taskId] of new DataLoader(data, { batchSize: data.length })) {
    return [(x).toArray(), y.toArray(), taskId.toArray()];
  }
  return [];
}

describe('concatDatasets', () => {
  const one = () => dataset([[1, 2], [3, 4]], [0, 1]);
  const two = () => dataset([[5, 6]], [2]);

  it('puts samples behind one another, in the dtype in which they are stored', async () => {
    const whole = concatDatasets([one(), two(), one()]);
    assert.deepEqual(whole.x.toArray(), [[1, 2], [3, 4], [5, 6], [1, 2], [3, 4]]);
    assert.equal(whole.x.dtype, 'uint8');
    assert.deepEqual(whole.labels(), [0, 1, 2, 0, 1]);
    assert.deepEqual(whole.classes, [0, 1, 2]);
    assert.deepEqual(whole.taskLabels, []);
    const [x, y] = await batchOf(whole);
    assert.deepEqual([x, y], [whole.x.toArray(), whole.y.toArray()]);
  });

  it('takes what datasets select, in their order', () => {
    const whole = concatDatasets([dataset([[1], [2], [3]], [0, 1, 2]).subset([2, 0]), dataset([[9], [8]], [4, 5], { indices: labels([1]) })]);
    assert.deepEqual([whole.x.toArray(), whole.labels()], [[[3], [1], [8]], [2, 0, 5]]);
  });

  it('gives each sample its task label, 0 where its data has none beside data with some', () => {
    const whole = concatDatasets([one().withTaskLabels([4, 2]), two(), two().withTaskLabels(7)]);
    assert.deepEqual(whole.taskLabelOfEachSample(), [4, 2, 0, 7]);
    assert.deepEqual(concatDatasets([one().withTaskLabels(3), two().withTaskLabels(3)]).taskLabels, [3]);
  });

  it('copies nothing where all are selections of the same tensors', async () => {
    const data = dataset([[1], [2], [3], [4]], [0, 1, 2, 3]);
    const whole = concatDatasets([data.subset([3, 1]).withTaskLabels(5), data.subset([0]).withTaskLabels(6)]);
    assert.ok(whole.x.isSame(data.x) && whole.y.isSame(data.y));
    assert.deepEqual((await batchOf(whole)).slice(0, 3), [[[4], [2], [1]], [3, 1, 0], [5, 5, 6]]);
    assert.deepEqual(concatDatasets([data, data]).labels(), [0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('returns one dataset alone as it is', () => {
    const data = one();
    assert.equal(concatDatasets([data]), data);
  });

  it('takes several inputs, in an array or by name, and targets of any shape', () => {
    const several = (x: any, y: number[][]) => new TensorDataset(x, tensor(y, { dtype: 'float32' }));
    const array = concatDatasets([several([bytes([[1, 2]]), bytes([[3]])], [[0.5, 1]]), several([bytes([[4, 5]]), bytes([[6]])], [[2, 3]])]);
    assert.deepEqual((array.inputs as Tensor[]).map((x) => x.toArray()), [[[1, 2], [4, 5]], [[3], [6]]]);
    assert.deepEqual(array.y.toArray(), [[0.5, 1], [2, 3]]);
    const named = concatDatasets([several({ a: bytes([[1]]), b: bytes([[2]]) }, [[0]]), several({ b: bytes([[4]]), a: bytes([[3]]) }, [[1]])]);
    assert.deepEqual(Object.entries(named.inputs).map(([name, x]) => [name, x.toArray()]), [['a', [[1], [3]]], ['b', [[2], [4]]]]);
  });

  it('keeps the transforms that all have, those of training and of evaluation, and the group', async () => {
    const transform: TensorTransform = { toFloat: true, normalize: { mean: 0.5, std: 0.25 } };
    const evalTransform: TensorTransform = { toFloat: true };
    const data = () => dataset([[0], [255]], [0, 1], { transform: { ...transform }, evalTransform: { ...evalTransform } });
    const whole = concatDatasets([data(), data()]);
    assert.deepEqual((await batchOf(whole)).slice(0, 1), [[[-2], [2], [-2], [2]]]);
    assert.deepEqual((await batchOf(whole.eval()))[0], [[0], [1], [0], [1]]);
    assert.deepEqual((await batchOf(concatDatasets([data().eval(), data().eval()])))[0], [[0], [1], [0], [1]]);
    const double = (x: Tensor) => x.mul(2);
    const doubled = concatDatasets([one().withTransform(double), two().withTransform(double)]);
    assert.deepEqual((await batchOf(doubled))[0], [[2, 4], [6, 8], [10, 12]]);
  });

  it('carries out the frame of permutations that differ before them, and tells apart what is padded otherwise', async () => {
    const images = (...values: number[]) => new TensorDataset(tensor(new Uint8Array(values), { shape: [values.length, 1, 1] }), labels(values.map(() => 0)));
    const framed = (value: number, order: number[]) => images(value).withTransform({ pad: 1, permutation: labels(order), toFloat: true });
    const parts = [framed(51, [4, 0, 1, 2, 3, 5, 6, 7, 8]), framed(255, [8, 0, 1, 2, 3, 5, 6, 7, 4])];
    const whole = concatDatasets(parts);
    assert.deepEqual(whole.sampleShape, [3, 3]);
    assert.deepEqual(whole.transform, { toFloat: true });
    const [x] = await batchOf(whole);
    assert.deepEqual(x, [...((await batchOf(parts[0]!))[0] as number[]), ...((await batchOf(parts[1]!))[0] as number[])]);
    assert.deepEqual((x as unknown as number[][][]).map((image) => image.flat().findIndex((value) => value > 0)), [0, 8]);
    const padded = (pad: number) => images(7).withTransform({ pad });
    assert.deepEqual(concatDatasets([padded(2), padded(2)]).transform, { pad: 2 });
    throwsWithCode(() => concatDatasets([padded(2), padded(1)]), 'ERR_INVALID_ARG_VALUE', /expected datasets of the same transforms, .* others at index 1/);
  });

  it('carries out permutations that differ, and gives the mini-batches of the parts', async () => {
    const permutation = (order: number[]) => ({ permutation: labels(order), toFloat: true, normalize: { mean: 0.5, std: 0.5 } });
    const orders = [[2, 0, 1], [0, -1, 1], [-1, -1, 2]];
    const stored = dataset([[51, 102, 255], [10, 20, 30]], [0, 1]);
    const parts = orders.map((order) => stored.withTransform(permutation(order)).subset([1, 0]));
    const whole = concatDatasets(parts);
    assert.equal(whole.x.dtype, 'uint8');
    assert.deepEqual(whole.x.toArray(), [[30, 10, 20], [255, 51, 102], [10, 0, 20], [51, 0, 102], [0, 0, 30], [0, 0, 255]]);
    for (const group of ['train', 'eval'] as const) {
      const each = await Promise.all(parts.map((part) => batchOf(part[group]())));
      assert.deepEqual((await batchOf(whole[group]()))[0], each.flatMap(([x]) => x));
    }
    assert.deepEqual(concatDatasets([stored.withTransform(permutation([2, 0, 1])), stored.withTransform(permutation([2, 0, 1]))]).x.toArray(), stored.x.toArray());
  });

  it('makes one copy: beside the datasets themselves only that of inputs and that of targets stay', () => {
    const datasets = [one().subset([1]), two()];
    const { numTensors, numBytes } = settledMemory();
    const whole = concatDatasets(datasets);
    const now = memory();
    assert.deepEqual([now.numTensors - numTensors, now.numBytes - numBytes], [2, 2 * 2 + 2 * 8]);
    assert.equal(whole.length, 2);
  });

  const misuse: Record<string, [() => unknown, string, RegExp]> = {
    'no array': [() => concatDatasets(one() as never), 'ERR_INVALID_ARG_TYPE', /expected an array of TensorDatasets, got /],
    'an empty array': [() => concatDatasets([]), 'ERR_INVALID_ARG_VALUE', /at least one TensorDataset/],
    'something else in it': [() => concatDatasets([one(), null as never]), 'ERR_INVALID_ARG_TYPE', /got null at index 1/],
    'a hole': [() => concatDatasets([one(), , two()] as never), 'ERR_INVALID_ARG_TYPE', /got undefined at index 1/], // eslint-disable-line no-sparse-arrays
    'data that does not lie in memory': [
      () => concatDatasets([new IterableDataset(() => []) as never]),
      'ERR_INVALID_ARG_TYPE',
      /IterableDataset.* at index 0, whose samples do not lie in memory/,
    ],
    'samples of another shape': [() => concatDatasets([one(), dataset([[1]], [0])]), 'ERR_SHAPE', /x to be uint8 \[N, 2\] on \S+ as at index 0, got uint8 \[N, 1\] on \S+ at index 1/],
    'samples of another dtype': [
      () => concatDatasets([one(), new TensorDataset(tensor([[1, 2]], { dtype: 'float32' }), labels([0]))]),
      'ERR_SHAPE',
      /got float32 \[N, 2\]/,
    ],
    'targets of another dtype': [
      () => concatDatasets([one(), new TensorDataset(bytes([[1, 2]]), tensor([0.5], { dtype: 'float32' }))]),
      'ERR_SHAPE',
      /y to be int64 \[N\] on \S+ as at index 0, got float32 \[N\]/,
    ],
    'other inputs': [
      () => concatDatasets([one(), new TensorDataset({ a: bytes([[1, 2]]) }, labels([0]))]),
      'ERR_INPUTS',
      /x to be one tensor as at index 0, got \{ a \} at index 1/,
    ],
    'other transforms': [
      () => concatDatasets([one(), two().withTransform({ toFloat: true })]),
      'ERR_INVALID_ARG_VALUE',
      /same transforms.*at index 1/,
    ],
    'other functions': [
      () => concatDatasets([one().withTransform((x: Tensor) => x), two().withTransform((x: Tensor) => x)]),
      'ERR_INVALID_ARG_VALUE',
      /same transforms/,
    ],
    'permutations that are not those of evaluation': [
      () => concatDatasets([one(), two().withTransform({ permutation: labels([1, 0]) }, {})]),
      'ERR_INVALID_ARG_VALUE',
      /permutation alone, which is that of evaluation too, got others at index 1/,
    ],
  };
  for (const [what, [call, code, message]] of Object.entries(misuse)) {
    it(`refuses ${what}`, () => {
      assert.throws(call, { code, message });
    });
  }
});
