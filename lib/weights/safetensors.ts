import { z } from 'zod';
import { FileBytes } from '../data/file-bytes';
import { ContinualTorchError, describeValue, quoteName } from '../errors';
import { job, native } from '../native/binding';
import type { NativePart } from '../native/types';
import { boolean, deviceName, parseOptions } from '../options';
import { ops } from '../tensor/operators';
import { getDefaultDevice } from '../tensor/default-device';
import { Tensor } from '../tensor/tensor';
import { requirePath, writeAside } from '../write-aside';
import { type Header, maxHeaderLength, parseHeader, type TensorEntry, writeHeader } from './safetensors-header';
import { contiguousStride, StoredBytes } from './stored-tensors';

/** The format's dtypes that libtorch holds, with its names for them. */
const dtypes: ReadonlyMap<string, string> = new Map([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U64', 'uint64'],
  ['U32', 'uint32'],
  ['U16', 'uint16'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
  ['F8_E4M3', 'float8_e4m3fn'],
  ['F8_E5M2', 'float8_e5m2'],
  ['C64', 'complex64'],
]);
const formatNames = new Map([...dtypes].map(([format, dtype]) => [dtype, format]));

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
 * @param source a file name, or the bytes of a file, which are copied
 * @param options `device`, default `getDefaultDevice()`; `mmap`, default true
 * @throws ERR_DATA_NOT_FOUND; ERR_SAFETENSORS_FORMAT for a damaged file, or a dtype that libtorch does not have;
 * ERR_DEVICE; ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export async function loadSafetensors(
  source: string | Uint8Array,
  options?: LoadOptions,
): Promise<Map<string, Tensor>> {
  const { device = getDefaultDevice(), mmap } = parseOptions('loadSafetensors', loadSchema, options);
  native.checkDevice(device);
  return withHeader('loadSafetensors', source, mmap, (bytes, { tensors }, dataBegin, damaged) => {
    checkOffsets(tensors, bytes.length - dataBegin, damaged);
    const result = new Map<string, Tensor>();
    for (const [name, { dtype, shape, begin, end }] of tensors) {
      const type = dtypes.get(dtype)!;
      const stored = StoredBytes.of(bytes, dataBegin + begin, end - begin, native.dtypeSize(type), device);
      try {
        result.set(name, stored.tensor(type, 0, shape, contiguousStride(shape)));
      } catch (error) {
        if (error instanceof ContinualTorchError) throw error;
        throw damaged(`${quoteName(name)}: ${(error as Error).message}`);
      } finally {
        stored.close();
      }
    }
    return result;
  });
}

/**
 * The `__metadata__` of a safetensors file, without reading its tensors; empty where there is none.
 * @throws as `loadSafetensors`
 */
export function readSafetensorsMetadata(source: string | Uint8Array): Promise<Map<string, string>> {
  return withHeader('readSafetensorsMetadata', source, true, (_bytes, { metadata }) => metadata);
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
  if (tensors === null || typeof tensors !== 'object' || tensors instanceof Tensor || Array.isArray(tensors)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected a Map or an object of tensors, got ${describeValue(tensors)}`,
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
  return { handle: plain.handle, dtype: format, shape, size, length, begin: 0 };
}

async function withHeader<T>(
  operation: string,
  source: string | Uint8Array,
  mmap: boolean,
  use: (bytes: FileBytes, header: Header, dataBegin: number, damaged: (detail: string) => Error) => T,
): Promise<T> {
  const bytes = await FileBytes.open(operation, source, mmap);
  const damaged = (detail: string) =>
    new ContinualTorchError(
      'ERR_SAFETENSORS_FORMAT',
      `${operation}: expected a safetensors file, ${bytes.name}: ${detail}`,
    );
  try {
    if (bytes.length < 8) throw damaged('the header is longer than the file');
    const length = bytes.read(0, 8).readBigUInt64LE();
    if (length > maxHeaderLength)
      throw damaged(`a header of ${length} bytes, more than the ${maxHeaderLength} of the format`);
    const dataBegin = 8 + Number(length);
    if (dataBegin > bytes.length) throw damaged('the header is longer than the file');
    return use(bytes, decodeHeader(bytes.read(8, Number(length)), damaged), dataBegin, damaged);
  } finally {
    bytes.close();
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeHeader(json: Uint8Array, damaged: (detail: string) => Error): Header {
  let text: string;
  try {
    text = utf8.decode(json);
  } catch {
    throw damaged('the header is not encoded in UTF-8');
  }
  try {
    return parseHeader(text);
  } catch (error) {
    throw damaged((error as Error).message);
  }
}

/** Tensors must fill the data one behind the other: neither holes nor overlaps can hide anything. */
function checkOffsets(
  tensors: ReadonlyMap<string, TensorEntry>,
  dataLength: number,
  damaged: (detail: string) => Error,
): void {
  let free = 0;
  for (const [name, { dtype, shape, begin, end }] of [...tensors].sort(
    ([, a], [, b]) => a.begin - b.begin || a.end - b.end,
  )) {
    const type = dtypes.get(dtype);
    if (type === undefined)
      throw damaged(
        `${quoteName(name)} has dtype ${quoteName(dtype)}, expected one of ${[...dtypes.keys()].join(', ')}`,
      );
    if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(1, size), 1))) {
      throw damaged(`${quoteName(name)} has more elements than can be`);
    }
    const expected = shape.reduce((product, size) => product * size, native.dtypeSize(type));
    if (begin !== free)
      throw damaged(
        `${quoteName(name)} begins at byte ${begin} of the data, expected ${free}, where the one before ends`,
      );
    if (end - begin !== expected || end > dataLength) {
      throw damaged(`${quoteName(name)} needs ${expected} bytes, the header names [${begin}, ${end}) of ${dataLength}`);
    }
    free = end;
  }
  if (free !== dataLength) throw damaged(`there are ${dataLength} bytes of data, tensors fill ${free} of them`);
}
