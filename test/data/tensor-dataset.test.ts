import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { tensor, TensorDataset } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';

const labels = (...values: number[]) => tensor(values, { dtype: 'int64' });
const x = () =>
  tensor([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
  ]);

describe('TensorDataset', () => {
  it('tells its length, the shape of a sample and its labels', () => {
    const dataset = new TensorDataset(x(), labels(5, 6, 7, 8));
    assert.equal(dataset.length, 4);
    assert.deepEqual(dataset.sampleShape, [2]);
    assert.deepEqual(dataset.labels(), [5, 6, 7, 8]);
    assert.equal(dataset.indices, null);
  });

  it('subset() picks positions in the given order, twice if asked, without copying the data', () => {
    const dataset = new TensorDataset(x(), labels(5, 6, 7, 8), { transform: { toFloat: true } });
    const subset = dataset.subset([3, 0, 3]);
    assert.equal(subset.length, 3);
    assert.deepEqual(subset.labels(), [8, 5, 8]);
    assert.equal(subset.x, dataset.x);
    assert.deepEqual(subset.transform, { toFloat: true });
    assert.deepEqual(dataset.labels(), [5, 6, 7, 8], 'the whole stays as it was');
  });

  it('subset() of a subset counts positions in the subset', () => {
    const dataset = new TensorDataset(x(), labels(5, 6, 7, 8)).subset([3, 2, 1]).subset([2, 0]);
    assert.deepEqual(dataset.labels(), [6, 8]);
    assert.deepEqual(dataset.indices!.toNumbers(), [1, 3]);
  });

  it('subset() may be empty', () => {
    const empty = new TensorDataset(x(), labels(5, 6, 7, 8)).subset([]);
    assert.equal(empty.length, 0);
    assert.deepEqual(empty.labels(), []);
    assert.deepEqual(empty.sampleShape, [2]);
  });

  it('misuse: inputs and targets of different length', () => {
    throwsWithCode(
      () => new TensorDataset(x(), labels(1, 2)),
      'ERR_LENGTH_MISMATCH',
      /^TensorDataset: expected as many targets as inputs, got x of shape \[4, 2\] and y of shape \[2\]$/,
    );
    throwsWithCode(
      () => new TensorDataset(tensor(1), tensor(1)),
      'ERR_LENGTH_MISMATCH',
      /x of shape \[\] and y of shape \[\]$/,
    );
  });

  it('misuse: arguments that are no data', () => {
    throwsWithCode(
      () => new TensorDataset({} as never, labels(1)),
      'ERR_INVALID_ARG_TYPE',
      /^TensorDataset: expected x to be a Tensor, a typed array or nested numbers, got an object$/,
    );
    throwsWithCode(
      () => new TensorDataset(x(), undefined as never),
      'ERR_INVALID_ARG_TYPE',
      /expected y to be a Tensor, a typed array or nested numbers, got undefined$/,
    );
  });
});

describe('TensorDataset, misuse', () => {
  const x = tensor([[1, 2], [3, 4]]); // prettier-ignore
  const y = tensor([0, 1], { dtype: 'int64' });

  it('refuses indices and permutations of another dtype or length, and positions outside the data', () => {
    const make = (options: object) => () => new TensorDataset(x, y, options);
    throwsWithCode(make({ indices: tensor([0, 1]) }), 'ERR_INVALID_ARG_VALUE', /indices to be int64 \[N\], got float32 \[2\]/);
    const short = tensor([0], { dtype: 'int64' });
    throwsWithCode(make({ transform: { permutation: short } }), 'ERR_INVALID_ARG_VALUE', /int64 \[2\], got int64 \[1\]/);
    throwsWithCode(make({ index: short }), 'ERR_UNKNOWN_OPTION', /"index"/);
    throwsWithCode(() => new TensorDataset(x, y).subset([2]), 'ERR_INDEX_RANGE', /positions in \[0, 2\), got 2/);
  });

  it('refuses to normalise integers that stay integers', () => {
    const bytes = tensor(new Uint8Array(4), { shape: [2, 2] });
    const transform = { normalize: { mean: 0, std: 1 } };
    throwsWithCode(() => new TensorDataset(bytes, y, { transform }), 'ERR_INVALID_ARG_VALUE', /toFloat/);
  });
});
