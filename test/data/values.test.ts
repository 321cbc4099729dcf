import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { IterableDataset, DataLoader, tensor, TensorDataset } from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { collect } from '../support/collect';

const x = [[0, 1], [2, 3]]; // prettier-ignore

describe('what data may be made of', () => {
  const labels: [string, ConstructorParameters<typeof TensorDataset>[1]][] = [
    ...[Uint8Array, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array, Uint8ClampedArray].map(
      (type): [string, InstanceType<typeof type>] => [type.name, type.from([1, 0])],
    ),
    ['BigInt64Array', BigInt64Array.from([1n, 0n])],
    ['BigUint64Array', BigUint64Array.from([1n, 0n])],
    ['plain integers', [1, 0]],
    ['bigints', [1n, 0n]],
    ['booleans', [true, false]],
  ];
  for (const [name, y] of labels) {
    it(`class labels: ${name} become int64`, () => {
      const data = new TensorDataset(x, y);
      assert.deepEqual([data.y.dtype, data.labels(), data.classes], ['int64', [1, 0], [0, 1]]);
    });
  }

  it('targets of floats stay floats, whole numbers among them', () => {
    assert.equal(new TensorDataset(x, Float32Array.from([1, 0])).y.dtype, 'float32');
    assert.equal(new TensorDataset(x, Float64Array.from([1, 0])).y.dtype, 'float64');
    assert.equal(new TensorDataset(x, [1, 0.5]).y.dtype, 'float32');
  });

  it('inputs: rows that are typed arrays; tensors in an array are inputs of their own', () => {
    const rows = [Float32Array.from([0, 1]), Float32Array.from([2, 3])];
    const data = new TensorDataset(rows, [0, 1]);
    assert.deepEqual([data.x.dtype, data.x.toArray()], ['float32', x]);
    const tensors = rows.map((row) => tensor(row));
    assert.deepEqual(new TensorDataset(tensors, [0, 1]).inputs, tensors);
    throwsWithCode(
      () => new TensorDataset(tensors, [0, 1, 2]),
      'ERR_LENGTH_MISMATCH',
      /x of shapes \[\[2\], \[2\]\] and y of shape \[3\]; tensors in an array are inputs of their own, rows become one by torch\.stack\(rows\)$/,
    );
    const pixels = new TensorDataset(Uint8ClampedArray.from([0, 1, 2, 255]), [0, 1]);
    assert.deepEqual([pixels.x.dtype, pixels.x.toArray()], ['uint8', [[0, 1], [2, 255]]]); // prettier-ignore
    throwsWithCode(
      () => new TensorDataset([new Float32Array(2), new Float32Array(3)], [0, 1]),
      'ERR_SHAPE',
      /^TensorDataset: expected every x to be float32 \[2\], got float32 \[3\]$/,
    );
  });

  const wrong: [string, unknown, unknown, RegExp][] = [
    ['names of classes', x, ['cat', 'dog'], /expected y to be .*, got "cat" at index 0; class labels are integers: const names = /],
    ['numbers in quotes as labels', x, ['1', '0'], /got "1" at index 0; turn texts into numbers: values\.map\(Number\)$/],
    ['numbers in quotes', [[1, '2'], [3, 4]], [0, 1], /expected x .*, got "2" at index 0, 1; .* rows\.map\(\(row\) => row\.map\(Number\)\)$/], // prettier-ignore
    ['texts', [['a', 'b'], ['c', 'd']], [0, 1], /got "a" at index 0, 0; turn texts into numbers first/], // prettier-ignore
    ['records', [{ width: 1, height: 2 }], [0], /got an object at index 0; .* records\.map\(\(\{ width, height \}\) => \[width, height\]\)$/],
    ['records as labels', x, [{ label: 0 }, { label: 1 }], /expected y .*, got an object at index 0; .*\(\{ label \}\)/],
    ['a gap', x, [0, null], /got null at index 1$/],
    ['nothing', x, null, /expected y to be a Tensor, a typed array or nested numbers, got null$/],
  ];
  for (const [what, inputs, targets, message] of wrong) {
    it(`misuse: ${what}`, async () => {
      throwsWithCode(() => new TensorDataset(inputs as never, targets as never), 'ERR_INVALID_ARG_TYPE', message);
      if (!Array.isArray(inputs) || !Array.isArray(targets) || what === 'records') return; // a record is inputs by name there
      const samples = inputs.map((row: unknown, i) => [row, targets[i] as unknown]) as never;
      const loader = new DataLoader(new IterableDataset(() => samples), { batchSize: 2 });
      await rejectsWithCode(collect(loader), 'ERR_INVALID_ARG_TYPE', /^IterableDataset: expected [xy] to be /);
    });
  }
});
