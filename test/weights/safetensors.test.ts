import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { loadSafetensors, tensor } from '../../lib/index';
import { assertTensorEqual, rejectsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { withTempFolder } from '../support/temp-folder';

function fileOf(header: unknown, data: Buffer = Buffer.alloc(0)): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

const loadBytes = (bytes: Buffer) =>
  withTempFolder(async (folder) => {
    const file = path.join(folder, 'x.safetensors');
    await writeFile(file, bytes);
    return loadSafetensors(file);
  });
const refuses = (bytes: Buffer, message: RegExp) =>
  rejectsWithCode(loadBytes(bytes), 'ERR_SAFETENSORS_FORMAT', message);
const scalar = { dtype: 'F32', shape: [1], data_offsets: [0, 4] };

describe('loadSafetensors', () => {
  it('reads what Python wrote: names, shapes, dtypes and values', async () => {
    const tensors = await loadSafetensors(fixturePath('layers.safetensors'));
    assertTensorEqual(tensors.get('lossInput.labels')!, tensor([0, 3, 4, 3], { dtype: 'int64' }));
    assertTensorEqual(tensors.get('lossInput.weight')!, tensor([1, 2, 0.5, 1.5, 0.25]));
    assert.deepEqual(tensors.get('loss.plain')!.shape, []);
  });

  it('reads every dtype, also where the data does not begin at a multiple of its size', async () => {
    const arrays = {
      U8: ['uint8', Uint8Array.of(7, 255)],
      BOOL: ['bool', Uint8Array.of(1, 0)],
      I8: ['int8', Int8Array.of(-128, 1)],
      I16: ['int16', Int16Array.of(-300, 1)],
      I32: ['int32', Int32Array.of(-70000, 1)],
      I64: ['int64', BigInt64Array.of(-(2n ** 60n), 1n)],
      F32: ['float32', Float32Array.of(1.5, -1)],
      F64: ['float64', Float64Array.of(0.1, -1)],
    } as const;
    const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
    let data = Buffer.alloc(1); // shifts everything by one byte
    for (const [dtype, [, array]] of Object.entries(arrays)) {
      header[dtype] = { dtype, shape: [2, 1], data_offsets: [data.length, data.length + array.byteLength] };
      data = Buffer.concat([data, Buffer.from(array.buffer)]);
    }
    const tensors = await loadBytes(fileOf(header, data));
    assert.deepEqual([...tensors.keys()], Object.keys(arrays), 'the metadata is no tensor');
    for (const [name, [dtype, array]] of Object.entries(arrays)) {
      assertTensorEqual(tensors.get(name)!, tensor(array, { dtype, shape: [2, 1] }), name);
    }
  });

  it('reads a file without tensors, and tensors without elements', async () => {
    assert.equal((await loadBytes(fileOf({}))).size, 0);
    const tensors = await loadBytes(fileOf({ none: { dtype: 'F32', shape: [0, 3], data_offsets: [0, 0] } }));
    assert.deepEqual(tensors.get('none')!.shape, [0, 3]);
  });

  it('refuses a file that is cut short, wherever', async () => {
    const whole = fileOf({ a: scalar }, Buffer.alloc(4));
    for (const length of [0, 7, 8, 20]) await refuses(whole.subarray(0, length), /the header is longer than the file$/);
    await refuses(whole.subarray(0, whole.length - 1), /"a" needs 4 bytes, the header names \[0, 4\) of 3$/);
  });

  it('refuses a header that is no JSON object of entries', async () => {
    await refuses(fileOf('{"a": '), /the header is no JSON/);
    await refuses(fileOf('null'), /the header is no JSON object/);
    for (const entry of [
      null,
      3,
      {},
      { ...scalar, shape: undefined },
      { ...scalar, data_offsets: undefined },
      { ...scalar, shape: [-1] },
    ]) {
      await refuses(fileOf({ a: entry }, Buffer.alloc(4)), /"a" has no shape or no offsets$/);
    }
  });

  it('refuses sizes that do not fit the offsets, and dtypes that JavaScript cannot hold', async () => {
    await refuses(
      fileOf({ a: { ...scalar, shape: [2] } }, Buffer.alloc(8)),
      /"a" needs 8 bytes, the header names \[0, 4\) of 8$/,
    );
    await refuses(fileOf({ a: { ...scalar, data_offsets: [4, 0] } }, Buffer.alloc(4)), /needs 4 bytes/);
    await refuses(
      fileOf({ a: { ...scalar, dtype: 'F8_E4M3' } }, Buffer.alloc(4)),
      /"a" has dtype F8_E4M3, expected one of F32, /,
    );
  });

  it('misuse: a file that is not there, or a folder', async () => {
    await rejectsWithCode(
      loadSafetensors(fixturePath('none.safetensors')),
      'ERR_DATA_NOT_FOUND',
      /none\.safetensors": ENOENT/,
    );
    await rejectsWithCode(loadSafetensors(fixturePath()), 'ERR_DATA_NOT_FOUND', /EISDIR/);
  });
});
