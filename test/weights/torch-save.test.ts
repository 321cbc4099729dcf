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
import { testOnCpu } from '../support/on-cpu';
import { assertRecorded, type Recorded } from '../support/recorded-weights';
import { withTempFolder } from '../support/temp-folder';

const { load, save } = torch;
const python = process.env.PYTHON ?? 'python3';
const fixture = (name: string) => fixturePath('weights', name);
const get = (value: Loaded, key: string) => (value as Map<string, Loaded>).get(key)! as Tensor;

/** Saves and loads. */
const roundTrip = (value: Picklable): Promise<Loaded> =>
  withTempFolder(async (folder) => {
    const file = path.join(folder, 'x.pt');
    await save(value, file);
    return load(file);
  });

describe('torch.save', () => {
  it('writes what load reads: tensors of every dtype, Maps, objects, arrays and plain values', testOnCpu('compressed tensors have kernels there alone', async () => {
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
  }));

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
    const opaque = ops.aten.to_mkldnn!(tensor([0, 1], { device: 'cpu' })) as Tensor;
    await refused({ x: opaque }, /expected dense tensors, got one of kind "other" at \["x"\]$/, 'ERR_INVALID_ARG_VALUE');
    const disposed = tensor([1]);
    disposed.dispose();
    await refused([disposed], /disposed/, 'ERR_DISPOSED');
    await rejectsWithCode(save(1, 'a\0b'), 'ERR_INVALID_ARG_TYPE', /^torch\.save: expected path to be a file name/);
  });

  it('Python loads sets, bytes, complex numbers and tensors of every layout with weights_only, as they were', testOnCpu('compressed tensors have kernels there alone', function () {
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
  }));

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
