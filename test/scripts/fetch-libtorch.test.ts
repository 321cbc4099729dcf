import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { before, describe, it } from 'mocha';
import {
  cleanEnvironment,
  fakeLibrary,
  libraryName,
  libtorchFiles,
  loadScript,
  prefixed,
  withFolder,
  writeFiles,
  writeWheel,
} from './support';

interface FetchOptions {
  env: NodeJS.ProcessEnv;
  pythons?: (string | null)[];
  statfs?: () => { bavail: number; bsize: number };
}
type Fetch = (cache: string, options: FetchOptions) => Promise<string>;

interface Index {
  url: string;
  asked: number;
}

/** A package index on this machine. `answer` may take over the reply for a wheel. */
async function withIndex<T>(
  wheels: string[],
  work: (index: Index) => Promise<T>,
  answer?: (reply: ServerResponse) => void,
): Promise<T> {
  const index: Index = { url: '', asked: 0 };
  const server = createServer((request, reply) => {
    index.asked += 1;
    const name = decodeURIComponent(basename(request.url ?? ''));
    if (request.url === '/torch/') {
      reply.setHeader('content-type', 'text/html');
      reply.end(
        wheels
          .map((wheel) => `<a href="/files/${encodeURIComponent(basename(wheel))}">${basename(wheel)}</a>`)
          .join('\n'),
      );
      return;
    }
    const wheel = wheels.find((each) => basename(each) === name);
    if (wheel !== undefined && answer) answer(reply);
    else if (wheel !== undefined) reply.end(readFileSync(wheel));
    else reply.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  index.url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  try {
    return await work(index);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The address of an index that nobody serves any more. */
const deadUrl = () => withIndex([], (index) => Promise.resolve(index.url));

describe('scripts/setup/fetch-libtorch', () => {
  // Each case runs pip, which takes a second or two to start on a busy machine.
  let fetchLibtorch: Fetch;
  let downloadWheel: (options: object) => Promise<{ wheel: string | null; why?: string }>;
  before(async () => {
    ({ fetchLibtorch } = await loadScript<{ fetchLibtorch: Fetch }>('fetch-libtorch.mjs'));
    ({ downloadWheel } = await loadScript<{ downloadWheel: typeof downloadWheel }>('pip-download.mjs'));
  });

  const room = () => ({ bavail: 1e9, bsize: 4096 });
  const wheelFiles = {
    ...prefixed('torch/', libtorchFiles('2.13.0+cpu')),
    [`torch/lib/${libraryName('torch_python')}`]: fakeLibrary(),
    'torch/lib/libgomp-a34b3233.so.1.0.0': fakeLibrary(),
    'torch.libs/libquadmath-96973f99.so.0': fakeLibrary(),
    'torch/share/cmake/Torch/TorchConfig.cmake': '',
    'torch/nn/functional.py': '',
  };
  function cpuWheel(folder: string, tag = 'py3-none-any'): string {
    const wheel = join(folder, `torch-2.13.0+cpu-${tag}.whl`);
    writeWheel(wheel, '2.13.0+cpu', wheelFiles);
    return wheel;
  }
  const environment = (own: string, users: string) =>
    cleanEnvironment({ CONTINUAL_TORCH_INDEX: own, PIP_INDEX_URL: users });

  it('downloads the CPU wheel and keeps its libraries, headers, CMake files, version, checksums and licence, nothing else', () =>
    withFolder((folder) =>
      withIndex([cpuWheel(folder)], async ({ url }) => {
        const cache = join(folder, 'cache');
        const root = await fetchLibtorch(cache, { env: environment(url, url), statfs: room });
        assert.equal(root, join(cache, 'libtorch-2.13.0-cpu', 'torch'));
        const kept = readdirSync(join(cache, 'libtorch-2.13.0-cpu'), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(join(cache, 'libtorch-2.13.0-cpu').length + 1))
          .sort();
        const expected = Object.keys(wheelFiles)
          .filter((name) => !name.includes('torch_python') && !name.includes('functional'))
          .concat('torch-2.13.0+cpu.dist-info/licenses/LICENSE', 'torch-2.13.0+cpu.dist-info/RECORD')
          .map((name) => join(name));
        assert.deepEqual(kept, expected.sort());
        assert.deepEqual(readdirSync(cache), ['libtorch-2.13.0-cpu'], 'nothing is left beside the copy');
      }),
    ));

  it('fails over from an index that cannot be reached to the one that pip is set to', () =>
    withFolder(async (folder) => {
      const dead = await deadUrl();
      await withIndex([cpuWheel(folder)], async ({ url }) => {
        const root = await fetchLibtorch(join(folder, 'cache'), { env: environment(dead, url), statfs: room });
        assert.ok(existsSync(join(root, 'lib', libraryName('torch_cpu'))));
      });
    }));

  it('gives up an index that accepts the connection and then says nothing', () =>
    withFolder((folder) =>
      withIndex(
        [cpuWheel(folder)],
        async ({ url }) => {
          const { wheel, why } = await downloadWheel({
            index: { name: 'silent', url },
            folder: join(folder, 'aside'),
            env: environment(url, url),
            silentMs: 3_000,
          });
          assert.equal(wheel, null);
          assert.match(why ?? '', /nothing arrived/);
        },
        () => {
          // The reply never comes.
        },
      ),
    ));

  it('names every index it asked, what each answered, and every way out where none can be reached', () =>
    withFolder(async (folder) => {
      const [own, users] = [await deadUrl(), await deadUrl()];
      await assert.rejects(
        fetchLibtorch(join(folder, 'cache'), { env: environment(own, users), statfs: room }),
        (error: Error) => {
          assert.equal(error.name, 'SetupError');
          for (const words of [
            `${own}: `,
            "user's pip is set to: ",
            'CONTINUAL_TORCH_INDEX',
            'LIBTORCH',
            'pip install torch==2.13.0',
          ]) {
            assert.ok(error.message.includes(words), `"${words}" is missing in: ${error.message}`);
          }
          return true;
        },
      );
      assert.deepEqual(readdirSync(join(folder, 'cache')), []);
    }));

  it('takes the wheel of another Python where the one on PATH has none', () =>
    withFolder((folder) =>
      withIndex([cpuWheel(folder, 'cp310-none-any')], async ({ url }) => {
        const root = await fetchLibtorch(join(folder, 'cache'), {
          env: environment(url, url),
          statfs: room,
          pythons: [null, '3.10'],
        });
        assert.ok(existsSync(join(root, 'version.py')));
      }),
    ));

  it('refuses a CUDA build that goes by the plain name, and leaves nothing of it', () =>
    withFolder((folder) => {
      const wheel = join(folder, 'torch-2.13.0-py3-none-any.whl');
      writeWheel(wheel, '2.13.0', prefixed('torch/', libtorchFiles('2.13.0+cu130', { cuda: '13.0' })));
      return withIndex([wheel], async ({ url }) => {
        const fetching = fetchLibtorch(join(folder, 'cache'), { env: environment(url, url), statfs: room });
        await assert.rejects(fetching, /CUDA build, which cannot load without the libraries of NVIDIA[\s\S]*Ways out/);
        assert.deepEqual(readdirSync(join(folder, 'cache')), []);
      });
    }));

  it('stops the download of a wheel that is too large to be a CPU build', () =>
    withFolder((folder) =>
      withIndex(
        [cpuWheel(folder)],
        async ({ url }) => {
          const fetching = fetchLibtorch(join(folder, 'cache'), { env: environment(url, url), statfs: room });
          await assert.rejects(fetching, /the wheel there is a CUDA build \(873\.\d MB\)/);
        },
        (reply) => {
          reply.writeHead(200, { 'content-length': 873_400_000 });
          reply.flushHeaders();
        },
      ),
    ));

  it('refuses a wheel that is damaged', () =>
    withFolder((folder) => {
      const wheel = cpuWheel(folder);
      const bytes = readFileSync(wheel);
      bytes[bytes.indexOf('__version__')] = 0;
      writeFiles(folder, { [basename(wheel)]: bytes });
      return withIndex([wheel], async ({ url }) => {
        const fetching = fetchLibtorch(join(folder, 'cache'), { env: environment(url, url), statfs: room });
        await assert.rejects(fetching, /could not be unpacked: .*version\.py/);
        assert.deepEqual(readdirSync(join(folder, 'cache')), []);
      });
    }));

  it('replaces a torn copy, and removes what a killed set-up left aside', function () {
    if (process.platform !== 'linux') this.skip();
    return withFolder((folder) =>
      withIndex([cpuWheel(folder)], async ({ url }) => {
        const cache = join(folder, 'cache');
        const library = `libtorch-2.13.0-cpu/torch/lib/${libraryName('torch_cpu')}`;
        writeFiles(cache, { [library]: 'torn', '.fetch-1/unpacked/torch/version.py': '' });
        await fetchLibtorch(cache, { env: environment(url, url), statfs: room });
        assert.deepEqual(readFileSync(join(cache, library)), fakeLibrary());
        assert.deepEqual(readdirSync(cache), ['libtorch-2.13.0-cpu']);
      }),
    );
  });

  it('asks no index where another set-up has fetched the copy in the meantime', () =>
    withFolder((folder) =>
      withIndex([cpuWheel(folder)], async (index) => {
        const cache = join(folder, 'cache');
        writeFiles(join(cache, 'libtorch-2.13.0-cpu/torch'), libtorchFiles('2.13.0+cpu'));
        await fetchLibtorch(cache, { env: environment(index.url, index.url), statfs: room });
        assert.equal(index.asked, 0);
      }),
    ));

  it('says how much room is needed before it downloads anything', () =>
    withFolder((folder) =>
      withIndex([cpuWheel(folder)], async (index) => {
        const fetching = fetchLibtorch(join(folder, 'cache'), {
          env: environment(index.url, index.url),
          statfs: () => ({ bavail: 1000, bsize: 1_000_000 }),
        });
        await assert.rejects(fetching, /needs 1\.5 GB.*1\.0 GB are free/);
        assert.equal(index.asked, 0);
      }),
    ));
});
