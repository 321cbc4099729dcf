import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { ops, Tensor, torch } from '../../lib/index';
import type { Loaded } from '../../lib/weights/torch-file';
import { rejectsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import {
  archive,
  bool,
  call,
  floats,
  global,
  int,
  ints,
  legacy,
  list,
  longs,
  oldStr,
  storage,
  str,
  tensorOver,
  tuple,
} from '../support/pickles';
import { testOnCpu } from '../support/on-cpu';
import { withTempFolder } from '../support/temp-folder';

const { load } = torch;
const refuses = (bytes: Uint8Array, message: RegExp) => rejectsWithCode(load(bytes), 'ERR_TORCH_FILE_FORMAT', message);
const numbers = (value: Loaded) => (value as Tensor).toNumbers();
const plainTensor = (key = '0', count = 4) => tensorOver(storage('torch.FloatStorage', key, count, 'N'), [count], [1]);
const four = { 0: [4, floats(1, 2, 3, 4)] } as const;

describe('torch.load of a file from before PyTorch 1.6', () => {
  it('reads storages wherever they lie: behind each other, unaligned, empty, named by several tensors', async () => {
    const double = (key: string) => tensorOver(storage('torch.LongStorage', key, 2, 'N'), [2], [1]);
    const body = list(plainTensor('c', 3), double('a'), double('b'), plainTensor('d', 0), plainTensor('c', 3));
    const stored = {
      a: [2, longs(5, 6)],
      b: [2, longs(7, -8)],
      c: [3, floats(1, 2, 3)],
      d: [0, Buffer.alloc(0)],
    } as const;
    for (let padding = 0; padding < 17; padding++) {
      const facts = `}(${str('x'.repeat(padding))}Nu`;
      const [c, a, b, d, again] = (await load(legacy(body, stored, { facts }))) as Tensor[];
      assert.deepEqual([a, b, c, d].map((x) => numbers(x!)), [[5, 6], [7, -8], [1, 2, 3], []]); // prettier-ignore
      ops.aten.fill_!(c, 9);
      assert.deepEqual(numbers(again!), [9, 9, 9]);
    }
  });

  it('maps a file, and reads one that is larger than what is read at first', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'large.pth');
      const count = 2 ** 19;
      const text = 'x'.repeat(2 ** 20);
      await writeFile(file, legacy(list(str(text), plainTensor('0', count)), { 0: [count, Buffer.alloc(4 * count)] }));
      for (const mmap of [true, false]) {
        const [read, zeros] = (await load(file, { mmap })) as [string, Tensor];
        assert.equal(read, text);
        assert.equal((ops.aten.count_nonzero!(ops.aten.add_!(zeros, 1)) as Tensor).item(), count);
      }
    }));

  it('reads parts of a storage as storages of their own, on its memory', testOnCpu('tensors share a storage where it was read', async () => {
    const part = (key: string, offset: number, count: number) =>
      tensorOver(storage('torch.FloatStorage', '0', 4, tuple(str(key), int(offset), int(count))), [count], [1]);
    const [whole, tail] = (await load(legacy(list(plainTensor(), part('1', 2, 2)), four))) as Tensor[];
    assert.deepEqual(numbers(tail!), [3, 4]);
    ops.aten.fill_!(tail, 0);
    assert.deepEqual(numbers(whole!), [1, 2, 0, 0]);
    await refuses(legacy(part('1', 3, 2), four), /storage "0" has a part that is none$/);
    const beyond = storage('torch.FloatStorage', '0', 4, tuple(str('1'), int(0), int(2)));
    await refuses(legacy(tensorOver(beyond, [3], [1]), four), /reaches element 3 of a storage of 2$/);
  }));

  it('reads what Python 2 wrote: its strings, an OrderedDict of pairs, tensors whose state is set later', async () => {
    const stored = `${tuple(oldStr('storage'), global('torch.FloatStorage'), oldStr('0'), oldStr('cuda:0'), int(4), 'N')}Q`;
    const state = tuple(stored, int(1), ints(3), ints(1));
    const tensor = `${call('torch.FloatTensor')}q\x01${state}b`;
    const parameter = `${global('torch.nn.parameter.Parameter')})\x81${tuple(tensor, 'N', 'N', bool(false), bool(false))}b`;
    const dict = call(
      'collections.OrderedDict',
      list(list(oldStr('a'), tensor), list(oldStr('b'), 'h\x01'), list(oldStr('c'), parameter)),
    );
    const loaded = (await load(legacy(dict, four))) as Map<string, Tensor>;
    assert.deepEqual([...loaded].map(([name, value]) => [name, numbers(value), value.requiresGrad]), [
      ['a', [2, 3, 4], false],
      ['b', [2, 3, 4], false],
      ['c', [2, 3, 4], false],
    ]); // prettier-ignore
    assert.ok(loaded.get('a') === loaded.get('b'), 'one tensor, which was remembered before its state was set');
    const trained = `${global('torch.nn.parameter.Parameter')}${tuple(plainTensor())}\x81`;
    assert.equal(((await load(legacy(trained, four))) as Tensor).requiresGrad, true);
    const half = tensorOver(storage('torch.cuda.HalfStorage', '0', 2, 'N'), [2], [1]);
    assert.deepEqual(numbers(await load(legacy(half, { 0: [2, Buffer.from([0, 0x3c, 0, 0x40])] }))), [1, 2]);
  });

  it('refuses states that fit no tensor, and a second one', async () => {
    const stored = storage('torch.FloatStorage', '0', 4, 'N');
    const state = tuple(stored, int(0), ints(4), ints(1));
    const cases: [string, RegExp][] = [
      [`${call('torch.DoubleTensor')}${state}b`, /a tensor of float64 over a storage of float32$/],
      [
        `${call('torch.FloatTensor')}${tuple(stored, int(1), ints(4), ints(1))}b`,
        /reaches element 5 of a storage of 4$/,
      ],
      [`${call('torch.FloatTensor')}${state}b${state}b`, /sets attributes of something other than an OrderedDict$/],
      [`${plainTensor()}${state}b`, /sets attributes of something other than an OrderedDict$/],
      [`${call('torch.FloatTensor')}Nb`, /sets attributes/],
      [`${call('torch.FloatTensor')}${tuple('N', 'N')}b`, /a parameter without a tensor$/],
      [call('torch.FloatTensor', list(int(1))), /a tensor of values instead of a storage$/],
      [
        `${global('torch.nn.parameter.Parameter')})\x81${tuple('N', 'N', 'N', bool(true), bool(false))}b`,
        /without a tensor$/,
      ],
    ];
    for (const [body, message] of cases) await refuses(legacy(list(plainTensor(), body), four), message);
  });

  it('runs no code, neither of the object nor of the pickles around it', async () => {
    const system = `${global('os.system')}${tuple(str('id'))}R`;
    await rejectsWithCode(load(legacy(system)), 'ERR_UNSAFE_GLOBAL', /has the global "os\.system"/);
    for (const part of ['magic', 'version', 'facts', 'keys']) {
      await refuses(legacy('N', {}, { [part]: system }), /has the global "os\.system" outside of its object$/);
    }
    const module = `${tuple(str('module'), 'N', str('net.py'), str('class Net: ...'))}Q`;
    await refuses(legacy(module), /refers to something other than a storage$/);
  });

  it('refuses files that lie, and says what is no file of torch.save', async () => {
    const cases: [Buffer, RegExp][] = [
      [legacy('N', {}, { magic: int(1) }), /a bare pickle \(pickle\.dump\)/],
      [legacy('N', {}, { version: int(1002) }), /protocol version 1002, expected 1001$/],
      [legacy(plainTensor(), {}), /no record for storage "0"$/],
      [legacy('N', four), /the list of storages has "0", which nothing refers to$/],
      [legacy(plainTensor(), four, { keys: list(str('0'), str('0')) }), /has "0" twice$/],
      [legacy(plainTensor(), four, { keys: list(int(0)) }), /the list of storages is none$/],
      [legacy(plainTensor(), { 0: [5, floats(1, 2, 3, 4)] }), /storage "0" has 5 elements, expected 4$/],
      [legacy(plainTensor(), { 0: [4, floats(1, 2, 3)] }), /cut short: storage "0" needs 16 bytes$/],
      [legacy(plainTensor('0', 2 ** 31 - 1), four), /cut short: storage "0" needs 8589934588 bytes$/],
      [legacy(tensorOver(storage('torch.FloatStorage', '0', -4, 'N'), [0], [1]), four), /a size that is none$/],
      [legacy(`(${'('.repeat(100)}`), /takes more values|cut short/],
      [legacy(`]${'q\0h\0a'.repeat(1)}`), /nested more than 1000 deep, or in itself$/],
      [
        Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0'), Buffer.alloc(249)]),
        /is a tar archive/,
      ],
    ];
    for (const [bytes, message] of cases) await refuses(bytes, message);
    await refuses(archive(`N${'q\x01'.repeat(17_000_000)}`), /builds more objects than a file of tensors needs$/);
  });

  it('refuses pickles whose calls or keys cost more than their bytes show', async () => {
    const items = `]q\0(${'N'.repeat(100_000)}e`;
    const pairs = `]q\0(${'NN\x86'.repeat(100_000)}e`;
    for (const [list, name] of [[items, '__builtin__\nset'], [pairs, 'collections\nOrderedDict']] as const) {
      const calls = 'h\x01h\0\x85R'.repeat(400);
      await refuses(archive(`(${list}c${name}\nq\x01${calls}t`), /builds more objects than a file of tensors needs$/);
    }
    const integer = (i: number) => `\x8a\x0c${'\x01'.repeat(8)}${Buffer.from(Uint32Array.of(i).buffer).toString('latin1')}N`;
    const keys = (count: number) => archive(`}(${Array.from({ length: count }, (_, i) => integer(i)).join('')}u`);
    assert.equal(((await load(keys(1000))) as Map<unknown, unknown>).size, 1000);
    await refuses(keys(20_000), /builds more objects than a file of tensors needs$/);
  });

  it('refuses a tensor that begins at no multiple of the size of its elements', testOnCpu('where it begins matters where it was read', async () => {
    const part = storage('torch.FloatStorage', '0', 4, tuple(str('part'), int(1), int(3)));
    assert.deepEqual(numbers(await load(legacy(tensorOver(part, [3], [1]), four))), [2, 3, 4]);
    const odd = `ctorch._utils\n_rebuild_tensor_v3\n${tuple(storage('torch.ByteStorage', '0', 16, tuple(str('part'), int(1), int(8))), int(0), tuple(int(1)), tuple(int(1)), bool(false), '}', 'ctorch\nfloat32\n')}R`;
    await refuses(legacy(odd, { 0: [16, floats(1, 2, 3, 4)] }), /begins at no multiple of the size of its elements$/);
  }));

  it('calls a pickle of any protocol by its name', async () => {
    const dumped = [2, 3, 4, 5].map((protocol) => Buffer.concat([Buffer.of(0x80, protocol), Buffer.from(protocol > 3 ? '\x95\x04\0\0\0\0\0\0\0]\x94.' : '].', 'latin1')]));
    for (const bytes of dumped) await refuses(bytes, /is a bare pickle \(pickle\.dump\), which torch\.load refuses in Python too$/);
  });

  it('refuses a file that is cut short, or whose halves are swapped, wherever', async () => {
    const whole = await readFile(fixturePath('weights', 'legacy-checkpoint.pt'));
    for (let length = 0; length < whole.length; length += 41) await refuses(whole.subarray(0, length), /./);
    for (let half = 1; half < whole.length; half += 97) {
      await refuses(Buffer.concat([whole.subarray(half), whole.subarray(0, half)]), /./);
    }
  });
});
