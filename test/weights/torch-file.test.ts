import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { type ErrorCode, ops, Tensor, tensor, torch } from '../../lib/index';
import type { Loaded } from '../../lib/weights/torch-file';
import { assertTensorEqual, rejectsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { testOnCpu } from '../support/on-cpu';
import { assertRecorded, type Recorded } from '../support/recorded-weights';
import { withTempFolder } from '../support/temp-folder';
import { zipFile, zipRecords, type ZipRecordSpec } from '../support/zip-file';

const { load, save } = torch;
const fixture = (name: string) => fixturePath('weights', name);
const get = (value: Loaded, key: string) => (value as Map<string, Loaded>).get(key)! as Tensor;
const sum = (value: Tensor) => (ops.aten.sum!(value) as Tensor).item();

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
  it('reads what torch.save wrote: every value, dtype, stride and requires_grad', testOnCpu('compressed tensors have kernels there alone', async () => {
    const recorded = JSON.parse(await readFile(fixture('values.json'), 'utf8')) as Record<string, Recorded>;
    assert.ok(Object.keys(recorded).length >= 10);
    for (const [name, expected] of Object.entries(recorded)) {
      assertRecorded(await load(fixture(`${name}.pt`)), expected, name);
      assertRecorded(await load(await readFile(fixture(`${name}.pt`))), expected, `${name} from bytes`);
    }
  }));

  it('reads what PyTorch before 1.6 wrote, and archives that were packed again', testOnCpu('quantized tensors have kernels there alone', async () => {
    const recorded = JSON.parse(await readFile(fixture('values.json'), 'utf8')) as Record<string, Recorded>;
    for (const file of (await readdir(fixture('.'))).filter((name) => name.startsWith('legacy-'))) {
      const expected = recorded[file.slice('legacy-'.length, -'.pt'.length)]!;
      assertRecorded(await load(fixture(file)), expected, file);
      assertRecorded(await load(await readFile(fixture(file))), expected, `${file} from bytes`);
    }
    assertRecorded(await load(fixture('recompressed.pt')), recorded['checkpoint']!, 'recompressed');
  }));

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
