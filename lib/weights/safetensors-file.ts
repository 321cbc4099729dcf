import { FileBytes } from '../data/file-bytes';
import { atDoor, type Door, type FileKind } from '../data/file-kind';
import { ContinualTorchError, quoteName } from '../errors';
import type { Work } from '../latency';
import { native } from '../native/binding';
import type { Tensor } from '../tensor/tensor';
import { type Header, maxHeaderLength, parseHeader, type TensorEntry } from './safetensors-header';
import { contiguousStride, StoredBytes } from './stored-tensors';

/** A dtype of the format: libtorch's name, and how many elements of the format one element of libtorch is. */
export interface FormatDtype {
  dtype: string;
  packed: number;
}

/** The format's dtypes that libtorch holds. It has none for F6_E2M3 and F6_E3M2. */
export const dtypes: ReadonlyMap<string, FormatDtype> = new Map(
  Object.entries({
    F64: 'float64',
    F32: 'float32',
    F16: 'float16',
    BF16: 'bfloat16',
    I64: 'int64',
    I32: 'int32',
    I16: 'int16',
    I8: 'int8',
    U64: 'uint64',
    U32: 'uint32',
    U16: 'uint16',
    U8: 'uint8',
    BOOL: 'bool',
    F8_E4M3: 'float8_e4m3fn',
    F8_E5M2: 'float8_e5m2',
    F8_E4M3FNUZ: 'float8_e4m3fnuz',
    F8_E5M2FNUZ: 'float8_e5m2fnuz',
    F8_E8M0: 'float8_e8m0fnu',
    F4: 'float4_e2m1fn_x2',
    C64: 'complex64',
  }).map(([format, dtype]) => [format, { dtype, packed: dtype.endsWith('_x2') ? 2 : 1 }]),
);

/** Tensors between two turns of the event loop. */
const portion = 2 ** 8;

/** A file that is open. */
interface SafetensorsFile {
  bytes: FileBytes;
  header: Header;
  dataBegin: number;
  damaged: Damaged;
}

/** Makes the error for what is wrong in a file. */
export type Damaged = (detail: string) => ContinualTorchError;

/**
 * Opens what `source` is, and closes it behind `use`. What is refused for what is in it, and is of a kind that is not among
 * `opens`, is named for what it is.
 */
export async function withBytes<T>(
  operation: string,
  source: string | Uint8Array,
  mmap: boolean,
  opens: readonly FileKind[],
  use: (bytes: FileBytes, damaged: Damaged) => Promise<T>,
): Promise<T> {
  const expected = 'a safetensors file';
  const door: Door = { operation, expected, opens, codes: ['ERR_SAFETENSORS_FORMAT'] };
  const bytes = await FileBytes.open(operation, source, mmap);
  try {
    return await use(
      bytes,
      (detail) => new ContinualTorchError('ERR_SAFETENSORS_FORMAT', `${operation}: expected ${expected}, ${bytes.name}: ${detail}`),
    );
  } catch (error) {
    throw await atDoor(door, error, bytes);
  } finally {
    bytes.close();
  }
}

/** The header, and where the data begins. @throws what `damaged` makes */
export function* readHeader(bytes: FileBytes, damaged: Damaged): Work<SafetensorsFile> {
  if (bytes.length < 8) throw damaged('the header is longer than the file');
  const length = bytes.read(0, 8).readBigUInt64LE();
  if (length > maxHeaderLength)
    throw damaged(`a header of ${length} bytes, more than the ${maxHeaderLength} of the format`);
  const dataBegin = 8 + Number(length);
  if (dataBegin > bytes.length) throw damaged('the header is longer than the file');
  const text = decoded(bytes.read(8, Number(length)), 'the header', damaged);
  return { bytes, header: yield* parsed(parseHeader(text), damaged), dataBegin, damaged };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of bytes in UTF-8. @throws what `damaged` makes */
export function decoded(bytes: Uint8Array, what: string, damaged: Damaged): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw damaged(`${what} is not encoded in UTF-8`);
  }
}

/** What `parsing` gives; the detail that it throws goes to `damaged`. */
export function* parsed<T>(parsing: Work<T>, damaged: Damaged): Work<T> {
  try {
    return yield* parsing;
  } catch (error) {
    if (error instanceof ContinualTorchError) throw error;
    throw damaged((error as Error).message);
  }
}

/** The tensors by name, in the order of the header. */
export function* readTensors(bytes: FileBytes, damaged: Damaged, device: string): Work<Map<string, Tensor>> {
  const file = yield* readHeader(bytes, damaged);
  const { header, dataBegin } = file;
  const shapes = yield* checkLayout(file);
  const result = new Map<string, Tensor>();
  for (const [name, { dtype: format, begin, end }] of header.tensors) {
    const { dtype } = dtypes.get(format)!;
    const shape = shapes.get(name)!;
    const stored = StoredBytes.of(bytes, dataBegin + begin, end - begin, native.dtypeSize(dtype), device);
    try {
      result.set(name, stored.tensor(dtype, 0, shape, contiguousStride(shape)));
    } catch (error) {
      if (error instanceof ContinualTorchError) throw error;
      throw damaged(`${quoteName(name)}: ${(error as Error).message}`);
    } finally {
      stored.close();
    }
    if (result.size % portion === 0) yield;
  }
  return result;
}

/**
 * Tensors must fill the data one behind the other: neither holes nor overlaps can hide anything.
 * @returns the shapes that they have in libtorch
 */
function* checkLayout({ bytes, header, dataBegin, damaged }: SafetensorsFile): Work<Map<string, number[]>> {
  const dataLength = bytes.length - dataBegin;
  const shapes = new Map<string, number[]>();
  let free = 0;
  for (const [name, entry] of [...header.tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    const { begin, end } = entry;
    const [dtype, shape] = inTorch(quoteName(name), entry, damaged);
    const expected = shape.reduce((product, size) => product * size, native.dtypeSize(dtype));
    if (begin !== free)
      throw damaged(
        `${quoteName(name)} begins at byte ${begin} of the data, expected ${free}, where the one before ends`,
      );
    if (end - begin !== expected || end > dataLength) {
      throw damaged(`${quoteName(name)} needs ${expected} bytes, the header names [${begin}, ${end}) of ${dataLength}`);
    }
    free = end;
    shapes.set(name, shape);
    if (shapes.size % portion === 0) yield;
  }
  if (free !== dataLength) throw damaged(`there are ${dataLength} bytes of data, tensors fill ${free} of them`);
  return shapes;
}

/** Dtype and shape of libtorch; where one of its elements is two of the format, the last dimension is half as long. */
function inTorch(name: string, { dtype: format, shape }: TensorEntry, damaged: Damaged): [string, number[]] {
  const type = dtypes.get(format);
  if (type === undefined) {
    throw damaged(`${name} has dtype ${quoteName(format)}, expected one of ${[...dtypes.keys()].join(', ')}`);
  }
  if (!Number.isSafeInteger(shape.reduce((product, size) => product * Math.max(1, size), 1))) {
    throw damaged(`${name} has more elements than can be`);
  }
  const last = shape.at(-1) ?? 1;
  if (last % type.packed !== 0) {
    throw damaged(`${name} of ${format} has shape [${shape.join(', ')}], expected a last dimension of an even number`);
  }
  return [type.dtype, type.packed === 1 ? shape : [...shape.slice(0, -1), last / type.packed]];
}
