import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { fetchBuild } from '../../../lib/libtorch/fetch/build';
import { describeFileError } from '../../../lib/libtorch/fetch/failure';
import { cpuPlatformOf, platformOf } from '../../../lib/libtorch/fetch/platform';
import { planWheels } from '../../../lib/libtorch/fetch/plan';
import { Web } from '../../../lib/libtorch/fetch/web';
import { withFolder, writeFiles } from '../../scripts/support';
import { zipFile } from '../../support/zip-file';
import { fetchFrom, folderName, ignoreProxies, linux, rejectsWith } from './fetching';
import { cudaBuild, metadataOf, wheel, withWheelIndex } from './wheel-index';

/** The files below a folder, with forward slashes. */
const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1).replaceAll('\\', '/'))
    .sort();

describe('the build that is fetched', function () {
  if (process.platform !== 'linux') return; // The libraries of the tests are Linux's.
  ignoreProxies();

  it('lays what PyTorch and the libraries it is linked with need to run as they lie in site-packages', () =>
    withFolder((cache) =>
      withWheelIndex(cudaBuild(), async (index) => {
        const root = await fetchFrom(index, cache);
        assert.equal(root, join(cache, folderName, 'torch'));
        assert.deepEqual(readdirSync(cache), [folderName]);
        assert.deepEqual(filesIn(join(cache, folderName)), [
          'nvidia/cublas/lib/libcublas.so.12',
          'nvidia/cudnn/lib/libcudnn.so.9',
          'nvidia/nvjitlink/lib/libnvJitLink.so.12',
          'nvidia_cublas-12.6.4.1.dist-info/licenses/LICENSE',
          'nvidia_cudnn_cu12-9.20.0.48.dist-info/licenses/LICENSE',
          'nvidia_nvjitlink-12.9.86.dist-info/licenses/LICENSE',
          'torch-2.13.0+cu126.dist-info/RECORD',
          'torch-2.13.0+cu126.dist-info/licenses/LICENSE',
          'torch/lib/libc10.so',
          'torch/lib/libgomp-0a1b.so.1',
          'torch/lib/libtorch.so',
          'torch/lib/libtorch_cpu.so',
          'torch/lib/libtorch_cuda.so',
          'torch/lib/libtorch_nvshmem.so',
          'torch/version.py',
        ]);
        assert.equal(readFileSync(join(root, 'lib', 'libtorch_nvshmem.so'), 'latin1'), 'x'.repeat(300_000));
        assert.equal(
          readFileSync(join(cache, folderName, 'nvidia/nvjitlink/lib/libnvJitLink.so.12'), 'latin1'),
          '12.9.86', // The newest of the range that the toolkit gives.
        );
      }),
    ));

  it('asks for nothing where the build is there and whole, and fetches anew where it is damaged', () =>
    withFolder((cache) =>
      withWheelIndex(cudaBuild(), async (index) => {
        const root = await fetchFrom(index, cache);
        const { length } = index.answered;
        assert.equal(await fetchFrom(index, cache), root);
        assert.equal(index.answered.length, length);
        writeFiles(root, { 'lib/libc10.so': 'cut' });
        await fetchFrom(index, cache);
        assert.equal(statSync(join(root, 'lib', 'libc10.so')).size, 128);
      }),
    ));

  it('waits for another process until it is interrupted, and for nothing but that process', () =>
    withFolder(async (cache) => {
      const lock = join(cache, `${folderName}.lock`);
      const options = { index: new URL('http://127.0.0.1:1'), platform: linux };
      mkdirSync(lock);
      const interruption = new AbortController();
      const waiting = fetchBuild('cu126', { ...options, cache, onWait: () => interruption.abort(), signal: interruption.signal });
      await assert.rejects(waiting, { name: 'AbortError' });
      assert.deepEqual(readdirSync(cache), [`${folderName}.lock`], 'the lock is left to its owner');
      const folder = join(cache, 'folder');
      mkdirSync(join(folder, `${folderName}.lock`), { recursive: true });
      const gone = fetchBuild('cu126', { ...options, cache: folder, onWait: () => rmSync(folder, { recursive: true }) });
      await assert.rejects(gone, { code: 'ENOENT' });
    }));

  it('uses the metadata that an index offers apart from the wheel, and the wheel where the index has the page alone', () =>
    withFolder(async (cache) => {
      const firstWheels = async (metadata: true | 'page') =>
        withWheelIndex(
          cudaBuild(),
          async (index) => {
            await fetchFrom(index, join(cache, String(metadata)));
            return index.answered.findIndex(({ path }) => path.includes('/files/torch') && path.endsWith('.whl')) >
              index.answered.findIndex(({ path }) => path.includes('/nvidia-cudnn-cu12/'));
          },
          { metadata },
        );
      for (const name of ['true', 'page']) writeFiles(cache, { [`${name}/.keep`]: '' });
      assert.deepEqual([await firstWheels(true), await firstWheels('page')], [true, false]);
    }));

  it('refuses a wheel of which the index gives no SHA-256', () =>
    withFolder((cache) =>
      withWheelIndex(
        cudaBuild(),
        async (index) => {
          await rejectsWith(fetchFrom(index, cache), /no SHA-256 for torch-2\.13\.0\+cu126/);
          assert.deepEqual(index.downloads(), []);
        },
        { sha256: false },
      ),
    ));

  it('names what the index has where it lacks the version, a library, or the variant', () =>
    withFolder((cache) =>
      withWheelIndex(cudaBuild('cu128'), async (index) => {
        await rejectsWith(fetchFrom(index, cache), /has no torch 2\.13\.0\+cu126 for Linux/, /It has 2\.13\.0\+cu128\./);
        index.wheels = cudaBuild().filter(({ name }) => !name.startsWith('nvidia_nvjitlink-12'));
        await rejectsWith(fetchFrom(index, cache), /no nvidia-nvjitlink <13,>=12\.6\.85/, /It has 13\.0\.88/);
        index.wheels = [];
        await rejectsWith(fetchFrom(index, cache), /\/whl\/cu126\/torch\/ answers 404/, /folder that holds the folder torch/);
        assert.deepEqual(readdirSync(join(cache)).filter((name) => name.endsWith('.lock')), []);
      }),
    ));

  it('names the variants of the folder above where an index has no such variant', () =>
    withFolder((cache) =>
      withWheelIndex(
        [],
        (index) => rejectsWith(fetchFrom(index, cache), /answers 403/, /Of torch 2\.13\.0 for Linux \S+ there are cu128, cu130\.$/),
        {
          answer: (request, reply) => {
            const names = ['cu130', 'cu128'].flatMap((cuda) =>
              cudaBuild(cuda).slice(0, 1).concat(wheel('torch', `2.12.0+${cuda}`, {}), wheel('torch', '2.13.0+xpu', {})),
            );
            if (request.url === '/whl/torch/') reply.end(names.map(({ name }) => `<a href="${name}">x</a>`).join(''));
            else reply.writeHead(403).end();
            return true;
          },
        },
      ),
    ));

  it('asks once more for a page that did not arrive, and goes without a size that did not', () =>
    withFolder((cache) => {
      const asked = new Map<string, number>();
      return withWheelIndex(
        cudaBuild(),
        async (index) => {
          assert.equal(await fetchFrom(index, cache, { statfs: () => ({ bavail: 1e9, bsize: 4096 }) }), join(cache, folderName, 'torch'));
          assert.deepEqual([...asked.values()], [2, 2, 2]);
          mkdirSync(join(cache, 'other'));
          await rejectsWith(fetchFrom({ ...index, url: new URL('/down', index.url) }, join(cache, 'other')), /down\/torch\/ answers 503$/);
          assert.equal(index.answered.filter(({ path }) => path.startsWith('/down')).length, 2);
        },
        {
          answer: (request, reply) => {
            if (request.method === 'HEAD') request.socket.destroy();
            else if (request.url!.startsWith('/down')) reply.writeHead(503).end();
            else {
              const failures: Record<string, () => unknown> = {
                '/whl/cu126/torch/': () => request.socket.destroy(),
                '/whl/cu126/cuda-toolkit/': () => reply.writeHead(503).end(),
                '/whl/cu126/nvidia-cublas/': () => {
                  reply.writeHead(200, { 'content-length': 1000 });
                  reply.write('<a', () => reply.destroy());
                },
              };
              const fail = failures[request.url!];
              if (fail === undefined) return false;
              const times = (asked.get(request.url!) ?? 0) + 1;
              asked.set(request.url!, times);
              if (times > 1) return false;
              fail();
            }
            return true;
          },
        },
      );
    }));

  it('says which host cannot be reached and why, and leaves nothing behind', () =>
    withFolder(async (cache) => {
      const url = await withWheelIndex([], async (index) => index.url);
      const promise = fetchBuild('cu126', { index: url, cache, platform: linux });
      await rejectsWith(promise, new RegExp(`cannot reach ${url.host}: it refuses the connection`));
      assert.deepEqual(readdirSync(cache), []);
    }));

  it('refuses an archive in which a name leads out of it', () =>
    withFolder((folder) => {
      const evil = { name: `torch/lib/../../../../../escaped.so`, data: Buffer.from('x') };
      const metadata = { name: 'torch-2.13.0+cu126.dist-info/METADATA', data: Buffer.from('Name: torch\n\n') };
      const [torch] = cudaBuild();
      const cache = join(folder, 'a', 'cache');
      writeFiles(cache, { '.keep': '' });
      return withWheelIndex([{ name: torch!.name, bytes: zipFile([metadata, evil]) }], async (index) => {
        await rejectsWith(fetchFrom(index, cache), /cannot unpack torch-2\.13\.0.*invalid relative path/);
        assert.deepEqual(filesIn(folder).filter((name) => name.includes('escaped')), []);
        assert.equal(existsSync(join(cache, folderName)), false);
      });
    }));

  it('refuses a wheel without the libraries of PyTorch', () =>
    withFolder((cache) =>
      withWheelIndex([wheel('torch', '2.13.0+cu126', { 'torch/version.py': '' })], (index) =>
        rejectsWith(fetchFrom(index, cache), /no PyTorch that can be used: it has no libraries/),
      ),
    ));

  it('asks for room before anything is fetched: what is missing, and what it becomes when it is unpacked', () =>
    withFolder((cache) => {
      let announced: { 'content-length': number } | undefined = { 'content-length': 5e8 };
      return withWheelIndex(
        cudaBuild(),
        async (index) => {
          const statfs = () => ({ bavail: 1e6, bsize: 4096 });
          // Four wheels of 0.5 GB, and 1.8 times as much for what is in them.
          await rejectsWith(fetchFrom(index, cache, { statfs }), /too little room in .*: 5\.6 GB are needed, 4\.1 GB are free/);
          assert.deepEqual(index.downloads(), []);
          announced = undefined;
          await rejectsWith(fetchFrom(index, cache, { statfs }), /9\.0 GB are needed/);
        },
        {
          metadata: true,
          answer: (request, reply) => {
            if (request.method !== 'HEAD') return false;
            reply.writeHead(200, announced).end();
            return true;
          },
        },
      );
    }));

  it('tells in one line what keeps a file from being written', () =>
    withFolder(async (folder) => {
      writeFiles(folder, { file: '' });
      const error: unknown = await fetchBuild('cu126', {
        index: new URL('http://127.0.0.1:1'),
        cache: join(folder, 'file'),
        platform: linux,
      }).catch((reason: unknown) => reason);
      assert.match(describeFileError(error, folder), /^cannot write .*file.*ENOTDIR/);
      const system = (code: string) => Object.assign(new Error('in its own words'), { code, syscall: 'write' });
      assert.match(describeFileError(system('ENOSPC'), folder), /^the disk of .* is full\. What has arrived is kept/);
      assert.match(describeFileError(system('EACCES'), folder), /^not allowed to write .* \(EACCES\)/);
      assert.throws(() => describeFileError(new Error('a defect'), folder), /a defect/);
    }));

  it('is on the CPU one wheel, under the name of the CPU or, as on macOS, the plain one', () =>
    withWheelIndex([], async (index) => {
      const named = (version: string, tag: string) => ({ name: `torch-${version}-cp312-cp312-${tag}.whl`, bytes: Buffer.from(version) });
      const tags = ['manylinux_2_28_aarch64', 'manylinux_2_28_x86_64', 'win_amd64'];
      index.wheels = [
        named('2.13.0', 'macosx_11_0_arm64'),
        named('2.12.0', 'macosx_11_0_arm64'),
        ...tags.flatMap((tag) => [named('2.13.0', tag), named('2.13.0+cpu', tag), named('2.13.0+cu126', tag)]),
      ];
      const web = new Web(index.url);
      const chosen = async (platform: NodeJS.Platform, arch: string) => {
        const noMetadata = () => assert.fail('a CPU build requires no other wheel');
        const wheels = await planWheels(web, index.url, 'cpu', cpuPlatformOf(platform, arch), noMetadata);
        return wheels.map(({ file }) => file.replace(/^torch-|-cp312-cp312|\.whl$/g, ''));
      };
      assert.deepEqual(await chosen('linux', 'x64'), ['2.13.0+cpu-manylinux_2_28_x86_64']);
      assert.deepEqual(await chosen('linux', 'arm64'), ['2.13.0+cpu-manylinux_2_28_aarch64']);
      assert.deepEqual(await chosen('win32', 'x64'), ['2.13.0+cpu-win_amd64']);
      assert.deepEqual(await chosen('darwin', 'arm64'), ['2.13.0-macosx_11_0_arm64']);
      await web.close();
      assert.throws(() => cpuPlatformOf('darwin', 'x64'), /no build for darwin x64/);
    }));

  it('chooses the wheels of each platform', () =>
    withWheelIndex(cudaBuild(), async (index) => {
      const others = cudaBuild().filter(({ name }) => !name.startsWith('cuda_toolkit'));
      index.wheels = [
        ...cudaBuild(),
        ...['manylinux_2_28_aarch64', 'manylinux_2_28_x86_64', 'win_amd64'].flatMap((tag) =>
          others.map((each) => ({ ...each, name: each.name.replace(/-[^-]+\.whl$/, `-${tag}.whl`) })),
        ),
      ];
      const web = new Web(index.url);
      const chosen = async (platform: NodeJS.Platform, arch: string) => {
        const metadata = async (file: { file: string }) =>
          metadataOf(index.wheels.find(({ name }) => name === file.file)!).toString();
        const wheels = await planWheels(web, index.url, 'cu126', platformOf(platform, arch), metadata);
        return wheels.map(({ file }) => `${file.split('-')[0]} ${/_([^_]+|x86_64)\.whl$/.exec(file)![1]}`).sort();
      };
      const onLinux = (machine: string) =>
        ['nvidia_cublas', 'nvidia_cudnn_cu12', 'nvidia_nvjitlink', 'torch'].map((name) => `${name} ${machine}`);
      assert.deepEqual(await chosen('linux', 'arm64'), onLinux('aarch64'));
      assert.deepEqual(await chosen('linux', 'x64'), onLinux('x86_64'));
      assert.deepEqual(await chosen('win32', 'x64'), ['nvidia_cublas amd64', 'torch amd64']);
      await web.close();
      assert.throws(() => platformOf('darwin', 'arm64'), /CUDA does not exist on macOS/);
      assert.throws(() => platformOf('win32', 'arm64'), /no CUDA build for win32 arm64/);
    }));
});
