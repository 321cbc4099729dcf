import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import type { TypedArray } from '../element-types';
import { ContinualTorchError } from '../errors';
import { asTensor } from '../tensor/creation';
import { elementCount } from '../tensor/element-count';
import type { Tensor } from '../tensor/tensor';
import { requirePath } from '../write-aside';
import { atDoor, type Door } from './file-kind';

/** An array of unsigned bytes of an IDX file, in row-major order, on a SharedArrayBuffer unless the file was gzipped. */
export interface IdxBytes {
  shape: number[];
  data: Uint8Array;
}

const unsignedByte = 0x08;

interface ElementType {
  name: string;
  bytes: 1 | 2 | 4 | 8;
  /** The elements, in this machine's order of bytes. */
  array: (data: Buffer) => TypedArray;
}

/** By the third byte of the magic number. */
const elementTypes: Readonly<Record<number, ElementType>> = {
  0x08: { name: 'uint8', bytes: 1, array: (data) => data },
  0x09: { name: 'int8', bytes: 1, array: ({ buffer, byteOffset, length }) => new Int8Array(buffer, byteOffset, length) },
  0x0b: { name: 'int16', bytes: 2, array: (data) => fromBigEndian(data, new Int16Array(data.length / 2)) },
  0x0c: { name: 'int32', bytes: 4, array: (data) => fromBigEndian(data, new Int32Array(data.length / 4)) },
  0x0d: { name: 'float32', bytes: 4, array: (data) => fromBigEndian(data, new Float32Array(data.length / 4)) },
  0x0e: { name: 'float64', bytes: 8, array: (data) => fromBigEndian(data, new Float64Array(data.length / 8)) },
};
const knownTypes = Object.entries(elementTypes).map(([code, { name }]) => `${Number(code)} (${name})`);

const door: Door = {
  operation: 'IDX',
  expected: 'an IDX file',
  opens: ['idx', 'gzippedIdx', 'gzip', 'empty'],
  codes: ['ERR_IDX_FORMAT'],
};

/**
 * The array of an IDX file, the format of the MNIST database, gzipped or not: a tensor on the CPU in the file's shape. Its elements
 * are uint8 (MNIST's), int8, int16, int32, float32 or float64, in the file with the most significant byte first.
 *
 *     const images = await readIdx('train-images-idx3-ubyte.gz'); // uint8 [60000, 28, 28]
 *     const labels = await readIdx('train-labels-idx1-ubyte.gz'); // uint8 [60000]
 *     const train = new TensorDataset(images, labels.to('int64'), { transform: { toFloat: true } });
 * @throws ERR_DATA_NOT_FOUND; ERR_IDX_FORMAT for a wrong magic number, damaged gzip, or a size other than announced;
 * ERR_INVALID_ARG_TYPE
 */
export async function readIdx(path: string): Promise<Tensor> {
  requirePath('readIdx', path);
  const bytes = await readMaybeGzipped(path);
  const magic = magicOf(bytes);
  const type = magic === undefined || magic >> 16 !== 0 ? undefined : elementTypes[magic >> 8];
  if (!type) {
    const expected = `a magic number of two bytes 0, a type among ${knownTypes.join(', ')}, and the number of dimensions`;
    throw await atDoor(door, damaged(path, `expected ${expected}, got ${describeMagic(bytes)}`), path);
  }
  const { shape, data } = content(path, bytes, magic! & 0xff, type);
  return asTensor(type.array(data), { shape, device: 'cpu' });
}

/**
 * Reads a file of unsigned bytes in IDX format, gzipped or not.
 * @param dimensions what the file must have: 3 for images [N, rows, columns] (magic number 2051), 1 for labels [N] (2049)
 * @throws as `readIdx`
 */
export async function readIdxBytes(path: string, dimensions: number): Promise<IdxBytes> {
  const bytes = await readMaybeGzipped(path);
  const expected = (unsignedByte << 8) | dimensions;
  if (magicOf(bytes) !== expected) {
    throw await atDoor(door, damaged(path, `expected magic number ${expected}, got ${describeMagic(bytes)}`), path);
  }
  return content(path, bytes, dimensions, elementTypes[unsignedByte]!);
}

const magicOf = (bytes: Buffer) => (bytes.length >= 4 ? bytes.readUInt32BE(0) : undefined);

const describeMagic = (bytes: Buffer) => magicOf(bytes) ?? `a file of ${bytes.length} bytes`;

/** What lies behind the magic number. */
function content(path: string, bytes: Buffer, dimensions: number, type: ElementType): { shape: number[]; data: Buffer } {
  const headerLength = 4 + 4 * dimensions;
  if (bytes.length < headerLength) {
    throw damaged(path, `expected a header of ${headerLength} bytes, got a file of ${bytes.length} bytes`);
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const expected = elementCount(shape) * type.bytes;
  const data = bytes.subarray(headerLength);
  if (data.length !== expected) {
    throw damaged(path, `expected ${expected} bytes for ${type.bytes === 1 ? '' : `${type.name} of `}shape [${shape.join(', ')}], got ${data.length}`);
  }
  return { shape, data };
}

/** Copied, because the data may not lie where its elements may; every machine that this runs on has the least significant byte first. */
function fromBigEndian<T extends Int16Array | Int32Array | Float32Array | Float64Array>(data: Buffer, into: T): T {
  const bytes = Buffer.from(into.buffer);
  bytes.set(data);
  bytes[`swap${(8 * into.BYTES_PER_ELEMENT) as 16 | 32 | 64}`]();
  return into;
}

/** Into memory that a tensor can share: the images of MNIST are 47 MB, and would else be there twice. */
async function readShared(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const bytes = Buffer.from(new SharedArrayBuffer(size));
    let done = 0;
    while (done < size) {
      const { bytesRead } = await file.read(bytes, done, size - done, done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  } finally {
    await file.close();
  }
}

async function readMaybeGzipped(path: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = await readShared(path);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'found no such file' : (cause as Error).message;
    throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `IDX: expected "${path}", ${reason}`, { cause });
  }
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!gzipped) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (cause) {
    throw damaged(path, `gzip: ${(cause as Error).message}`);
  }
}

function damaged(path: string, detail: string): ContinualTorchError {
  return new ContinualTorchError('ERR_IDX_FORMAT', `IDX: expected a whole IDX file, "${path}": ${detail}`);
}
