import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { cacheFolders } from '../../lib/libtorch/cache-folder';
import { type Machine, thisMachine } from '../../lib/libtorch/machine';
import type { Place } from '../../lib/libtorch/search-order';
import type { PythonTorch } from '../../lib/libtorch/python-torch';
import { fakeLibrary, libraryName, libtorchFiles, loadScript, prefixed, withFolder, writeFiles } from '../scripts/support';

interface Found {
  chosen: Place | null;
  looked: Place[];
  refusal: string | null;
}
type Find = (options: { root: string; env: NodeJS.ProcessEnv; all?: boolean; machine: Machine }) => Found;

const copy = 'cache/continual-torch/libtorch-2.13.0-cpu/torch/';
const none: PythonTorch = { python: false, torch: null };

describe('the places of libtorch', () => {
  let findLibtorch: Find;
  before(async () => {
    ({ findLibtorch } = await loadScript<{ findLibtorch: Find }>('libtorch.mjs'));
  });

  /** In a clone, whose user's cache is `folder`/cache. */
  function find(folder: string, env: NodeJS.ProcessEnv = {}, { python = none, all = false }: { python?: PythonTorch; all?: boolean } = {}) {
    writeFiles(folder, { 'CMakeLists.txt': '', 'native/core/mas.cpp': '' });
    const environment = { XDG_CACHE_HOME: join(folder, 'cache'), LOCALAPPDATA: join(folder, 'cache'), HOME: folder, ...env };
    const machine = { ...thisMachine({ root: folder, env: environment }), packageFolder: () => null, pythonTorch: () => python };
    return findLibtorch({ root: folder, env: environment, all, machine });
  }

  /** Three places, each with its own version, so that the version tells which one was taken. */
  const withPlaces = (work: (folder: string, python: PythonTorch) => void) =>
    withFolder((folder) => {
      writeFiles(join(folder, 'named'), libtorchFiles('2.11.0+cpu'));
      writeFiles(join(folder, 'site-packages/torch'), libtorchFiles('2.12.0+cu130', { cuda: '13.0' }));
      writeFiles(join(folder, copy), libtorchFiles('2.13.0+cpu'));
      work(folder, { python: true, torch: join(folder, 'site-packages/torch') });
    });

  it('tell version and CUDA of what is taken', () =>
    withPlaces((folder, python) => {
      const { source, root, version, cuda } = find(folder, { LIBTORCH: join(folder, 'named') }, { python }).chosen!;
      assert.deepEqual([source, root, version, cuda], ['LIBTORCH', join(folder, 'named'), '2.11.0+cpu', null]);
      const asked = find(folder, { CONTINUAL_TORCH_USE_PYTORCH: '1' }, { python }).chosen!;
      assert.deepEqual([asked.version, asked.cuda], ['2.12.0+cu130', '13.0']);
      assert.equal(find(folder).chosen?.version, '2.13.0+cpu');
    }));

  it('accept in LIBTORCH a libtorch folder and the site-packages folder around a torch package', () =>
    withPlaces((folder) => {
      assert.equal(find(folder, { LIBTORCH: join(folder, 'site-packages') }).chosen?.root, join(folder, 'site-packages/torch'));
    }));

  it('are all looked at where all are asked for, else those up to the one that is taken', () =>
    withPlaces((folder, python) => {
      const env = { LIBTORCH: join(folder, 'named') };
      assert.deepEqual(find(folder, env, { python }).looked.map(({ source }) => source), ['LIBTORCH']);
      const { chosen, looked } = find(folder, env, { python, all: true });
      assert.equal(chosen?.source, 'LIBTORCH');
      assert.deepEqual(looked.filter(({ faults }) => faults.length === 0).map(({ version }) => version), [
        '2.11.0+cpu',
        '2.13.0+cpu',
        '2.12.0+cu130',
      ]);
    }));

  it('refuse a LIBTORCH of another version, naming both versions and every way out, whatever else is there', () =>
    withPlaces((folder, python) => {
      writeFiles(join(folder, 'old'), libtorchFiles('2.8.1'));
      const { chosen, refusal } = find(folder, { LIBTORCH: join(folder, 'old') }, { python });
      assert.equal(chosen, null);
      assert.ok(refusal !== null && refusal.includes(join(folder, 'old')));
      for (const words of [
        '2.8.1',
        '2.9 to 2.15',
        'tested with 2.13.0',
        'unset LIBTORCH',
        'another folder',
        'pip install torch==2.13.0',
      ]) {
        assert.ok(refusal.includes(words), `"${words}" is missing in: ${refusal}`);
      }
    }));

  it('refuse a LIBTORCH that is no libtorch and say what is missing there', () =>
    withPlaces((folder) => {
      writeFiles(join(folder, 'half'), { 'lib/readme.txt': '' });
      const half = find(folder, { LIBTORCH: join(folder, 'half') }).refusal;
      assert.match(
        half ?? '',
        /has no headers \(include\/ATen\/ATen\.h is missing\); has no libraries \(lib.*torch.* is missing\)/,
      );
      assert.match(find(folder, { LIBTORCH: join(folder, 'nowhere') }).refusal ?? '', /nowhere.*does not exist/);
    }));

  for (const [version, accepted] of [
    ['2.8.9', false],
    ['2.9.0', true],
    ['2.14.1+cu126', true],
    ['2.15.0+cpu', true],
    ['2.16.0', false],
    ['3.10.0', false],
  ] as const) {
    it(`${accepted ? 'accept' : 'pass over'} version ${version}`, () =>
      withFolder((folder) => {
        writeFiles(join(folder, 'torch'), libtorchFiles(version));
        const { chosen, looked } = find(folder, {}, { python: { python: true, torch: join(folder, 'torch') } });
        assert.equal(chosen !== null, accepted);
        const { faults } = looked.at(-1)!;
        assert.equal(faults.length, accepted ? 0 : 1);
        if (!accepted) assert.ok(faults[0]!.includes('accepted: 2.9 to 2.15'));
      }));
  }

  it('pass over a PyTorch without headers where there is something to build', () =>
    withFolder((folder) => {
      const { 'include/ATen/ATen.h': _, ...files } = libtorchFiles('2.13.0');
      writeFiles(folder, { ...prefixed('torch/', files), ...prefixed(copy, libtorchFiles('2.13.0+cpu')) });
      const python = { python: true, torch: join(folder, 'torch') };
      const { chosen, looked } = find(folder, { CONTINUAL_TORCH_USE_PYTORCH: '1' }, { python });
      assert.match(looked[2]!.faults.join(), /has no headers/);
      assert.equal(chosen?.source, 'the copy of this package');
    }));

  it('take no copy whose library is missing, cut short, or made for another processor', function () {
    if (process.platform !== 'linux') this.skip();
    return withFolder((folder) => {
      const root = join(folder, copy);
      const library = `lib/${libraryName('torch_cpu')}`;
      const faults = () => find(folder).looked[3]!.faults.join();
      const { [library]: _, ...without } = libtorchFiles('2.13.0+cpu');
      writeFiles(root, without);
      assert.match(faults(), /has no libraries \(lib\/libtorch_cpu\.so is missing\)/);
      writeFiles(root, { [library]: fakeLibrary() });
      assert.notEqual(find(folder).chosen, null);
      truncateSync(join(root, library), 100);
      assert.match(faults(), /libtorch_cpu\.so is cut short/);
      truncateSync(join(root, library), 0);
      assert.match(faults(), /is not a whole shared library/);
      writeFiles(root, { [library]: fakeLibrary(process.arch === 'x64' ? 'arm64' : 'x64') });
      assert.match(faults(), /another processor/);
      assert.equal(find(folder).chosen, null);
    });
  });

  it('are without a copy where an interrupted fetch has left one aside', () =>
    withFolder((folder) => {
      writeFiles(join(folder, 'cache/continual-torch/libtorch-2.13.0-cpu.partial/scratch/unpacked/torch'), libtorchFiles('2.13.0+cpu'));
      const { chosen, looked } = find(folder);
      assert.equal(chosen, null);
      assert.match(looked[3]!.faults.join(), /^is not there \(.*libtorch-2\.13\.0-cpu/);
      assert.deepEqual(looked[4]!.faults, ['there is none']);
    }));

  it('take the copy of this package where the first cache folder has none that is whole', () =>
    withFolder((folder) => {
      const { 'version.py': _, ...torn } = libtorchFiles('2.13.0');
      writeFiles(folder, {
        ...prefixed(copy, torn),
        ...prefixed('.cache/continual-torch/libtorch-2.13.0-cpu/torch/', libtorchFiles('2.13.0+cpu')),
      });
      assert.equal(find(folder).chosen?.root, join(folder, '.cache/continual-torch/libtorch-2.13.0-cpu/torch'));
    }));

  it('tell the version of a libtorch archive from build-version, else from its headers', () =>
    withFolder((folder) => {
      const { 'version.py': _, ...files } = libtorchFiles('');
      const named = join(folder, 'named');
      const found = () => find(folder, { LIBTORCH: named });
      writeFiles(named, files);
      assert.match(found().refusal ?? '', /does not tell its version/);
      writeFiles(named, {
        'include/torch/headeronly/version.h':
          '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 10\n#define TORCH_VERSION_PATCH 3\n',
      });
      assert.equal(found().chosen?.version, '2.10.3');
      writeFiles(named, { 'build-version': '2.13.0+cu128\n', [`lib/${libraryName('torch_cuda')}`]: fakeLibrary() });
      assert.equal(found().chosen?.version, '2.13.0+cu128');
      assert.equal(found().chosen?.cuda, '12.8');
    }));

  it('have the copy in the cache folder of the platform, and in this package for a user without a home', () => {
    const folders = (platform: NodeJS.Platform, env: NodeJS.ProcessEnv, home: string | null) =>
      cacheFolders({ root: '/package', platform, env, home });
    const own = join('/package', '.cache', 'continual-torch');
    assert.deepEqual(folders('linux', {}, '/home/me'), [join('/home/me/.cache/continual-torch'), own]);
    assert.deepEqual(folders('linux', { XDG_CACHE_HOME: '/caches' }, '/home/me'), [
      join('/caches/continual-torch'),
      own,
    ]);
    assert.deepEqual(
      folders('linux', { XDG_CACHE_HOME: 'relative' }, '/home/me')[0],
      join('/home/me/.cache/continual-torch'),
    );
    assert.deepEqual(folders('darwin', {}, '/Users/me')[0], join('/Users/me/Library/Caches/continual-torch'));
    assert.deepEqual(folders('win32', { LOCALAPPDATA: '/Local' }, null)[0], join('/Local/continual-torch'));
    assert.deepEqual(folders('linux', {}, null), [own]);
  });
});
