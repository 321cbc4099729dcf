import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { cacheFolders } from '../../lib/libtorch/cache-folder';
import { fakeLibrary, libraryName, libtorchFiles, loadScript, prefixed, withFolder, writeFiles } from './support';

interface Place {
  source: string;
  path: string | null;
  version: string | null;
  cuda: string | null;
  verdict: string;
  reason: string;
}
interface Found {
  chosen: { root: string; version: string; cuda: string | null; source: string } | null;
  looked: Place[];
  refusal: string | null;
}
interface Options {
  root: string;
  env?: NodeJS.ProcessEnv;
  all?: boolean | undefined;
  caches?: string[];
  pythonTorch?: () => { python: boolean; torch: string | null };
}

describe('scripts/setup/libtorch', () => {
  let findLibtorch: (options: Options) => Found;
  before(async () => {
    ({ findLibtorch } = await loadScript<{ findLibtorch: typeof findLibtorch }>('libtorch.mjs'));
  });

  /** Three places, each with its own version, so that the version tells which one was taken. */
  const withPlaces = (work: (find: (env: NodeJS.ProcessEnv, all?: boolean) => Found, folder: string) => void) =>
    withFolder((folder) => {
      writeFiles(join(folder, 'named'), libtorchFiles('2.11.0+cpu'));
      writeFiles(join(folder, 'site-packages/torch'), libtorchFiles('2.12.0+cu130', { cuda: '13.0' }));
      writeFiles(join(folder, 'cache/libtorch-2.13.0-cpu/torch'), libtorchFiles('2.13.0+cpu'));
      const pythonTorch = () => ({ python: true, torch: join(folder, 'site-packages/torch') });
      work(
        (env, all) => findLibtorch({ root: folder, env, all, pythonTorch, caches: [join(folder, 'cache')] }),
        folder,
      );
    });

  it('takes LIBTORCH before the PyTorch of Python, and that before the copy of this package', () =>
    withPlaces((find, folder) => {
      assert.deepEqual(find({ LIBTORCH: join(folder, 'named') }).chosen, {
        root: join(folder, 'named'),
        version: '2.11.0+cpu',
        cuda: null,
        source: 'LIBTORCH',
      });
      const python = find({}).chosen;
      assert.equal(python?.version, '2.12.0+cu130');
      assert.equal(python.cuda, '13.0');
      const without = findLibtorch({
        root: folder,
        env: {},
        caches: [join(folder, 'cache')],
        pythonTorch: () => ({ python: true, torch: null }),
      });
      assert.equal(without.chosen?.version, '2.13.0+cpu');
    }));

  it('accepts in LIBTORCH a libtorch folder and the site-packages folder around a torch package', () =>
    withPlaces((find, folder) => {
      assert.equal(find({ LIBTORCH: join(folder, 'site-packages') }).chosen?.root, join(folder, 'site-packages/torch'));
    }));

  it('asked for all places, tells of those behind the taken one that they are not needed', () =>
    withPlaces((find) => {
      assert.deepEqual(
        find({}, true).looked.map(({ verdict }) => verdict),
        ['taken', 'not needed'],
      );
      assert.deepEqual(
        find({}).looked.map(({ verdict }) => verdict),
        ['taken'],
      );
    }));

  it('refuses a LIBTORCH of another version, naming both versions and every way out, whatever else is there', () =>
    withPlaces((find, folder) => {
      writeFiles(join(folder, 'old'), libtorchFiles('2.8.1'));
      const { chosen, refusal } = find({ LIBTORCH: join(folder, 'old') });
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

  it('refuses a LIBTORCH that is no libtorch and says what is missing there', () =>
    withPlaces((find, folder) => {
      writeFiles(join(folder, 'half'), { 'lib/readme.txt': '' });
      const half = find({ LIBTORCH: join(folder, 'half') }).refusal;
      assert.match(
        half ?? '',
        /has no headers \(include\/ATen\/ATen\.h is missing\); has no libraries \(lib.*torch.* is missing\)/,
      );
      assert.match(find({ LIBTORCH: join(folder, 'nowhere') }).refusal ?? '', /nowhere.*does not exist/);
    }));

  for (const [version, accepted] of [
    ['2.8.9', false],
    ['2.9.0', true],
    ['2.14.1+cu126', true],
    ['2.15.0+cpu', true],
    ['2.16.0', false],
    ['3.10.0', false],
  ] as const) {
    it(`${accepted ? 'accepts' : 'passes over'} version ${version}`, () =>
      withFolder((folder) => {
        writeFiles(join(folder, 'torch'), libtorchFiles(version));
        const { chosen, looked } = findLibtorch({
          root: folder,
          env: {},
          caches: [],
          pythonTorch: () => ({ python: true, torch: join(folder, 'torch') }),
        });
        assert.equal(chosen !== null, accepted);
        assert.equal(looked[0]?.verdict, accepted ? 'taken' : 'passed over');
        if (!accepted) assert.ok(looked[0]?.reason.includes('accepted: 2.9 to 2.15'));
      }));
  }

  it('passes over a PyTorch without headers and goes on to the copy of this package', () =>
    withFolder((folder) => {
      const { 'include/ATen/ATen.h': _, ...files } = libtorchFiles('2.13.0');
      writeFiles(folder, {
        ...prefixed('torch/', files),
        ...prefixed('cache/libtorch-2.13.0-cpu/torch/', libtorchFiles('2.13.0+cpu')),
      });
      const { chosen, looked } = findLibtorch({
        root: folder,
        env: {},
        caches: [join(folder, 'cache')],
        pythonTorch: () => ({ python: true, torch: join(folder, 'torch') }),
      });
      assert.match(looked[0]?.reason ?? '', /has no headers/);
      assert.equal(chosen?.source, 'the copy of this package');
    }));

  it('takes no copy whose library is missing, cut short, or made for another processor', function () {
    if (process.platform !== 'linux') this.skip();
    return withFolder((folder) => {
      const root = join(folder, 'libtorch-2.13.0-cpu/torch');
      const library = `lib/${libraryName('torch_cpu')}`;
      const find = () =>
        findLibtorch({ root: folder, env: {}, caches: [folder], pythonTorch: () => ({ python: false, torch: null }) });
      const { [library]: _, ...without } = libtorchFiles('2.13.0+cpu');
      writeFiles(root, without);
      assert.match(find().looked[1]?.reason ?? '', /has no libraries \(lib\/libtorch_cpu\.so is missing\)/);
      writeFiles(root, { [library]: fakeLibrary() });
      assert.notEqual(find().chosen, null);
      truncateSync(join(root, library), 100);
      assert.match(find().looked[1]?.reason ?? '', /libtorch_cpu\.so is cut short/);
      truncateSync(join(root, library), 0);
      assert.match(find().looked[1]?.reason ?? '', /is not a whole shared library/);
      writeFiles(root, { [library]: fakeLibrary(process.arch === 'x64' ? 'arm64' : 'x64') });
      assert.match(find().looked[1]?.reason ?? '', /another processor/);
      assert.equal(find().chosen, null);
    });
  });

  it('takes nothing from a folder that an interrupted fetch left aside', () =>
    withFolder((folder) => {
      writeFiles(join(folder, '.fetch-1/unpacked/torch'), libtorchFiles('2.13.0+cpu'));
      const { chosen, looked } = findLibtorch({
        root: folder,
        env: {},
        caches: [folder],
        pythonTorch: () => ({ python: false, torch: null }),
      });
      assert.equal(chosen, null);
      assert.deepEqual(
        looked.map(({ verdict, reason }) => `${verdict}: ${reason}`),
        ['not there: there is none', 'not there: does not exist'],
      );
    }));

  it('reads the version of a libtorch archive from build-version, else from its headers', () =>
    withFolder((folder) => {
      const { 'version.py': _, ...files } = libtorchFiles('');
      const find = () => findLibtorch({ root: folder, env: { LIBTORCH: folder }, caches: [] });
      writeFiles(folder, files);
      assert.match(find().refusal ?? '', /does not tell its version/);
      writeFiles(folder, {
        'include/torch/headeronly/version.h':
          '#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 10\n#define TORCH_VERSION_PATCH 3\n',
      });
      assert.equal(find().chosen?.version, '2.10.3');
      writeFiles(folder, { 'build-version': '2.13.0+cu128\n', [`lib/${libraryName('torch_cuda')}`]: fakeLibrary() });
      assert.equal(find().chosen?.version, '2.13.0+cu128');
      assert.equal(find().chosen?.cuda, '12.8');
    }));

  it('keeps its copy in the cache folder of the platform, and in this package for a user without a home', () => {
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
