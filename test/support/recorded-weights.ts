// Compares what was loaded with what test/fixtures/record_weights.py says of it.
import assert from 'node:assert/strict';
import { Complex, ops, Tensor } from '../../lib/index';
import { native } from '../../lib/native/binding';
import type { Loaded } from '../../lib/weights/torch-file';

interface RecordedTensor {
  tensor: string;
  shape: number[];
  stride: number[];
  requiresGrad: boolean;
  values: (number | string)[];
}

/** A tensor that is not dense, or of a dtype without arithmetic, by the dense tensors that it is made of. */
interface RecordedParts {
  kind: 'quantized' | 'nested' | 'meta' | 'dense' | `sparse_${string}`;
  dtype?: string;
  shape?: number[];
  stride?: number[];
  requiresGrad?: boolean;
  coalesced?: boolean;
  /** Scale and zero point, or the axis of those in `parts`. */
  quantizer?: number[];
  parts: Recorded[];
}

/** A value of `values.json`. */
export type Recorded =
  | RecordedTensor
  | RecordedParts
  | { set: Recorded[] }
  | { bytes: number[] }
  | { complex: [string, string] }
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
  else if ('bytes' in expected) assert.deepEqual(actual, Uint8Array.from(expected.bytes), path);
  else if ('complex' in expected)
    assert.deepEqual(actual, new Complex(...(expected.complex.map(Number) as [number, number])), path);
  else if ('set' in expected) {
    assert.ok(actual instanceof Set, `${path}: a set`);
    assertRecorded([...actual], expected.set, path);
  } else if ('dict' in expected) {
    assert.ok(actual instanceof Map && actual.size === expected.dict.length, `${path}: a dict`);
    [...actual].forEach(([key, item], i) => {
      assertRecorded(key, expected.dict[i]![0], `${path}: key`);
      assertRecorded(item, expected.dict[i]![1], `${path}[${JSON.stringify(expected.dict[i]![0])}]`);
    });
  } else if ('kind' in expected) assertRecordedParts(actual, expected, path);
  else assertRecordedTensor(actual, expected, path);
}

function assertRecordedParts(actual: Loaded, expected: RecordedParts, path: string): void {
  assert.ok(actual instanceof Tensor, `${path}: a tensor`);
  const { kind, parts, stride, coalesced, quantizer, ...facts } = expected;
  const isSparse = kind.startsWith('sparse');
  assert.equal(native.storageKind(actual.handle), isSparse ? 'sparse' : kind, path);
  if (kind !== 'nested') {
    const { dtype, shape } = kind === 'dense' ? native.describeStorage(actual.handle) : actual;
    assert.deepEqual({ dtype, shape, requiresGrad: actual.requiresGrad }, facts, path);
  }
  if (stride) assert.deepEqual(actual.stride(), stride, `${path}: stride`);
  if (isSparse) assert.equal(actual.layout.toLowerCase(), kind.replace('_', ''), `${path}: layout`);
  if (coalesced !== undefined) assert.equal(ops.aten.is_coalesced!(actual), coalesced, `${path}: coalesced`);
  const partNames: Record<string, string[]> = {
    sparse_coo: ['_indices', '_values'],
    sparse_csr: ['crow_indices', 'col_indices', 'values'],
    sparse_bsr: ['crow_indices', 'col_indices', 'values'],
    sparse_csc: ['ccol_indices', 'row_indices', 'values'],
    sparse_bsc: ['ccol_indices', 'row_indices', 'values'],
    quantized: ['int_repr', 'dequantize', 'q_per_channel_scales', 'q_per_channel_zero_points'].slice(0, parts.length),
  };
  const call = (name: string) => ops.aten[name]!(actual.detach());
  if (quantizer?.length === 2) assert.deepEqual([call('q_scale'), call('q_zero_point')], quantizer, path);
  if (quantizer?.length === 1) assert.deepEqual([call('q_per_channel_axis')], quantizer, path);
  const found =
    kind === 'nested'
      ? (call('unbind') as unknown as Tensor[])
      : kind === 'dense'
        ? [ops.aten['view.dtype']!(actual, 'uint8')]
        : (partNames[kind] ?? []).map(call);
  assertRecorded(found as Loaded, parts, path);
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
