import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { loadSafetensors, ops, readSafetensorsMetadata, saveSafetensors, type Tensor, tensor } from '../../lib/index';
import { load } from '../../lib/weights/torch-file';
import { assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { elementsOf } from '../support/recorded-weights';
import { withTempFolder } from '../support/temp-folder';

const python = process.env.PYTHON ?? 'python3';
const everyDtype = () => load(fixturePath('weights', 'dtypes.pt')) as Promise<Map<string, Tensor>>;

function fileOf(header: unknown, data: Buffer = Buffer.alloc(0)): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

/** Dtype, shape and bytes of each tensor. */
function entriesOf(file: Buffer): Record<string, unknown> {
  const begin = 8 + Number(file.readBigUInt64LE());
  const header = JSON.parse(file.subarray(8, begin).toString()) as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  const entries = Object.entries(header).map(([name, { dtype, shape, data_offsets: [from, to] }]) => [
    name,
    [dtype, shape, file.subarray(begin + from, begin + to).toString('hex')],
  ]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

const refuses = (bytes: Buffer, message: RegExp) =>
  rejectsWithCode(loadSafetensors(bytes), 'ERR_SAFETENSORS_FORMAT', message);
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
    header['shift'] = { dtype: 'I8', shape: [1], data_offsets: [0, 1] }; // shifts everything by one byte
    let data = Buffer.alloc(1);
    for (const [dtype, [, array]] of Object.entries(arrays)) {
      header[dtype] = { dtype, shape: [2, 1], data_offsets: [data.length, data.length + array.byteLength] };
      data = Buffer.concat([data, Buffer.from(array.buffer)]);
    }
    const tensors = await loadSafetensors(fileOf(header, data));
    assert.deepEqual([...tensors.keys()], ['shift', ...Object.keys(arrays)], 'the metadata is no tensor');
    for (const [name, [dtype, array]] of Object.entries(arrays)) {
      assertTensorEqual(tensors.get(name)!, tensor(array, { dtype, shape: [2, 1] }), name);
    }
  });

  it('reads a file without tensors, and tensors without elements', async () => {
    assert.equal((await loadSafetensors(fileOf({}))).size, 0);
    const tensors = await loadSafetensors(fileOf({ none: { dtype: 'F32', shape: [0, 3], data_offsets: [0, 0] } }));
    assert.deepEqual(tensors.get('none')!.shape, [0, 3]);
  });

  it('reads from bytes, which may be part of a larger buffer or shared, and keeps a copy', async () => {
    const file = fileOf({ a: scalar }, Buffer.from(Float32Array.of(1.5).buffer));
    const shared = new Uint8Array(new SharedArrayBuffer(file.length + 3), 3);
    shared.set(file);
    for (const bytes of [Buffer.concat([Buffer.alloc(3), file]).subarray(3), shared]) {
      const a = (await loadSafetensors(bytes)).get('a')!;
      bytes.fill(0);
      assert.equal(a.item(), 1.5);
    }
  });

  it('cuts names short in messages', async () => {
    const name = '\u0001'.repeat(1_000_000);
    await refuses(fileOf({ [name]: { ...scalar, dtype: name } }, Buffer.alloc(4)), /^.{0,2000}$/);
  });

  it('refuses a file that is cut short, wherever', async () => {
    const whole = fileOf({ a: scalar }, Buffer.alloc(4));
    for (const length of [1, 7, 8, 20]) await refuses(whole.subarray(0, length), /the header is longer than the file$/);
    await refuses(whole.subarray(0, whole.length - 1), /"a" needs 4 bytes, the header names \[0, 4\) of 3$/);
  });

  it('reads every dtype that the format and PyTorch have, as Python wrote them', async () => {
    const tensors = await loadSafetensors(fixturePath('weights', 'dtypes.safetensors'));
    const expected = await everyDtype();
    assert.equal(tensors.size, 16);
    for (const [name, value] of tensors) assert.deepEqual(elementsOf(value), elementsOf(expected.get(name)!), name);
    const metadata = await readSafetensorsMetadata(fixturePath('weights', 'dtypes.safetensors'));
    assert.deepEqual([...metadata].sort(), [
      ['format', 'pt'],
      ['größe', '1'],
    ]);
  });

  it('reads and writes every bit of floats of eight bits and of four, two of which are a byte', () =>
    withTempFolder(async (folder) => {
      const [theirs, ours] = [fixturePath('weights', 'small-floats.safetensors'), path.join(folder, 'ours')];
      const tensors = await loadSafetensors(theirs);
      const everyByte = Array.from({ length: 256 }, (_, i) => i);
      for (const [name, value] of tensors) {
        assert.equal(value.dtype, name);
        assert.deepEqual(value.shape, name.endsWith('_x2') ? [2, 128] : [256]);
        assert.deepEqual((ops.aten.view!(value, { dtype: 'uint8' }) as Tensor).flatten().toNumbers(), everyByte, name);
      }
      assert.equal(tensors.size, 6);
      await saveSafetensors(tensors, ours);
      assert.deepEqual(entriesOf(await readFile(ours)), entriesOf(await readFile(theirs)));
      const packed = tensors.get('float4_e2m1fn_x2')!;
      throwsWithCode(() => packed.toTypedArray(), 'ERR_UNSUPPORTED_DTYPE', /two numbers in a byte.*view it as uint8$/);
      const one = { x: packed.flatten().select(0, 0) };
      await rejectsWithCode(saveSafetensors(one, ours), 'ERR_SHAPE', /"x" of float4_e2m1fn_x2 to have a dimension, got shape \[\]$/);
    }));

  it('maps a large file: writing to a tensor never reaches the file, and a file may be saved over itself', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'large.safetensors');
      await saveSafetensors({ x: tensor(new Float32Array(2 ** 19).fill(1)) }, file);
      const before = await readFile(file);
      for (const mmap of [true, false]) {
        const x = (await loadSafetensors(file, { mmap })).get('x')!;
        ops.aten.fill_!(x, 3);
        assert.equal((ops.aten.sum!(x) as Tensor).item(), 3 * 2 ** 19);
        assert.ok(before.equals(await readFile(file)), `mmap ${mmap}`);
      }
      const mapped = await loadSafetensors(file);
      await saveSafetensors({ y: mapped.get('x')!, x: tensor([5]) }, file);
      assert.equal((ops.aten.sum!(mapped.get('x')) as Tensor).item(), 2 ** 19);
      const again = await loadSafetensors(file);
      assert.deepEqual([...again.keys()], ['y', 'x']);
      assert.equal((ops.aten.sum!(again.get('y')) as Tensor).item(), 2 ** 19);
    }));

  it('refuses a header that is no JSON object of entries', async () => {
    const entry = JSON.stringify(scalar);
    const cases: [string, RegExp][] = [
      ['{"a": ', /"a": expected "\{" before character 5 of the header$/],
      ['null', /the header: expected "\{"/],
      ['', /the header: expected "\{"/],
      ['[]', /the header: expected "\{"/],
      ['{"a": null}', /"a": expected "\{"/],
      ['{"a": {}}', /"a" has not all of dtype, shape and data_offsets$/],
      [`{"a": ${JSON.stringify({ ...scalar, shape: undefined })}}`, /"a" has not all of/],
      [`{"a": ${JSON.stringify({ ...scalar, data_offsets: [0] })}}`, /"a" has not all of/],
      [`{"a": ${JSON.stringify({ ...scalar, data_offsets: [0, 4, 4] })}}`, /expected at most 2 integers/],
      [`{"a": ${JSON.stringify({ ...scalar, shape: [-1] })}}`, /"a": shape: expected an integer/],
      [`{"a": ${JSON.stringify({ ...scalar, shape: [1.5] })}}`, /"a": shape: expected "\]"/],
      [`{"a": ${JSON.stringify({ ...scalar, shape: [2 ** 60] })}}`, /"a": shape: expected an integer/],
      [`{"a": ${JSON.stringify({ ...scalar, shape: Array(65).fill(1) })}}`, /expected at most 64 integers/],
      [
        `{"a": ${JSON.stringify({ ...scalar, more: 1 })}}`,
        /"a": expected dtype, shape and data_offsets once each, got "more"$/,
      ],
      [`{"a": ${entry.replace('{', '{"dtype": "F32", ')}}`, /once each, got "dtype"$/],
      [`{"a": ${entry}, "a": ${entry}}`, /two tensors are named "a"$/],
      [`{"a": ${entry}, "\\u0061": ${entry}}`, /two tensors are named "a"$/],
      [`{"a": ${entry}} x`, /expected nothing behind it/],
      [`{"a": ${entry}`, /the header: expected "\}"/],
      [`{"a\\": ${entry}}`, /expected ":"|ends inside a string/],
      ['{"__metadata__": {"a": 1}}', /"__metadata__": "a": expected a string/],
      ['{"__metadata__": {"a": "1", "a": "2"}}', /"__metadata__" has "a" twice$/],
      ['{"__metadata__": {}, "__metadata__": {}}', /"__metadata__" twice$/],
      [`{"a": ${'['.repeat(1_000_000)}`, /"a": expected "\{"/],
      [`{"${'\\"'.repeat(1_000_000)}`, /ends inside a string$/],
    ];
    for (const [json, message] of cases) await refuses(fileOf(json, Buffer.alloc(4)), message);
    await refuses(
      fileOf(Buffer.of(0x7b, 0xff, 0x7d).toString('latin1').replace('ÿ', '\u0000')),
      /a name: expected a string/,
    );
    const notUtf8 = fileOf('{"a": 1}');
    notUtf8[10] = 0xff;
    await refuses(notUtf8, /not encoded in UTF-8$/);
    const long = Buffer.alloc(16);
    long.writeBigUInt64LE(2n ** 63n);
    await refuses(long, /a header of 9223372036854775808 bytes, more than the 100000000 of the format$/);
  });

  it('refuses sizes that do not fit the offsets, holes, overlaps, and dtypes that libtorch does not have', async () => {
    const four = Buffer.alloc(4);
    const cases: [Record<string, unknown>, Buffer, RegExp][] = [
      [{ a: { ...scalar, shape: [2] } }, Buffer.alloc(8), /"a" needs 8 bytes, the header names \[0, 4\) of 8$/],
      [{ a: { ...scalar, data_offsets: [4, 0] } }, four, /"a" begins at byte 4 of the data, expected 0/],
      [{ a: { ...scalar, data_offsets: [0, 0] } }, four, /"a" needs 4 bytes/],
      [{ a: scalar, b: scalar }, four, /"b" begins at byte 0 of the data, expected 4, where the one before ends$/],
      [{ a: scalar, b: { ...scalar, data_offsets: [2, 6] } }, Buffer.alloc(6), /"b" begins at byte 2/],
      [{ a: scalar, b: { ...scalar, data_offsets: [5, 9] } }, Buffer.alloc(9), /"b" begins at byte 5/],
      [{ a: scalar }, Buffer.alloc(5), /5 bytes of data, tensors fill 4 of them$/],
      [{}, four, /4 bytes of data, tensors fill 0 of them$/],
      [{ a: { ...scalar, shape: [2 ** 52, 2 ** 52] } }, four, /"a" has more elements than can be$/],
      [
        { a: { ...scalar, shape: [0, 2 ** 52, 2 ** 52], data_offsets: [0, 0] } },
        four,
        /"a" has more elements than can be$/,
      ],
      [{ a: { ...scalar, dtype: 'F6_E2M3' } }, four, /"a" has dtype "F6_E2M3", expected one of F64, .* F4, C64$/],
      [{ a: { dtype: 'F4', shape: [2, 3], data_offsets: [0, 3] } }, Buffer.alloc(3), /"a" of F4 has shape \[2, 3\], expected a last/],
      [{ a: { dtype: 'F4', shape: [], data_offsets: [0, 1] } }, Buffer.alloc(1), /"a" of F4 has shape \[\], expected a last/],
      [{ a: { dtype: 'F4', shape: [2, 4], data_offsets: [0, 8] } }, Buffer.alloc(8), /"a" needs 4 bytes/],
      [{ a: { ...scalar, dtype: 'constructor' } }, four, /has dtype "constructor"/],
      [
        { a: { dtype: 'BOOL', shape: [4], data_offsets: [0, 4] } },
        Buffer.of(0, 1, 2, 0),
        /"a": a tensor of bools holds other bytes/,
      ],
    ];
    for (const [header, data, message] of cases) await refuses(fileOf(header, data), message);
  });

  it('misuse: a file that is not there, or a folder', async () => {
    await rejectsWithCode(
      loadSafetensors(fixturePath('none.safetensors')),
      'ERR_DATA_NOT_FOUND',
      /none\.safetensors": No such file/i,
    );
    await rejectsWithCode(loadSafetensors(fixturePath()), 'ERR_DATA_NOT_FOUND', /it is a folder$/);
    await rejectsWithCode(
      loadSafetensors(null as never),
      'ERR_INVALID_ARG_TYPE',
      /expected a file name or a Uint8Array, got null$/,
    );
    await rejectsWithCode(loadSafetensors('x', { strict: true } as never), 'ERR_UNKNOWN_OPTION', /among device, mmap$/);
    await rejectsWithCode(loadSafetensors('x', { device: 'cuda:99' }), 'ERR_DEVICE', /cuda:99/);
  });
});

describe('saveSafetensors', () => {
  it('writes what loadSafetensors reads, in the order given: every dtype, views, metadata', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'x.safetensors');
      const tensors = await everyDtype();
      tensors.delete('complex128');
      const matrix = tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      tensors.set('transposed', ops.aten.t!(matrix) as Tensor);
      tensors.set('expanded', ops.aten.expand!(tensor([[1], [2]]), [2, 3]) as Tensor);
      tensors.set('conjugated', ops.aten._conj!(tensors.get('complex64')) as Tensor);
      tensors.set('empty', tensor([], { shape: [0, 2] }));
      tensors.set('scalar', ops.aten.sum!(matrix) as Tensor);
      await saveSafetensors(tensors, file, { metadata: { format: 'pt', größe: '"\\' } });
      const loaded = await loadSafetensors(file);
      assert.deepEqual([...loaded.keys()], [...tensors.keys()]);
      for (const [name, value] of tensors) {
        assert.deepEqual(loaded.get(name)!.shape, value.shape, name);
        assert.deepEqual(elementsOf(loaded.get(name)!), elementsOf(value), name);
      }
      assert.deepEqual(
        [...(await readSafetensorsMetadata(file))],
        [
          ['format', 'pt'],
          ['größe', '"\\'],
        ],
      );
      assert.equal(Number((await readFile(file)).readBigUInt64LE()) % 8, 0, 'data begins at a multiple of 8');
    }));

  it('takes an object of tensors too, or nothing at all', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'x.safetensors');
      await saveSafetensors({ b: tensor([1]), a: tensor([true]) }, file);
      assert.deepEqual([...(await loadSafetensors(file)).keys()], ['b', 'a']);
      await saveSafetensors(new Map(), file);
      assert.equal((await loadSafetensors(file)).size, 0);
      assert.deepEqual(await readdir(folder), ['x.safetensors']);
    }));

  it('keeps the file that was there where the new one cannot be written', () =>
    withTempFolder(async (folder) => {
      const taken = path.join(folder, 'taken');
      await mkdir(taken);
      await writeFile(path.join(taken, 'file'), 'kept');
      const weights = { x: tensor([1]) };
      await rejectsWithCode(
        saveSafetensors(weights, taken),
        'ERR_WEIGHTS_SAVE',
        /^saveSafetensors: cannot write ".*taken"/,
      );
      const nowhere = path.join(folder, 'missing', 'x');
      await rejectsWithCode(saveSafetensors(weights, nowhere), 'ERR_WEIGHTS_SAVE', /cannot write ".*No such file/i);
      assert.deepEqual(await readdir(folder), ['taken']);
    }));

  it('misuse: what are no tensors by name, dtypes that the format lacks, metadata that is no text', async () => {
    const refused = (
      tensors: unknown,
      message: RegExp,
      code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE' | 'ERR_UNSUPPORTED_DTYPE',
    ) => rejectsWithCode(saveSafetensors(tensors as never, 'never-written'), code, message);
    await refused(tensor([1]), /expected a Map or an object of tensors, got a Tensor$/, 'ERR_INVALID_ARG_TYPE');
    await refused([tensor([1])], /got an array of 1$/, 'ERR_INVALID_ARG_TYPE');
    await refused({ a: [1] }, /expected "a" to be a Tensor, got an array of 1$/, 'ERR_INVALID_ARG_TYPE');
    await refused(new Map([[1, tensor([1])]]), /expected names to be strings .* got 1$/, 'ERR_INVALID_ARG_VALUE');
    await refused({ __metadata__: tensor([1]) }, /got "__metadata__"$/, 'ERR_INVALID_ARG_VALUE');
    const complex128 = { x: (await everyDtype()).get('complex128')! };
    await refused(complex128, /expected "x" to have one of float64, .* got complex128$/, 'ERR_UNSUPPORTED_DTYPE');
    const metadata = { step: 3 } as never;
    await rejectsWithCode(
      saveSafetensors({}, 'never-written', { metadata }),
      'ERR_INVALID_ARG_TYPE',
      /metadata\.step to be a string, got 3$/,
    );
    await rejectsWithCode(saveSafetensors({}, ''), 'ERR_INVALID_ARG_TYPE', /expected path to be a file name, got ""$/);
  });

  it('Python loads it, and what Python saves again comes back', function () {
    if (spawnSync(python, ['-c', 'import torch, safetensors']).status !== 0) {
      console.warn(`      SKIPPED: ${python} has no torch with safetensors (set PYTHON to one that has)`);
      this.skip();
    }
    return withTempFolder(async (folder) => {
      const [ours, theirs] = ['ours', 'theirs'].map((name) => path.join(folder, name)) as [string, string];
      const tensors = await everyDtype();
      tensors.delete('complex128');
      await saveSafetensors(tensors, ours, { metadata: { format: 'pt' } });
      const script = `
import sys, torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
found = load_file(sys.argv[1])
recorded = torch.load(sys.argv[3], weights_only=True)
for name, value in found.items():
    assert value.dtype == recorded[name].dtype, name
    assert torch.equal(value.to(torch.complex128), recorded[name].to(torch.complex128)), name
print(len(found), safe_open(sys.argv[1], 'pt').metadata())
save_file(found, sys.argv[2])`;
      const run = spawnSync(python, ['-c', script, ours, theirs, fixturePath('weights', 'dtypes.pt')], {
        encoding: 'utf8',
      });
      assert.equal(run.status, 0, run.stderr);
      assert.equal(run.stdout.trim(), "16 {'format': 'pt'}");
      for (const [name, value] of await loadSafetensors(theirs))
        assert.deepEqual(elementsOf(value), elementsOf(tensors.get(name)!), name);
    });
  });
});
