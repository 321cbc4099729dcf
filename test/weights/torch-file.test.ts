import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { Complex, type ErrorCode, nn, ops, optim, Tensor, tensor, torch } from '../../lib/index';
import type { Picklable } from '../../lib/weights/pickler';
import type { Loaded } from '../../lib/weights/torch-file';
import { assertTensorEqual, rejectsWithCode } from '../support/assertions';
import { processTestTimeout } from '../support/child-process';
import { fixturePath } from '../support/fixtures';
import { assertRecorded, type Recorded } from '../support/recorded-weights';
import { withTempFolder } from '../support/temp-folder';
import { zipFile, zipRecords, type ZipRecordSpec } from '../support/zip-file';

const { load, save } = torch;
const python = process.env.PYTHON ?? 'python3';
const fixture = (name: string) => fixturePath('weights', name);
const get = (value: Loaded, key: string) => (value as Map<string, Loaded>).get(key)! as Tensor;
const sum = (value: Tensor) => (ops.aten.sum!(value) as Tensor).item();

/** Saves and loads. */
const roundTrip = (value: Picklable): Promise<Loaded> =>
  withTempFolder(async (folder) => {
    const file = path.join(folder, 'x.pt');
    await save(value, file);
    return load(file);
  });

/** Loading these bytes is refused. */
const refuses = (bytes: Uint8Array, message: RegExp, code: ErrorCode = 'ERR_TORCH_FILE_FORMAT') =>
  rejectsWithCode(load(bytes), code, message);

/** An archive of torch.save around a pickle, with a storage "0" of four float32. */
const archive = (pickle: string | Buffer, others: ZipRecordSpec[] = []) =>
  zipFile([
    { name: 'x/data.pkl', data: Buffer.from(pickle as string, 'latin1') },
    { name: 'x/byteorder', data: Buffer.from('little') },
    { name: 'x/data/0', data: Buffer.alloc(16) },
    { name: 'x/version', data: Buffer.from('3\n') },
    ...others,
  ]);

/** The pickle of a tensor over storage "0": what stands for each argument are pickle instructions. */
const tensorPickle = ({
  type = 'ctorch\nFloatStorage\n',
  key = 'X\x01\0\0\x000',
  count = 'K\x04',
  offset = 'K\0',
  size = 'K\x02K\x02\x86',
  stride = 'K\x02K\x01\x86',
  requiresGrad = '\x89',
}) =>
  '\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storage' +
  `${type}${key}X\x03\0\0\0cpu${count}tQ${offset}${size}${stride}${requiresGrad}ccollections\nOrderedDict\n)RtR.`;
const int = (value: number) => {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return bytes.toString('latin1');
};
const huge = '\x8a\x08\0\0\0\0\0\0\0\x40'; // 2^62

describe('torch.load', () => {
  it('reads what torch.save wrote: every value, dtype, stride and requires_grad', async () => {
    const recorded = JSON.parse(await readFile(fixture('values.json'), 'utf8')) as Record<string, Recorded>;
    assert.ok(Object.keys(recorded).length >= 10);
    for (const [name, expected] of Object.entries(recorded)) {
      assertRecorded(await load(fixture(`${name}.pt`)), expected, name);
      assertRecorded(await load(await readFile(fixture(`${name}.pt`))), expected, `${name} from bytes`);
    }
  });

  it('reads what PyTorch before 1.6 wrote, and archives that were packed again', async () => {
    const recorded = JSON.parse(await readFile(fixture('values.json'), 'utf8')) as Record<string, Recorded>;
    for (const file of (await readdir(fixture('.'))).filter((name) => name.startsWith('legacy-'))) {
      const expected = recorded[file.slice('legacy-'.length, -'.pt'.length)]!;
      assertRecorded(await load(fixture(file)), expected, file);
      assertRecorded(await load(await readFile(fixture(file))), expected, `${file} from bytes`);
    }
    assertRecorded(await load(fixture('recompressed.pt')), recorded['checkpoint']!, 'recompressed');
  });

  it('gives tensors that share memory in the file one memory', async () => {
    const views = await load(fixture('views.pt'));
    ops.aten.fill_!(get(views, 'base'), 9);
    assert.equal(sum(get(views, 'transposed')), 108);
    assert.equal(sum(get(views, 'tail')), 63);
    const tied = await load(fixture('tied.pt'));
    ops.aten.fill_!(get(tied, 'embedding.weight'), 1);
    assert.equal(sum(get(tied, 'out.weight')), 15);
  });

  it('makes parameters that train', async () => {
    const { plain, frozen } = Object.fromEntries((await load(fixture('parameters.pt'))) as Map<string, Tensor>);
    (ops.aten.sum!(ops.aten.square!(plain)) as Tensor).backward();
    assert.deepEqual(plain!.grad!.toNumbers(), [2, 2]);
    assert.equal(frozen!.requiresGrad, false);
  });

  it('maps a large file, and what is written to its tensors never reaches the file', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'large.pt');
      await save({ x: tensor(new Float32Array(2 ** 19).fill(1)) }, file);
      const before = await readFile(file);
      for (const mmap of [true, false]) {
        const x = get(await load(file, { mmap }), 'x');
        assert.equal(sum(x), 2 ** 19);
        ops.aten.fill_!(x, 5);
        assert.equal(sum(x), 5 * 2 ** 19);
        assert.ok(before.equals(await readFile(file)), `mmap ${mmap}`);
      }
      const mapped = get(await load(file, { mmap: true }), 'x');
      await save({ x: tensor([3]) }, file);
      assert.equal(sum(mapped), 2 ** 19, 'the file that is mapped was replaced, not written over');
      assert.deepEqual(get(await load(file), 'x').toNumbers(), [3]);
    }));

  it('reads a file whose checksums were left out, and refuses one that differs from its own', async () => {
    assertTensorEqual((await load(fixture('no-checksums.pt'))) as Tensor, (await load(fixture('tensor.pt'))) as Tensor);
    const bytes = await readFile(fixture('tensor.pt'));
    const record = zipRecords(bytes).find(({ name }) => name.endsWith('/data/0'))!;
    bytes[bytes.indexOf(record.data)]! ^= 1;
    await refuses(bytes, /"tensor\/data\/0" does not have the CRC-32 that was written with it$/);
  });

  it('puts the tensors on the device that is asked for, still sharing', async () => {
    const views = await load(fixture('views.pt'), { device: 'cpu' });
    assert.equal(get(views, 'base').device, 'cpu');
    await rejectsWithCode(load(fixture('views.pt'), { device: 'tpu' }), 'ERR_DEVICE', /got "tpu"$/);
  });

  it('runs no code: it refuses every global but those of tensors, by name', async () => {
    const cases: Record<string, string> = {
      'os.system': 'cos\nsystem\n(X\x02\0\0\0idtR.',
      'builtins.eval': 'cbuiltins\neval\n(X\x01\0\0\x001tR.',
      'posix.system': 'cposix\nsystem\n.',
      'torch.load': 'ctorch\nload\n.',
      'torch.serialization.load': 'ctorch.serialization\nload\n.',
      'torch.nn.modules.linear.Linear': 'ctorch.nn.modules.linear\nLinear\n)R.',
      '__proto__.constructor': 'c__proto__\nconstructor\n.',
      'torch._utils._rebuild_xla_tensor': 'ctorch._utils\n_rebuild_xla_tensor\n.',
    };
    for (const [name, pickle] of Object.entries(cases)) {
      await refuses(
        archive(`\x80\x02${pickle}`),
        new RegExp(`expected tensors, dicts, lists, strings and numbers only, the \\d+ bytes has the global "${name}"`),
        'ERR_UNSAFE_GLOBAL',
      );
    }
    await rejectsWithCode(
      load(fixture('whole-module.pt')),
      'ERR_UNSAFE_GLOBAL',
      /whole-module\.pt" has the global "torch\.nn\.modules\.linear\.Linear".*torch\.save\(model\.state_dict\(\), path\)$/,
    );
  });

  it('says what a file is that is none of torch.save', async () => {
    await rejectsWithCode(
      load(fixturePath('models', 'affine.pt')),
      'ERR_TORCH_FILE_FORMAT',
      /a TorchScript file, which jit\.load reads$/,
    );
    await rejectsWithCode(
      load(fixture('dtypes.safetensors')),
      'ERR_TORCH_FILE_FORMAT',
      /safetensors, which loadSafetensors reads$/,
    );
    await refuses(Buffer.from('no archive'), /it is no zip archive$/);
    await refuses(Buffer.alloc(0), /is empty: write or fetch it again$/);
    await refuses(zipFile([{ name: 'a.txt', data: Buffer.from('x') }]), /is a zip archive of other files: unpack it first \(unzip\)$/);
    await rejectsWithCode(
      load(fixture('none.pt')),
      'ERR_DATA_NOT_FOUND',
      /^torch\.load: cannot read ".*none\.pt": No such file/i,
    );
    await rejectsWithCode(load(fixturePath()), 'ERR_DATA_NOT_FOUND', /it is a folder$/);
    if (process.platform === 'linux') await rejectsWithCode(load('/dev/zero'), 'ERR_DATA_NOT_FOUND', /it is no file$/);
  });

  it('refuses a file that is cut short, wherever', async () => {
    const whole = await readFile(fixture('checkpoint.pt'));
    for (let length = 0; length < whole.length; length += 97) await refuses(whole.subarray(0, length), /./);
    await refuses(whole.subarray(0, -1), /./);
  });

  it('refuses archives that PyTorch does not write', async () => {
    const pickle = { name: 'x/data.pkl', data: Buffer.from('\x80\x02N.', 'latin1') };
    const version = { name: 'x/version', data: Buffer.from('3\n') };
    const cases: [ZipRecordSpec[], RegExp][] = [
      [[{ ...pickle, method: 12 }, version], /"x\/data\.pkl" is compressed in an unknown way/],
      [[{ ...pickle, flags: 1, length: 4 }, version], /mismatch|encrypted/],
      [[pickle, version, { name: 'x/data.pkl', data: Buffer.alloc(1) }], /two records are named "x\/data\.pkl"/],
      [[pickle, version, { name: '../evil', data: Buffer.alloc(1) }], /invalid relative path: \.\.\/evil/],
      [[pickle, version, { name: '/etc/passwd', data: Buffer.alloc(1) }], /absolute path: \/etc\/passwd/],
      [[pickle, version, { name: 'x\\data\\0', data: Buffer.alloc(1) }], /invalid characters in fileName/],
      [[pickle, version, { name: 'x/data/0', data: Buffer.alloc(1), offset: 1 }], /signature/],
      [
        [pickle, version, { name: 'x/data/0', data: Buffer.alloc(1), length: 5000 }],
        /overflows|overlaps the directory/,
      ],
      [[pickle, version, { name: 'x/data/0', data: Buffer.alloc(1), length: 30 }], /overlaps the directory/],
      [[{ ...pickle, length: 10 }, version], /"x\/version" overlaps that of another record/],
      [
        [pickle, version, { name: 'x/data/0', data: Buffer.alloc(1), offset: 0, localName: 'x/data/0' }],
        /another name before its data/,
      ],
      [[pickle, { ...version, data: Buffer.from('11') }], /format version 11, expected 1 to 10/],
      [[pickle], /format version none/],
      [[pickle, version, { name: 'x/byteorder', data: Buffer.from('big') }], /byte order "big", expected "little"/],
    ];
    for (const [records, message] of cases) await refuses(zipFile(records), message);
    await refuses(zipFile([pickle, version], 3), /signature|cut short/);
  });

  it('refuses tensors that reach beyond their storage, overflow, or repeat a few bytes as terabytes', async () => {
    assert.deepEqual(((await load(archive(tensorPickle({})))) as Tensor).shape, [2, 2]);
    const cases: [Parameters<typeof tensorPickle>[0], RegExp][] = [
      [{ offset: 'K\x01' }, /a tensor reaches element 5 of a storage of 4$/],
      [{ offset: int(-1) }, /a negative offset$/],
      [{ offset: huge }, /not integers|more elements/],
      [{ size: `${int(3)}${int(2)}\x86` }, /reaches element 6 of a storage of 4$/],
      [{ size: `${int(-2)}${int(2)}\x86` }, /negative size/],
      [{ stride: `${int(2)}${int(-1)}\x86` }, /negative size or stride/],
      [{ stride: `K\x01\x85` }, /2 sizes and 1 strides$/],
      [
        { size: `${int(2 ** 30)}${int(2 ** 30)}\x86`, stride: `${int(0)}${int(0)}\x86` },
        /more elements|repeats 4 elements/,
      ],
      [{ size: `${int(2 ** 25)}K\x01\x86`, stride: `K\0K\0\x86` }, /repeats 4 elements as 33554432$/],
      [{ size: `(${'K\x01'.repeat(65)}t`, stride: `(${'K\x01'.repeat(65)}t` }, /65 dimensions/],
      [{ size: `G\x3f\xf0\0\0\0\0\0\x01K\x02\x86` }, /sizes are not integers$/],
      [{ size: 'N' }, /sizes are not integers$/],
      [{ count: 'K\x05' }, /storage "0" has 16 bytes, expected 20$/],
      [{ key: 'X\x07\0\0\0../../0' }, /no record for storage "\.\.\/\.\.\/0"$/],
      [{ size: `(${'K\x01'.repeat(1000)}t` }, /a tensor of 1000 dimensions$/],
      [{ key: 'K\0' }, /a storage without class or key$/],
      [{ type: 'ctorch\ndevice\n' }, /a storage without class or key$/],
      [{ requiresGrad: 'N' }, /requires_grad is no bool$/],
      [{ type: 'ctorch\nIntStorage\n', requiresGrad: '\x88' }, /requires gradients of integers$/],
    ];
    for (const [change, message] of cases) await refuses(archive(tensorPickle(change)), message);
    const bools = archive(tensorPickle({ type: 'ctorch\nBoolStorage\n', count: 'K\x10' })).fill(2, 0, 0);
    assert.equal(((await load(bools)) as Tensor).dtype, 'bool');
    const data = bools.indexOf('x/data/0') + 8;
    bools[data] = 2;
    await refuses(bools, /bools holds other bytes than 0 and 1$/);
  });

  it('refuses pickles that torch.save does not write', async () => {
    const cases: [string, RegExp][] = [
      ['\x80\x04\x95', /instruction 0x95 at byte 2 of data\.pkl, .* \(protocol 4: save it in Python without pickle_protocol\)$/],
      ['\x80\x02', /data\.pkl is cut short$/],
      ['\x80\x02X\xff\xff\xff\xffa.', /cut short$/],
      ['\x80\x02X\x01\0\0\0\xff.', /not encoded in UTF-8$/],
      ['\x80\x02.', /takes more values than it has built$/],
      ['\x80\x02t.', /takes more values than it has built$/],
      ['\x80\x02h\x05.', /refers to object 5, which it has not built$/],
      ['\x80\x02NNR.', /calls what is no function$/],
      ['\x80\x02ctorch._utils\n_rebuild_wrapper_subclass\n)R.', /calls torch\._utils\._rebuild_wrapper_subclass, which is no function/],
      ['\x80\x02ctorch\nSize\n)\x81.', /calls torch\.Size, which is no function/],
      ['\x80\x02ctorch\nSize\nNR.', /calls torch\.Size without a tuple/],
      ['\x80\x02NNa.', /appends to something other than a list$/],
      ['\x80\x02]NNs.', /sets items of something other than a dict$/],
      ['\x80\x02}(Nu.', /sets an item without a value$/],
      ['\x80\x02NNb.', /sets attributes of something other than an OrderedDict$/],
      ['\x80\x02(X\x06\0\0\0moduleNtQ.', /refers to something other than a storage$/],
      ['\x80\x02ctorch\nSize\n.', /holds torch\.Size itself/],
      ['\x80\x02]ctorch\nFloatStorage\na.', /holds a storage that is no tensor$/],
      ['\x80\x02(i__main__\nA\n.', /pickle instruction 0x69 at byte 3 of data\.pkl/],
      ['\x80\x02NN\x81.', /calls what is no function$/],
      ['\x80\x02]q\0h\0a.', /nested more than 1000 deep, or in itself$/],
      [`\x80\x02${']'.repeat(2000)}${'a'.repeat(1999)}.`, /nested more than 1000 deep/],
      [`\x80\x02${')'.repeat(4_000_000)}.`, /builds more objects than a file of tensors needs$/],
    ];
    for (const [pickle, message] of cases) await refuses(archive(pickle), message);
  });

  it('takes an object that is shared many times for one: no doubling with each level', async () => {
    const levels = Array.from(
      { length: 100 },
      (_, i) => `]q${String.fromCharCode(i + 1)}(h${String.fromCharCode(i)}h${String.fromCharCode(i)}e`,
    );
    let value = await load(archive(`\x80\x02]q\0${levels.join('')}.`));
    for (let i = 0; i < 100; i++) {
      assert.ok(Array.isArray(value) && value[0] === value[1]);
      value = value[0]!;
    }
  });

  it('misuse: a source that is none, an option that does not exist', async () => {
    await rejectsWithCode(
      load(3 as never),
      'ERR_INVALID_ARG_TYPE',
      /^torch\.load: expected a file name or a Uint8Array, got 3$/,
    );
    await rejectsWithCode(load(''), 'ERR_INVALID_ARG_TYPE', /expected path to be a file name, got ""$/);
    await rejectsWithCode(
      load('x', { mapLocation: 'cpu' } as never),
      'ERR_UNKNOWN_OPTION',
      /"mapLocation"; expected among device, mmap$/,
    );
  });
});

describe('torch.save', () => {
  it('writes what load reads: tensors of every dtype, Maps, objects, arrays and plain values', async () => {
    const values = {
      list: [
        1,
        -1,
        255,
        65536,
        -(2 ** 31),
        2 ** 31,
        2 ** 53,
        0.5,
        NaN,
        -Infinity,
        1e300,
        true,
        false,
        null,
        'größe',
        '',
      ],
      big: [2n ** 64n, -(2n ** 64n), -(2n ** 63n), 2n ** 63n],
      map: new Map<string | number, Picklable>([
        ['a', 1],
        [2, []],
      ]),
      nested: { deep: [[[{}]]] },
    };
    const loaded = (await roundTrip(values)) as Map<string, Loaded>;
    assert.deepEqual(loaded.get('list'), values.list);
    assert.deepEqual(loaded.get('big'), values.big);
    assert.deepEqual(loaded.get('map'), values.map);
    assert.deepEqual(loaded.get('nested'), new Map([['deep', [[[new Map()]]]]]));
    assert.ok(Object.is(await roundTrip(-0), -0));
    const dtypes = (await load(fixture('dtypes.pt'))) as Map<string, Tensor>;
    const again = (await roundTrip(dtypes)) as Map<string, Tensor>;
    const recorded = JSON.parse(await readFile(fixture('values.json'), 'utf8')) as Record<string, Recorded>;
    assertRecorded(again, recorded['dtypes']!, 'dtypes');
    const others = ['other-values', 'sparse', 'quantized', 'nested', 'meta', 'new-dtypes'];
    for (const name of ['views', 'scalars', 'parameters', 'checkpoint', ...others]) {
      assertRecorded(await roundTrip((await load(fixture(`${name}.pt`))) as Picklable), recorded[name]!, name);
    }
  });

  it('keeps what overlaps in memory overlapping, also under another dtype', async () => {
    const base = tensor(new Float32Array(8));
    const [head, tail] = [ops.aten.narrow!(base, 0, 0, 5) as Tensor, ops.aten.narrow!(base, 0, 3, 5) as Tensor];
    const bits = ops.aten['view.dtype']!(tail, 'int32') as Tensor;
    const loaded = (await roundTrip([tail, head, bits])) as Tensor[];
    ops.aten.fill_!(loaded[1], 1);
    assert.deepEqual(loaded[0]!.toNumbers(), [1, 1, 0, 0, 0]);
    assert.deepEqual(loaded[2]!.toNumbers(), [0x3f800000, 0x3f800000, 0, 0, 0]);
  });

  it('writes of a large storage only what the tensors reach, and a tensor that occurs twice once', () =>
    withTempFolder(async (folder) => {
      const sizeOf = async (value: Picklable) => {
        await save(value, path.join(folder, 'x.pt'));
        return (await stat(path.join(folder, 'x.pt'))).size;
      };
      const base = tensor(new Float32Array(100_000));
      const part = ops.aten.narrow!(base, 0, 50_000, 10) as Tensor;
      assert.ok((await sizeOf(part)) < 3000);
      assert.ok((await sizeOf([base, part, base])) < 405_000);
      const model = new nn.Sequential(...Array.from({ length: 6 }, () => new nn.Linear(16, 16)));
      const before = await sizeOf(model.stateDict());
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      (ops.aten.sum!(model.forward(tensor([Array.from({ length: 16 }, () => 1)]))) as Tensor).backward();
      optimizer.step(); // now its parameters lie in one buffer
      assert.equal(await sizeOf(model.stateDict()), before);
      assert.ok((await sizeOf(model.parameters()[0]!)) < 4000);
    }));

  it('replaces a file whole or not at all, and leaves nothing beside it', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'x.pt');
      await writeFile(file, 'old');
      await rejectsWithCode(
        save({ f: (() => 1) as never }, file),
        'ERR_INVALID_ARG_TYPE',
        /got a function f at \["f"\]$/,
      );
      assert.equal(await readFile(file, 'utf8'), 'old');
      await Promise.all([1, 2, 3, 4].map((i) => save(tensor([i, i]), file)));
      assert.deepEqual(await readdir(folder), ['x.pt']);
      assert.deepEqual(((await load(file)) as Tensor).shape, [2]);
      await mkdir(path.join(folder, 'taken'));
      await writeFile(path.join(folder, 'taken', 'file'), 'kept');
      await rejectsWithCode(
        save(1, path.join(folder, 'taken')),
        'ERR_WEIGHTS_SAVE',
        /^torch\.save: cannot write ".*taken"/,
      );
      await rejectsWithCode(
        save(1, path.join(folder, 'missing', 'x')),
        'ERR_WEIGHTS_SAVE',
        /^torch\.save: cannot write ".*No such file/i,
      );
      assert.deepEqual((await readdir(folder)).sort(), ['taken', 'x.pt']);
    }));

  it('misuse: values that Python would not know, values without end, a path that is none', async () => {
    const refused = (value: unknown, message: RegExp, code: ErrorCode = 'ERR_INVALID_ARG_TYPE') =>
      rejectsWithCode(save(value as Picklable, 'never-written.pt'), code, message);
    await refused(undefined, /^torch\.save: expected values to be tensors, Maps, .* got undefined$/);
    await refused({ model: { a: [1, Symbol('x')] } }, /got Symbol\(x\) at \["model"\]\["a"\]\[1\]$/);
    await refused(new nn.Linear(1, 1), /got a Linear: hand over its stateDict\(\)$/);
    await refused([new Float32Array(1)], /got a Float32Array at \[0\]$/);
    const twice: unknown[] = [
      new Map<unknown, unknown>([[1, 'a'], [true, 'b']]), // prettier-ignore
      new Map([[1n, 'a'], [1, 'b']] as [bigint | number, string][]), // prettier-ignore
      new Map([[[1, 'x'], 'a'], [[1, 'x'], 'b']] as [unknown[], string][]), // prettier-ignore
      new Set([0, false]),
      new Set([new Complex(2, 0), 2]),
      new Set([Uint8Array.of(1), Uint8Array.of(1)]),
    ];
    for (const value of twice) await refused([value], /expected (keys|items of a Set) that differ in Python.* again at \[0\]$/, 'ERR_INVALID_ARG_VALUE');
    await refused(new Map([[{}, 1]]), /expected keys to be strings, numbers, booleans or null, Uint8Arrays, .*, got an object$/);
    const endless: unknown[] = [];
    endless.push([endless]);
    await refused(endless, /nested in itself/, 'ERR_INVALID_ARG_VALUE');
    let deep: unknown[] = [];
    for (let i = 0; i < 2000; i++) deep = [deep];
    await refused(deep, /more than 1000 deep/, 'ERR_INVALID_ARG_VALUE');
    await refused('\ud800', /expected text, got "\\ud800"$/, 'ERR_INVALID_ARG_VALUE');
    await refused(2n ** 3000n, /at most 255 bytes/, 'ERR_INVALID_ARG_VALUE');
    const opaque = ops.aten.to_mkldnn!(tensor([0, 1])) as Tensor;
    await refused({ x: opaque }, /expected dense tensors, got one of kind "other" at \["x"\]$/, 'ERR_INVALID_ARG_VALUE');
    const disposed = tensor([1]);
    disposed.dispose();
    await refused([disposed], /disposed/, 'ERR_DISPOSED');
    await rejectsWithCode(save(1, 'a\0b'), 'ERR_INVALID_ARG_TYPE', /^torch\.save: expected path to be a file name/);
  });

  it('Python loads sets, bytes, complex numbers and tensors of every layout with weights_only, as they were', function () {
    this.timeout(processTestTimeout);
    if (spawnSync(python, ['-c', 'import torch']).status !== 0) {
      console.warn(`      SKIPPED: ${python} has no torch (set PYTHON to one that has)`);
      this.skip();
    }
    return withTempFolder(async (folder) => {
      const names = ['other-values', 'sparse', 'quantized', 'nested', 'meta', 'new-dtypes', 'legacy-sparse'];
      for (const name of names) {
        await save((await load(fixture(`${name}.pt`))) as Picklable, path.join(folder, `${name}.pt`));
      }
      const script = `
import sys, torch
def parts(t):
    if t.is_nested: return [list(t.unbind())]
    if t.is_meta: return [list(t.shape), list(t.stride()), t.requires_grad]
    if t.is_quantized:
        scales = [t.q_scale(), t.q_zero_point()] if t.qscheme() == torch.per_tensor_affine else [t.q_per_channel_axis(), t.q_per_channel_scales(), t.q_per_channel_zero_points()]
        return [str(t.qscheme()), list(t.stride()), t.int_repr(), *scales]
    if t.layout == torch.sparse_coo: return [t.requires_grad, t.is_coalesced(), t.detach()._indices(), t.detach()._values()]
    if t.layout in (torch.sparse_csr, torch.sparse_bsr): return [t.crow_indices(), t.col_indices(), t.values()]
    if t.layout != torch.strided: return [t.ccol_indices(), t.row_indices(), t.values()]
    return None
def same(a, b):
    if isinstance(b, torch.Tensor):
        if a.dtype != b.dtype or a.layout != b.layout: return False
        if parts(b) is not None: return same(parts(a), parts(b))
        return a.shape == b.shape and torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8))
    if isinstance(b, torch.UntypedStorage): return list(a.tolist()) == list(b)
    if isinstance(b, torch.TypedStorage): return a.tolist() == b.tolist()
    if isinstance(b, dict): return list(a) == list(b) and all(same(a[key], b[key]) for key in b)
    if isinstance(b, list): return len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, bytearray): return a == bytes(b)
    if isinstance(b, (torch.dtype, torch.layout, torch.qscheme)): return type(a) is str
    return type(a) is type(b) and a == b
for name in sys.argv[3:]:
    ours, theirs = (torch.load(folder + '/' + name + '.pt', weights_only=True) for folder in sys.argv[1:3])
    for key in theirs: assert same(ours[key], theirs[key]), (name, key, ours[key], theirs[key])
print('the same')`;
      const run = spawnSync(python, ['-c', script, folder, fixture('.'), ...names], { encoding: 'utf8' });
      assert.match(run.stdout, /the same/, run.stderr);
    });
  });

  it('Python loads it with weights_only, mapped or not, into a module, and what Python saves comes back', function () {
    this.timeout(processTestTimeout);
    if (spawnSync(python, ['-c', 'import torch']).status !== 0) {
      console.warn(`      SKIPPED: ${python} has no torch (set PYTHON to one that has)`);
      this.skip();
    }
    return withTempFolder(async (folder) => {
      const [ours, theirs] = ['ours.pt', 'theirs.pt'].map((name) => path.join(folder, name)) as [string, string];
      const model = new nn.Sequential(new nn.Linear(3, 2), new nn.ReLU(), new nn.Linear(2, 1));
      const base = tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]);
      const dtypes = (await load(fixture('dtypes.pt'))) as Map<string, Tensor>;
      const views = [base, ops.aten.t!(base) as Tensor, ops.aten['view.dtype']!(base, 'int32') as Tensor];
      await save(
        { model: model.stateDict(), dtypes, views, epoch: 3, lr: 0.5, big: 2n ** 70n, names: ['größe', null, true] },
        ours,
      );
      const script = `
import sys, torch, collections
torch.load(sys.argv[1], weights_only=True, mmap=True)
found = torch.load(sys.argv[1], weights_only=True)
model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1))
assert type(found['model']) is collections.OrderedDict
print(model.load_state_dict(found['model']))
base, transposed, bits = found['views']
base[0, 1] = 9
assert transposed[1, 0] == 9 and bits.view(torch.float32)[0, 1] == 9
recorded = torch.load(sys.argv[3], weights_only=True)
for name, value in recorded.items():
    assert found['dtypes'][name].dtype == value.dtype, name
    assert torch.equal(found['dtypes'][name].to(torch.complex128), value.to(torch.complex128)), name
assert (found['epoch'], found['lr'], found['big'], found['names']) == (3, 0.5, 2 ** 70, ['größe', None, True])
assert isinstance(found['epoch'], int)
found['views'].pop() # Python does not save one storage as two dtypes
torch.save(found, sys.argv[2])`;
      const run = spawnSync(python, ['-c', script, ours, theirs, fixture('dtypes.pt')], { encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
      assert.match(run.stdout, /All keys matched/);
      const back = (await load(theirs)) as Map<string, Loaded>;
      for (const [name, value] of model.stateDict()) assertTensorEqual(get(back.get('model')!, name), value, name);
      assert.deepEqual((back.get('views') as Tensor[])[1]!.toNumbers(), [1, 4, 9, 5, 3, 6]);
      assert.equal(back.get('big'), 2n ** 70n);
    });
  });
});
