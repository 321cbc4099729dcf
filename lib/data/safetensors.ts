import { readFile } from 'node:fs/promises';
import { ContinualTorchError } from '../errors';
import type { DType, TypedArray } from '../native/types';
import { tensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

const formats: Record<string, { dtype: DType; array: { new (buffer: ArrayBuffer): TypedArray }; size: number }> = {
  F32: { dtype: 'float32', array: Float32Array, size: 4 },
  F64: { dtype: 'float64', array: Float64Array, size: 8 },
  I64: { dtype: 'int64', array: BigInt64Array, size: 8 },
  I32: { dtype: 'int32', array: Int32Array, size: 4 },
  I16: { dtype: 'int16', array: Int16Array, size: 2 },
  I8: { dtype: 'int8', array: Int8Array, size: 1 },
  U8: { dtype: 'uint8', array: Uint8Array, size: 1 },
  BOOL: { dtype: 'bool', array: Uint8Array, size: 1 },
};

/**
 * Reads a safetensors file: eight bytes with the length of a JSON header, the header, the data.
 * @throws ERR_DATA_NOT_FOUND; ERR_SAFETENSORS_FORMAT for a damaged file or a dtype that is not supported
 */
export async function loadSafetensors(path: string): Promise<Map<string, Tensor>> {
  let file: Buffer;
  try {
    file = await readFile(path);
  } catch (cause) {
    throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `safetensors: cannot read "${path}": ${(cause as Error).message}`, {
      cause,
    });
  }
  const damaged = (detail: string) =>
    new ContinualTorchError('ERR_SAFETENSORS_FORMAT', `safetensors: "${path}" is damaged: ${detail}`);
  const headerLength = file.length >= 8 ? Number(file.readBigUInt64LE(0)) : Infinity;
  if (8 + headerLength > file.length) throw damaged('the header is longer than the file');
  let header: Record<string, Entry>;
  try {
    header = JSON.parse(file.toString('utf8', 8, 8 + headerLength)) as Record<string, Entry>;
  } catch (error) {
    throw damaged(`the header is no JSON (${(error as Error).message})`);
  }
  if (typeof header !== 'object' || header === null) throw damaged('the header is no JSON object');
  delete header['__metadata__'];
  const data = file.subarray(8 + headerLength);
  return new Map(Object.entries(header).map(([name, entry]) => [name, readTensor(name, entry, data, damaged)]));
}

function readTensor(name: string, entry: Entry, data: Buffer, damaged: (detail: string) => Error): Tensor {
  const isSizes = (value: unknown) => Array.isArray(value) && value.every((size) => Number.isInteger(size) && size >= 0);
  if (!isSizes(entry?.shape) || !isSizes(entry?.data_offsets)) throw damaged(`"${name}" has no shape or no offsets`);
  const format = formats[entry.dtype];
  if (!format) throw damaged(`"${name}" has dtype ${entry.dtype}, expected one of ${Object.keys(formats).join(', ')}`);
  const [begin, end] = entry.data_offsets;
  const expected = entry.shape.reduce((product, size) => product * size, 1) * format.size;
  if (end - begin !== expected || begin < 0 || end > data.length) {
    throw damaged(`"${name}" needs ${expected} bytes, the header names [${begin}, ${end}) of ${data.length}`);
  }
  // Copied, because a typed array must begin at a multiple of its element's size.
  const buffer = new Uint8Array(data.subarray(begin, end)).buffer;
  return tensor(new format.array(buffer), { shape: entry.shape, dtype: format.dtype });
}
