import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { before, describe, it } from 'mocha';
import { ignoreProxies } from '../libtorch/fetch/fetching';
import { hasBytes } from '../libtorch/fetch/wheel-index';
import {
  cleanEnvironment,
  fakeLibrary,
  libraryName,
  libtorchFiles,
  loadScript,
  prefixed,
  scriptsFolder,
  withFolder,
  writeFiles,
  writeWheel,
} from './support';

interface FetchOptions {
  root: string;
  env: NodeJS.ProcessEnv;
  pythons?: (string | null)[];
  silentMs?: number;
  waitsMs?: number[];
  statfs?: () => { bavail: number; bsize: number };
  onWait?: () => void;
}
type Fetch = (cache: string, options: FetchOptions) => Promise<string>;

interface Index {
  url: string;
  /** The ranges that were asked for, of pages and wheels. */
  asked: (string | undefined)[];
}

interface IndexOptions {
  /** Whether the page gives the wheels' checksums. Default true. */
  tellsSha256?: boolean;
  /** Takes over the reply for a wheel by returning true. */
  answer?: (reply: ServerResponse, index: Index) => boolean;
}

/** A package index on this machine. */
async function withIndex<T>(
  wheels: string[],
  work: (index: Index) => Promise<T>,
  { tellsSha256 = true, answer }: IndexOptions = {},
): Promise<T> {
  const index: Index = { url: '', asked: [] };
  const server = createServer((request, reply) => {
    index.asked.push(request.headers.range);
    const name = decodeURIComponent(basename(request.url ?? ''));
    if (request.url === '/torch/') {
      reply.setHeader('content-type', 'text/html');
      const hash = (wheel: string) => (tellsSha256 ? `#sha256=${createHash('sha256').update(readFileSync(wheel)).digest('hex')}` : '');
      const link = (wheel: string) => `<a href="/files/${encodeURIComponent(basename(wheel))}${hash(wheel)}">${basename(wheel)}</a>`;
      reply.end(wheels.map(link).join('\n'));
      return;
    }
    const wheel = wheels.find((each) => basename(each) === name);
    if (wheel === undefined) reply.writeHead(404).end();
    else if (!answer?.(reply, index)) sendRest(reply, readFileSync(wheel), request.headers.range);
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

function sendRest(reply: ServerResponse, bytes: Buffer, range: string | undefined): void {
  const begin = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  if (begin > 0) reply.writeHead(206, { 'content-range': `bytes ${begin}-${bytes.length - 1}/${bytes.length}`, etag: '"one"' });
  else reply.writeHead(200, { 'content-length': bytes.length, etag: '"one"' });
  reply.end(bytes.subarray(begin));
}

/** The address of an index that nobody serves any more. */
const deadUrl = () => withIndex([], (index) => Promise.resolve(index.url));

describe('scripts/setup/fetch-libtorch', () => {
  ignoreProxies();
  let fetchLibtorch: Fetch;
  before(async () => {
    ({ fetchLibtorch } = await loadScript<{ fetchLibtorch: Fetch }>('fetch-libtorch.mjs'));
  });

  const root = join(scriptsFolder, '..');
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
        // No Python is needed.
        const env = { ...environment(url, url), PATH: '' };
        assert.equal(await fetchLibtorch(cache, { root, env, statfs: room }), join(cache, 'libtorch-2.13.0-cpu', 'torch'));
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

  it('goes on where the connection broke off, in the same set-up and in the next', () =>
    withFolder((folder) => {
      const wheel = cpuWheel(folder);
      const { length } = readFileSync(wheel);
      const cache = join(folder, 'cache');
      const part = join(cache, 'libtorch-2.13.0-cpu.partial', `${basename(wheel)}.part`);
      let breaks = true;
      const answer = (reply: ServerResponse, { asked }: Index) => {
        if (reply.req.method === 'HEAD' || !breaks) return false;
        const begin = Number(/\d+/.exec(asked.at(-1) ?? '')?.[0] ?? 0);
        // The first brings a thousand bytes, those after it nothing.
        const range = { 'content-range': `bytes ${begin}-${length - 1}/${length}` };
        reply.writeHead(begin > 0 ? 206 : 200, { 'content-length': length - begin, etag: '"one"', ...(begin > 0 ? range : {}) });
        if (begin === 0) reply.write(readFileSync(wheel).subarray(0, 1000));
        else reply.flushHeaders();
        const drop = () => ((statSync(part, { throwIfNoEntry: false })?.size ?? 0) < 1000 ? void setTimeout(drop, 5) : reply.destroy());
        drop();
        return true;
      };
      return withIndex(
        [wheel],
        async (index) => {
          const options = { root, env: { ...environment(index.url, index.url), PATH: '' }, statfs: room, waitsMs: [0, 0] };
          await assert.rejects(fetchLibtorch(cache, options), /did not send all.*\(tried 3 times\)[\s\S]*there is no python3? with pip/);
          assert.equal(statSync(part).size, 1000);
          breaks = false;
          await fetchLibtorch(cache, options);
          assert.equal(index.asked.at(-1), 'bytes=1000-');
          assert.deepEqual(readdirSync(cache), ['libtorch-2.13.0-cpu']);
        },
        { answer },
      );
    }));

  it('ends at once where the set-up is interrupted, and keeps what has arrived', function () {
    if (process.platform === 'win32') this.skip();
    return withFolder((folder) => {
      const wheel = cpuWheel(folder);
      const cache = join(folder, 'cache');
      const part = join(cache, 'libtorch-2.13.0-cpu.partial', `${basename(wheel)}.part`);
      const program = `
        const [, cache, root] = process.argv;
        const load = (name) => import(root + '/scripts/setup/' + name + '.mjs');
        Promise.all([load('run'), load('fetch-libtorch')]).then(async ([{ installSignalHandlers }, { fetchLibtorch }]) => {
          installSignalHandlers();
          await fetchLibtorch(cache, { root, statfs: () => ({ bavail: 1e9, bsize: 4096 }) }).catch(({ message }) => console.log(message));
        });`;
      return withIndex(
        [wheel],
        async ({ url }) => {
          const child = spawn(process.execPath, ['-e', program, cache, root], { env: environment(url, url), stdio: ['ignore', 'pipe', 'inherit'] });
          let stdout = '';
          child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
          const ended = new Promise((resolve) => child.once('close', resolve));
          await Promise.race([hasBytes(part, 1000), ended]);
          child.kill('SIGINT');
          await ended;
          assert.equal(stdout, 'interrupted by SIGINT\n');
          assert.equal(statSync(part).size, 1000);
          assert.deepEqual(readdirSync(cache), ['libtorch-2.13.0-cpu.partial'], 'the lock is given back');
        },
        {
          answer: (reply) => {
            if (reply.req.method === 'HEAD') return false;
            reply.writeHead(200, { 'content-length': readFileSync(wheel).length, etag: '"one"' });
            reply.write(readFileSync(wheel).subarray(0, 1000));
            return true;
          },
        },
      );
    });
  });

  it('fails over from an index that cannot be reached, or gives no checksums, to the one that pip is set to', () =>
    withFolder(async (folder) => {
      const copy = join(folder, 'cache');
      const hasArrived = (torch: string) => assert.ok(existsSync(join(torch, 'lib', libraryName('torch_cpu'))));
      const dead = await deadUrl();
      await withIndex(
        [cpuWheel(folder)],
        async ({ url }) => {
          hasArrived(await fetchLibtorch(copy, { root, env: environment(dead, url), statfs: room }));
          hasArrived(await fetchLibtorch(join(folder, 'other'), { root, env: environment(url, url), statfs: room }));
          const withoutPip = { ...environment(url, dead), PATH: '' };
          const neither = fetchLibtorch(join(folder, 'neither'), { root, env: withoutPip, statfs: room });
          await assert.rejects(neither, /the index gives no SHA-256 for torch-2\.13\.0/);
        },
        { tellsSha256: false },
      );
      assert.deepEqual(readdirSync(copy), ['libtorch-2.13.0-cpu']);
    }));

  it('gives up an index of pip that accepts the connection and then says nothing', () =>
    withFolder(async (folder) => {
      const dead = await deadUrl();
      await withIndex(
        [cpuWheel(folder)],
        async ({ url }) => {
          const fetching = fetchLibtorch(join(folder, 'cache'), { root, env: environment(dead, url), statfs: room, silentMs: 3_000 });
          await assert.rejects(fetching, /nothing arrived/);
        },
        { answer: () => true /* The reply never comes. */ },
      );
    }));

  it('names every index it asked, what each answered, and every way out where none can be reached', () =>
    withFolder(async (folder) => {
      const [own, users] = [await deadUrl(), await deadUrl()];
      const withPassword = own.replace('http://', 'http://me:secret@');
      await assert.rejects(
        fetchLibtorch(join(folder, 'cache'), { root, env: environment(withPassword, users), statfs: room }),
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
          assert.doesNotMatch(error.message, /secret/);
          return true;
        },
      );
      assert.deepEqual(readdirSync(join(folder, 'cache')), []);
    }));

  it('takes the wheel of another Python where the one on PATH has none', () =>
    withFolder((folder) =>
      withIndex([cpuWheel(folder, 'cp310-none-any')], async ({ url }) => {
        for (const own of [url, await deadUrl()]) {
          const cache = join(folder, `cache-${own === url ? 'own' : 'pip'}`);
          const torch = await fetchLibtorch(cache, { root, env: environment(own, url), statfs: room, pythons: [null, '3.10'] });
          assert.ok(existsSync(join(torch, 'version.py')));
        }
      }),
    ));

  it('refuses a CUDA build that goes by the plain name, and leaves nothing of it', () =>
    withFolder((folder) => {
      const wheel = join(folder, 'torch-2.13.0-py3-none-any.whl');
      writeWheel(wheel, '2.13.0', prefixed('torch/', libtorchFiles('2.13.0+cu130', { cuda: '13.0' })));
      return withIndex([wheel], async ({ url }) => {
        const fetching = fetchLibtorch(join(folder, 'cache'), { root, env: environment(url, url), statfs: room });
        await assert.rejects(fetching, /(CUDA build, which cannot load without the libraries of NVIDIA[\s\S]*){2}Ways out/);
        assert.deepEqual(readdirSync(join(folder, 'cache')), []);
      });
    }));

  it('stops the download of a wheel that is too large to be a CPU build', () =>
    withFolder((folder) =>
      withIndex(
        [cpuWheel(folder)],
        async ({ url }) => {
          const fetching = fetchLibtorch(join(folder, 'cache'), { root, env: environment(url, url), statfs: room });
          await assert.rejects(fetching, /(the wheel there is a CUDA build \(873\.\d MB\)[\s\S]*){2}/);
        },
        {
          answer: (reply) => {
            reply.writeHead(200, { 'content-length': 873_400_000 });
            reply.flushHeaders();
            if (reply.req.method === 'HEAD') reply.end();
            return true;
          },
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
        const fetching = fetchLibtorch(join(folder, 'cache'), { root, env: environment(url, url), statfs: room });
        await assert.rejects(fetching, /(cannot unpack .*version\.py is damaged[\s\S]*){2}/);
        assert.deepEqual(readdirSync(join(folder, 'cache')), []);
      });
    }));

  it('replaces a torn copy, and removes what a killed set-up left aside', function () {
    if (process.platform !== 'linux') this.skip();
    return withFolder((folder) =>
      withIndex([cpuWheel(folder)], async ({ url }) => {
        const cache = join(folder, 'cache');
        const library = `libtorch-2.13.0-cpu/torch/lib/${libraryName('torch_cpu')}`;
        writeFiles(cache, { [library]: 'torn', 'libtorch-2.13.0-cpu.partial/scratch/unpacked/torch/version.py': '' });
        await fetchLibtorch(cache, { root, env: environment(url, url), statfs: room });
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
        await fetchLibtorch(cache, { root, env: environment(index.url, index.url), statfs: room });
        assert.deepEqual(index.asked, []);
      }),
    ));

  it('says how much room is needed before it downloads anything', () =>
    withFolder((folder) =>
      withIndex([cpuWheel(folder)], async (index) => {
        const fetching = fetchLibtorch(join(folder, 'cache'), {
          root,
          env: environment(index.url, index.url),
          statfs: () => ({ bavail: 1000, bsize: 1_000_000 }),
        });
        await assert.rejects(fetching, /1\.5 GB are needed, 1\.0 GB are free[\s\S]*Free some space/);
        assert.deepEqual(index.asked, []);
      }),
    ));

  it('asks for no room where another set-up fetches the copy, and is waited for', () =>
    withFolder(async (folder) => {
      const cache = join(folder, 'cache');
      const lock = join(cache, 'libtorch-2.13.0-cpu.lock');
      mkdirSync(lock, { recursive: true });
      const dead = await deadUrl();
      const onWait = () => {
        writeFiles(join(cache, 'libtorch-2.13.0-cpu/torch'), libtorchFiles('2.13.0+cpu'));
        rmSync(lock, { recursive: true });
      };
      const full = () => ({ bavail: 0, bsize: 4096 });
      assert.ok(existsSync(await fetchLibtorch(cache, { root, env: environment(dead, dead), statfs: full, onWait })));
    }));

  it('names the folder of the cache, and how to choose another, where its disk becomes full', () =>
    withFolder(async (folder) => {
      const dead = await deadUrl();
      const statfs = () => {
        throw Object.assign(new Error('no space left'), { code: 'ENOSPC', syscall: 'write' });
      };
      const cache = join(folder, 'cache');
      await assert.rejects(fetchLibtorch(cache, { root, env: environment(dead, dead), statfs }), (error: Error) => {
        assert.equal(error.name, 'SetupError');
        assert.ok(error.message.includes(`more room in ${cache}`));
        assert.match(error.message, /XDG_CACHE_HOME/);
        return true;
      });
    }));
});
