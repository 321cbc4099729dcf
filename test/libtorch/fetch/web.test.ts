import assert from 'node:assert/strict';
import { createServer, request as httpRequest } from 'node:http';
import { type AddressInfo, createServer as createSocketServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { fetchBuild } from '../../../lib/libtorch/fetch/build';
import { Web } from '../../../lib/libtorch/fetch/web';
import { withFolder } from '../../scripts/support';
import { cudaBuild, withWheelIndex } from './wheel-index';
import { fetchFrom, folderName, ignoreProxies, linux, rejectsWith } from './fetching';

async function withEnvironment<T>(variables: Record<string, string>, use: () => Promise<T>): Promise<T> {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  Object.assign(process.env, variables);
  try {
    return await use();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe('requests', function () {
  if (process.platform !== 'linux') return; // The libraries of the tests are Linux's.
  ignoreProxies();

  it('sends the user name and password of a mirror to its host alone', () =>
    withFolder((cache) =>
      withWheelIndex(cudaBuild(), async (files) => {
        const authorizations = new Set<string | undefined>();
        await withWheelIndex(
          [],
          async (index) => {
            const url = new URL(index.url);
            url.username = 'me';
            url.password = 'p%40ss';
            await fetchBuild('cu126', { index: url, cache, platform: linux });
            assert.deepEqual([...authorizations], [`Basic ${Buffer.from('me:p@ss').toString('base64')}`]);
            assert.deepEqual(new Set(files.answered.map(({ authorization }) => authorization)), new Set([undefined]));
            index.url.username = 'me';
            index.url.password = 'secret';
            index.url.pathname = '/whl/none';
            await assert.rejects(fetchBuild('cu126', { index: index.url, cache: join(cache, '..', 'none'), platform: linux }), (error: Error) => {
              assert.doesNotMatch(error.message, /secret/);
              return true;
            });
          },
          {
            answer: (request, reply) => {
              authorizations.add(request.headers.authorization);
              const project = /^\/whl\/cu126\/([^/]+)\/$/.exec(request.url!)?.[1];
              if (project === undefined) reply.writeHead(404).end();
              else reply.writeHead(302, { location: `${files.url.href}/${project}/` }).end();
              return true;
            },
          },
        );
      }),
    ));

  it('goes through the proxy of the environment, and past it for what NO_PROXY names', () =>
    withFolder((cache) =>
      withWheelIndex(cudaBuild(), async (index) => {
        const asked: string[] = [];
        const proxy = createServer((request, reply) => {
          const url = new URL(request.url!);
          asked.push(url.host);
          const headers = { ...request.headers, host: index.url.host };
          httpRequest({ port: index.url.port, path: url.pathname, method: request.method, headers }, (answer) => {
            reply.writeHead(answer.statusCode!, answer.headers);
            answer.pipe(reply);
          }).end();
        });
        proxy.on('connect', (request, socket) => {
          asked.push(`CONNECT ${request.url}`);
          socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
        });
        await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
        const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
        try {
          await withEnvironment({ HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: '127.0.0.1' }, async () => {
            // Nobody but the proxy knows this name.
            const named = new URL('http://wheels.invalid/whl/cu126');
            await fetchBuild('cu126', { index: named, cache, platform: linux });
            assert.deepEqual(new Set(asked), new Set(['wheels.invalid']));
            asked.length = 0;
            await fetchFrom(index, join(cache, folderName));
            assert.deepEqual(asked, []);
            const secure = new URL('https://wheels.invalid/whl/cu126');
            const other = fetchBuild('cu128', { index: secure, cache, platform: linux });
            await rejectsWith(other, /cannot reach wheels\.invalid through the proxy 127\.0\.0\.1:\d+: .*502/);
            // Once more, since a proxy's 502 may pass.
            assert.deepEqual(asked, ['CONNECT wheels.invalid:443', 'CONNECT wheels.invalid:443']);
          });
        } finally {
          proxy.closeAllConnections();
          proxy.close();
        }
      }),
    ));

  it('gives up a proxy that falls silent', async () => {
    const sockets: Socket[] = [];
    const proxy = createSocketServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    try {
      await withEnvironment({ HTTP_PROXY: address, HTTPS_PROXY: address, NO_PROXY: '' }, async () => {
        for (const scheme of ['http', 'https']) {
          const url = new URL(`${scheme}://wheels.invalid/whl/cu126/`);
          const web = new Web(url, { silentMs: 100 });
          await rejectsWith(web.request(url), /cannot reach wheels\.invalid through the proxy 127\.0\.0\.1:\d+: it went silent/);
          await web.close();
        }
      });
      assert.equal(sockets.length, 2);
    } finally {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    }
  });
});
