import { z } from 'zod';
import type { FileKind } from '../data/file-kind';
import { ContinualTorchError, describeValue } from '../errors';
import { inTurns } from '../latency';
import { job, native } from '../native/binding';
import type { NativePart } from '../native/types';
import { boolean, deviceName, parseOptions } from '../options';
import { getDefaultDevice } from '../tensor/default-device';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import { requirePath, writeAside } from '../write-aside';
import { inPlaceOfStateDict } from '../wrong-argument';
import { dtypes, readHeader, readTensors, withBytes } from './safetensors-file';
import { maxHeaderLength, writeHeader } from './safetensors-header';
import { isIndex, loadShards } from './safetensors-index';

const formatNames = new Map([...dtypes].map(([format, { dtype }]) => [dtype, format]));

/** How a file of weights is read. */
export interface LoadOptions {
  /** Where the tensors shall be; default: `getDefaultDevice()`. */
  device?: string;
  /** Whether a large file is mapped into memory instead of read. */
  mmap?: boolean;
}

const loadSchema = z.object({ device: deviceName.optional(), mmap: boolean.default(true) });

/**
 * Reads a safetensors file, as `safetensors.torch.load_file` does: the tensors by name, in the order of the header. A
 * file of 1 MiB or more is mapped: its pages come from the disk when they are first used, and writing to a tensor
 * changes memory alone, never the file. The file must then keep its content (replacing it by renaming another is fine):
 * `mmap: false` reads it at once instead.
 *
 * The index of safetensors in several files (`model.safetensors.index.json` of Hugging Face) gives the tensors of all of
 * them: those that lie in or below its folder are read, in the order of their names.
 * @param source the name of a file or of an index, or the bytes of a file, which are copied
 * @param options `device`, default `getDefaultDevice()`; `mmap`, default true
 * @throws ERR_DATA_NOT_FOUND; ERR_SAFETENSORS_FORMAT for a damaged file, a dtype that libtorch does not have, another kind
 * of file (the message says what opens it), or an index that does not fit its files; ERR_DEVICE; ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export async function loadSafetensors(
  source: string | Uint8Array,
  options?: LoadOptions,
): Promise<Map<string, Tensor>> {
  const { device = getDefaultDevice(), mmap } = parseOptions('loadSafetensors', loadSchema, options);
  native.checkDevice(device);
  const opens: FileKind[] = typeof source === 'string' ? ['safetensors', 'safetensorsIndex'] : ['safetensors'];
  return withBytes('loadSafetensors', source, mmap, opens, (bytes, damaged) =>
    typeof source === 'string' && isIndex(bytes)
      ? loadShards('loadSafetensors', source, bytes, damaged, { device, mmap })
      : inTurns(readTensors(bytes, damaged, device)),
  );
}

/**
 * The `__metadata__` of a safetensors file, without reading its tensors; empty where there is none.
 * @throws as `loadSafetensors`
 */
export function readSafetensorsMetadata(source: string | Uint8Array): Promise<Map<string, string>> {
  return withBytes('readSafetensorsMetadata', source, true, ['safetensors'], async (bytes, damaged) => {
    const { header } = await inTurns(readHeader(bytes, damaged));
    return header.metadata;
  });
}

const saveSchema = z.object({
  metadata: z.record(z.string(), z.string('a string'), 'an object of strings').optional(),
});

/**
 * Writes a safetensors file, as `safetensors.torch.save_file` does: each tensor whole, in row-major order, wherever it
 * lies and whatever it shares its memory with. Written aside and renamed, so that a file which was there is replaced
 * whole or not at all.
 * @param options `metadata`: strings by name, which `readSafetensorsMetadata` reads
 * @throws ERR_WEIGHTS_SAVE; ERR_UNSUPPORTED_DTYPE for a dtype that the format does not have (complex128);
 * ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export async function saveSafetensors(
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  path: string,
  options?: { metadata?: Record<string, string> },
): Promise<void> {
  const operation = 'saveSafetensors';
  const { metadata = {} } = parseOptions(operation, saveSchema, options);
  requirePath(operation, path);
  const entries = namedTensors(operation, tensors).map(([name, tensor]) => ({ name, ...describe(name, tensor) }));
  // Wide elements first, so that each tensor begins at a multiple of its element's size.
  const inFile = entries.toSorted((a, b) => b.size - a.size);
  let end = 0;
  for (const entry of inFile) {
    entry.begin = end;
    end += entry.length;
  }
  const header = writeHeader({
    metadata: new Map(Object.entries(metadata)),
    tensors: new Map(
      entries.map(({ name, dtype, shape, begin, length }) => [name, { dtype, shape, begin, end: begin + length }]),
    ),
  });
  if (header.length - 8 > maxHeaderLength) {
    const message = `${operation}: expected names and metadata of at most ${maxHeaderLength} bytes, got ${header.length}`;
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', message);
  }
  const parts: NativePart[] = [['header', header], ...inFile.map(({ name, handle }): NativePart => [name, handle])];
  await writeAside(operation, path, 'ERR_WEIGHTS_SAVE', (aside) => job(native.writeFile(aside, parts)));
}

function namedTensors(operation: string, tensors: unknown): [string, Tensor][] {
  const advice = inPlaceOfStateDict(tensors);
  if (tensors === null || typeof tensors !== 'object' || tensors instanceof Tensor || Array.isArray(tensors) || advice !== '') {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected a Map or an object of tensors, got ${describeValue(tensors)}${advice}`,
    );
  }
  const entries: [unknown, unknown][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  for (const [name, tensor] of entries) {
    if (typeof name !== 'string' || /\p{Surrogate}/u.test(name) || name === '__metadata__') {
      const message = `${operation}: expected names to be strings other than "__metadata__", got ${describeValue(name)}`;
      throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', message);
    }
    if (tensor instanceof Tensor) continue;
    const message = `${operation}: expected "${name}" to be a Tensor, got ${describeValue(tensor)}`;
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', message);
  }
  return entries as [string, Tensor][];
}

function describe(name: string, tensor: Tensor) {
  // A conjugated or negated view is a flag over other elements.
  const conjugated = ops.aten.resolve_conj!(tensor) as Tensor;
  const plain = ops.aten.resolve_neg!(conjugated) as Tensor;
  const { dtype, shape } = native.describeStorage(plain.handle);
  const format = formatNames.get(dtype);
  if (format === undefined) {
    const message = `saveSafetensors: expected "${name}" to have one of ${[...formatNames.keys()].join(', ')}, got ${dtype}`;
    throw new ContinualTorchError('ERR_UNSUPPORTED_DTYPE', message);
  }
  const size = native.dtypeSize(dtype);
  const length = shape.reduce((product, n) => product * n, size);
  return { handle: plain.handle, dtype: format, shape: inFormat(name, format, shape), size, length, begin: 0 };
}

/** Where one element of libtorch is two of the format, the last dimension is twice as long. */
function inFormat(name: string, format: string, shape: number[]): number[] {
  const { dtype, packed } = dtypes.get(format)!;
  if (packed === 1) return shape;
  const last = shape.at(-1);
  if (last !== undefined) return [...shape.slice(0, -1), last * packed];
  throw new ContinualTorchError('ERR_SHAPE', `saveSafetensors: expected "${name}" of ${dtype} to have a dimension, got shape []`);
}
