import { open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { ContinualTorchError } from '../errors';
import { elementCount } from '../tensor/element-count';
import { atDoor, type Door } from './file-kind';

/**
 * An array of an IDX file (the format of the MNIST database): unsigned bytes in row-major order, on a SharedArrayBuffer
 * unless the file was gzipped.
 */
export interface IdxArray {
  shape: number[];
  data: Uint8Array;
}

const kUnsignedByte = 0x08;

const door: Door = {
  operation: 'IDX',
  expected: 'an IDX file of bytes',
  opens: ['idx', 'gzippedIdx', 'gzip', 'empty'],
  codes: ['ERR_IDX_FORMAT'],
};

/**
 * Reads a file of unsigned bytes in IDX format, gzipped or not.
 * @param dimensions what the file must have: 3 for images [N, rows, columns] (magic number 2051), 1 for labels [N] (2049)
 * @throws ERR_DATA_NOT_FOUND; ERR_IDX_FORMAT for a wrong magic number, damaged gzip, or a size other than announced
 */
export async function readIdx(path: string, dimensions: number): Promise<IdxArray> {
  const bytes = await readMaybeGzipped(path);
  const headerLength = 4 + 4 * dimensions;
  const magic = bytes.length >= 4 ? bytes.readUInt32BE(0) : undefined;
  const expectedMagic = (kUnsignedByte << 8) | dimensions;
  if (magic !== expectedMagic) {
    const got = magic ?? `a file of ${bytes.length} bytes`;
    throw await atDoor(door, damaged(path, `expected magic number ${expectedMagic}, got ${got}`), path);
  }
  if (bytes.length < headerLength) {
    throw damaged(path, `expected a header of ${headerLength} bytes, got a file of ${bytes.length} bytes`);
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const expected = elementCount(shape);
  const data = bytes.subarray(headerLength);
  if (data.length !== expected) {
    throw damaged(path, `expected ${expected} bytes for shape [${shape.join(', ')}], got ${data.length}`);
  }
  return { shape, data };
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
  return new ContinualTorchError('ERR_IDX_FORMAT', `IDX: expected a whole IDX file of bytes, "${path}": ${detail}`);
}
