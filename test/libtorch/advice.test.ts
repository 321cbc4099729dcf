import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { advice } from '../../lib/libtorch/advice';
import { type Attempt, candidates } from '../../lib/libtorch/candidates';
import { driverLibrary } from '../../lib/libtorch/cuda-libraries';
import { MANIFEST, manifestOf } from '../../lib/libtorch/local-build';
import type { Machine } from '../../lib/libtorch/machine';
import { atLeast } from '../../lib/libtorch/platform-packages';
import { withTempFolder } from '../support/temp-folder';

const machine = (changes: Partial<Machine> = {}): Machine => ({
  platform: 'linux',
  arch: 'x64',
  glibc: '2.36',
  electron: null,
  env: {},
  root: path.join('/project', 'node_modules', 'continual-torch'),
  packageFolder: () => null,
  pythonTorch: () => ({ python: false, torch: null }),
  sharedObjects: () => [],
  ...changes,
});

const said = (changes: Partial<Machine>, reasons = ''): string => advice(machine(changes), reasons).join('\n');

describe('advice where nothing can be loaded', () => {
  it('sends users of musl to an image with glibc', () => {
    assert.match(said({ glibc: null }), /musl \(Alpine Linux\): use an image with glibc, such as node:22-slim/);
  });

  it('names the platforms that there are packages for', () => {
    assert.match(said({ arch: 'riscv64' }), /linux-x64, linux-arm64, darwin-arm64, win32-x64; this is linux-riscv64/);
    assert.match(said({ platform: 'darwin', arch: 'x64', glibc: null }), /Intel/);
    assert.match(said({ platform: 'win32', arch: 'ia32', glibc: null }), /64-bit Node\.js/);
  });

  it('names the commands that bring a missing optional dependency', () => {
    const text = said({});
    assert.match(text, /@continual-torch\/linux-x64 and @continual-torch\/libtorch-linux-x64 are optional dependencies/);
    assert.match(text, /npm install --include=optional continual-torch/);
    assert.match(text, /rm -rf node_modules package-lock\.json && npm install/);
    assert.match(said({ platform: 'win32', glibc: null }), /Remove-Item -Recurse -Force node_modules, package-lock\.json/);
  });

  it('says what an archive of Electron needs', () => {
    const root = path.join('/app', 'resources', 'app.asar', 'node_modules', 'continual-torch');
    assert.match(said({ electron: '40.0.0', root }), /asarUnpack: \['node_modules\/@continual-torch\/\*\*'\]/);
    assert.doesNotMatch(said({ electron: '40.0.0' }), /asar/);
  });

  it('sends a clone to its set-up, and says which libtorch it was built for', () =>
    withTempFolder(async (root) => {
      mkdirSync(path.join(root, 'native'));
      writeFileSync(path.join(root, 'CMakeLists.txt'), '');
      assert.equal(said({ root }), 'this is a clone of the repository: npm run setup');
      mkdirSync(path.join(root, 'build', 'Release'), { recursive: true });
      const manifest = manifestOf({ root: '/mine', version: '2.12.0' }, {});
      writeFileSync(path.join(root, 'build', 'Release', MANIFEST), JSON.stringify(manifest));
      assert.match(said({ root }), /npm run setup; the last build is for 2\.12\.0, LIBTORCH=\/mine$/);
    }));

  it('says what a system needs whose glibc is too old, or whose processor lacks instructions', () => {
    const packageFolder = (name: string) => `/project/node_modules/${name}`;
    const reasons = 'needs glibc 2.34 or later; this system has 2.31';
    assert.match(said({ glibc: '2.31', packageFolder }, reasons), /Debian 12, Ubuntu 22\.04/);
    assert.match(said({ packageFolder }, 'SIGILL: this processor lacks an instruction'), /SSE4\.2/);
    assert.equal(said({ packageFolder }), '');
  });
});

describe('candidates', () => {
  const names = {
    linux: ['libc10.so', 'libtorch_cpu.so', 'libc10_cuda.so', 'libtorch_cuda.so'],
    darwin: ['libc10.dylib', 'libtorch_cpu.dylib', 'libc10_cuda.dylib', 'libtorch_cuda.dylib'],
    win32: ['c10.dll', 'torch_cpu.dll', 'c10_cuda.dll', 'torch_cuda.dll'],
  };

  for (const platform of ['darwin', 'win32'] as const) {
    it(`on ${platform} have its file names, CUDA after the rest`, () =>
      withTempFolder(async (folder) => {
        const write = (...parts: string[]) => {
          const file = path.join(folder, ...parts);
          mkdirSync(path.dirname(file), { recursive: true });
          writeFileSync(file, '');
          return file;
        };
        const libraries = names[platform].map((name) => write('libtorch', 'lib', name));
        writeFileSync(path.join(folder, 'libtorch', 'version.py'), "__version__ = '2.13.0+cu130'\ncuda = '13.0'\n");
        const prebuilds = ['@continual-torch', `${platform}-arm64`, 'prebuilds', `${platform}-arm64`];
        const addon = write(...prebuilds, 'libtorch-2.13.node');
        const opener = write(...prebuilds, 'opener.node');
        write(...prebuilds.slice(0, 2), 'contents.json');
        writeFileSync(
          path.join(folder, ...prebuilds.slice(0, 2), 'contents.json'),
          JSON.stringify({ glibc: null, files: { [path.posix.join(...prebuilds.slice(2), 'opener.node')]: 0 } }),
        );
        const attempts: Attempt[] = [];
        const here = machine({
          platform,
          arch: 'arm64',
          glibc: null,
          env: { LIBTORCH: path.join(folder, 'libtorch') },
          packageFolder: (name) => path.join(folder, name),
        });
        const [candidate] = [...candidates(here, attempts)];
        assert.equal(candidate?.addon, addon);
        assert.equal(candidate.opener, opener);
        assert.deepEqual([...candidate.libraries, ...candidate.cudaLibraries], libraries);
        assert.equal(candidate.place.cuda, '13.0');
      }));
  }

  it('need a glibc at least as new as their package says', () =>
    withTempFolder(async (folder) => {
      mkdirSync(path.join(folder, 'lib'), { recursive: true });
      writeFileSync(path.join(folder, 'contents.json'), JSON.stringify({ glibc: '2.34', files: {} }));
      const attempts: Attempt[] = [];
      const root = path.join(folder, 'nothing-built');
      const here = machine({ glibc: '2.31', root, packageFolder: () => folder });
      assert.deepEqual([...candidates(here, attempts)], []);
      assert.match(attempts.map(({ why }) => why).join('\n'), /needs glibc 2\.34 or later; this system has 2\.31/);
    }));
});

it('compares versions number by number', () => {
  assert.equal(atLeast('2.36', '2.4'), true);
  assert.equal(atLeast('2.36', '2.36'), true);
  assert.equal(atLeast('2.36', '2.36.1'), false);
  assert.equal(atLeast('2.4', '2.36'), false);
  assert.equal(atLeast('3', '2.36'), true);
});

it("knows the driver of NVIDIA by the system's name", () => {
  assert.equal(driverLibrary({ platform: 'linux' }), 'libcuda.so.1');
  assert.equal(driverLibrary({ platform: 'win32' }), 'nvcuda.dll');
});
