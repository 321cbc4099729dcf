// Compares what was loaded with what test/fixtures/record_weights.py says of it.
import assert from 'node:assert/strict';
import { Tensor } from '../../lib/index';
import { native } from '../../lib/native/binding';
import type { Loaded } from '../../lib/weights/torch-file';

interface RecordedTensor {
  tensor: string;
  shape: number[];
  stride: number[];
  requiresGrad: boolean;
  values: (number | string)[];
}

/** A value of `values.json`. */
export type Recorded =
  | RecordedTensor
  | { dict: [Recorded, Recorded][] }
  | { bigint: string }
  | { number: string }
  | Recorded[]
  | string
  | number
  | boolean
  | null;

/** The elements of a tensor of any dtype, complex ones as pairs. */
export function elementsOf(tensor: Tensor): (number | bigint)[] {
  return Array.from(tensor.toTypedArray() as ArrayLike<number | bigint>);
}

export function assertRecorded(actual: Loaded, expected: Recorded, path = ''): void {
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(actual) && actual.length === expected.length, `${path}: a list of ${expected.length}`);
    expected.forEach((item, i) => assertRecorded(actual[i]!, item, `${path}[${i}]`));
  } else if (expected === null || typeof expected !== 'object') assert.equal(actual, expected, path);
  else if ('bigint' in expected) assert.equal(actual, BigInt(expected.bigint), path);
  else if ('number' in expected) assert.equal(actual, Number(expected.number), path);
  else if ('dict' in expected) {
    assert.ok(actual instanceof Map, `${path}: a dict`);
    assert.deepEqual(
      [...actual.keys()],
      expected.dict.map(([key]) => key),
      `${path}: keys`,
    );
    for (const [key, item] of expected.dict)
      assertRecorded(actual.get(key as string)!, item, `${path}[${JSON.stringify(key)}]`);
  } else assertRecordedTensor(actual, expected, path);
}

function assertRecordedTensor(actual: Loaded, expected: RecordedTensor, path: string): void {
  assert.ok(actual instanceof Tensor, `${path}: a tensor`);
  const { dtype, shape, stride } = native.describeStorage(actual.handle);
  const { requiresGrad } = actual;
  const { values, tensor, ...view } = expected;
  // Of one element there is none: it may have been computed.
  const strides = values.length > 1 ? stride : view.stride;
  assert.deepEqual({ dtype, shape, stride: strides, requiresGrad }, { dtype: tensor, ...view }, path);
  const elements = elementsOf(actual).map((element) => (typeof element === 'bigint' ? String(element) : element));
  assert.deepEqual(elements.map(Number), values.map(Number), `${path}: values`);
}
