import { ContinualTorchError } from '../errors';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { dtypes } from './safetensors-file';
import { maxHeaderLength, writeHeader } from './safetensors-header';

/** A file of these tensors. */
export interface Layout {
  /** What it begins with. */
  header: Buffer;
  /** What follows: each tensor in row-major order, in the order of their places. */
  placed: { name: string; handle: NativeTensor; offset: number }[];
  /** The bytes of all of them. */
  size: number;
}

const formatNames = new Map([...dtypes].map(([format, { dtype }]) => [dtype, format]));

/**
 * Where each tensor stands in a safetensors file.
 * @throws ERR_UNSUPPORTED_DTYPE for a dtype that the format does not have; ERR_INVALID_ARG_VALUE where the names are too long
 */
export function layOutFile(operation: string, tensors: Iterable<[string, Tensor]>, metadata: Record<string, string>): Layout {
  const entries = [...tensors].map(([name, tensor]) => ({ name, ...describe(operation, name, tensor) }));
  // Wide elements first, so that each tensor begins at a multiple of its element's size.
  const placed = entries.toSorted((a, b) => b.size - a.size);
  let end = 0;
  for (const entry of placed) {
    entry.offset = end;
    end += entry.length;
  }
  const header = writeHeader({
    metadata: new Map(Object.entries(metadata)),
    tensors: new Map(
      entries.map(({ name, dtype, shape, offset, length }) => [name, { dtype, shape, begin: offset, end: offset + length }]),
    ),
  });
  if (header.length - 8 > maxHeaderLength) {
    const message = `${operation}: expected names and metadata of at most ${maxHeaderLength} bytes, got ${header.length}`;
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', message);
  }
  return { header, placed, size: end };
}

function describe(operation: string, name: string, tensor: Tensor) {
  // A conjugated or negated view is a flag over other elements.
  const conjugated = ops.aten.resolve_conj!(tensor) as Tensor;
  const plain = ops.aten.resolve_neg!(conjugated) as Tensor;
  const { dtype, shape } = native.describeStorage(plain.handle);
  const format = formatNames.get(dtype);
  if (format === undefined) {
    const message = `${operation}: expected "${name}" to have one of ${[...formatNames.keys()].join(', ')}, got ${dtype}`;
    throw new ContinualTorchError('ERR_UNSUPPORTED_DTYPE', message);
  }
  const size = native.dtypeSize(dtype);
  const length = shape.reduce((product, n) => product * n, size);
  return { handle: plain.handle, dtype: format, shape: inFormat(operation, name, format, shape), size, length, offset: 0 };
}

/** Where one element of libtorch is two of the format, the last dimension is twice as long. */
function inFormat(operation: string, name: string, format: string, shape: number[]): number[] {
  const { dtype, packed } = dtypes.get(format)!;
  if (packed === 1) return shape;
  const last = shape.at(-1);
  if (last !== undefined) return [...shape.slice(0, -1), last * packed];
  throw new ContinualTorchError('ERR_SHAPE', `${operation}: expected "${name}" of ${dtype} to have a dimension, got shape []`);
}
