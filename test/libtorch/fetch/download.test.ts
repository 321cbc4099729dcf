import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { withFolder, writeFiles } from '../../scripts/support';
import { breakingOff, cudaBuild, partOf, sha256, withWheelIndex } from './wheel-index';
import { fetchFrom, folderName, ignoreProxies, rejectsWith } from './fetching';

describe('a download', function () {
  if (process.platform !== 'linux') return; // The libraries of the tests are Linux's.
  ignoreProxies();

  it('goes on after a dropped connection with the bytes that are missing', () =>
    withFolder((cache) =>
      withWheelIndex(
        cudaBuild(),
        async (index) => {
          const root = await fetchFrom(index, cache);
          const [torch] = index.wheels;
          const etag = `"${sha256(torch!.bytes).slice(0, 16)}"`;
          assert.deepEqual(
            index.downloads('torch').map(({ range, ifRange }) => [range, ifRange]),
            [
              [undefined, undefined],
              ['bytes=100000-', etag],
              ['bytes=200000-', etag],
            ],
          );
          assert.equal(index.downloads('torch').at(-1)!.bytes, torch!.bytes.length - 200_000);
          assert.equal(statSync(join(root, 'lib', 'libtorch_nvshmem.so')).size, 300_000);
        },
        { answer: breakingOff(cache, 100_000, 2) },
      ),
    ));

  it('gives up after several failures in a row, keeps what has arrived, and goes on with it the next time', () =>
    withFolder((cache) => {
      const breakOff = breakingOff(cache, 100_000, 1);
      let down = true;
      return withWheelIndex(
        cudaBuild(),
        async (index) => {
          await rejectsWith(fetchFrom(index, cache), /answers 503 \(tried 3 times\)/, /kept/);
          assert.equal(statSync(partOf(cache, index.wheels[0]!)).size, 100_000);
          down = false;
          await fetchFrom(index, cache);
          const last = index.downloads('torch').at(-1)!;
          assert.deepEqual([last.range, last.bytes], ['bytes=100000-', index.wheels[0]!.bytes.length - 100_000]);
          assert.deepEqual(readdirSync(cache), [folderName]);
        },
        {
          answer: (request, reply, file) => {
            if (breakOff(request, reply, file)) return true;
            if (!down || request.method !== 'GET' || file === undefined) return false;
            reply.writeHead(503).end();
            return true;
          },
        },
      );
    }));

  it('takes a server that falls silent for a dropped connection', () =>
    withFolder((cache) =>
      withWheelIndex(
        cudaBuild(),
        async (index) => {
          await fetchFrom(index, cache, { silentMs: 2000, waitsMs: [0, 0, 0, 0, 0] });
          assert.ok(index.downloads('torch').some(({ range }) => range === 'bytes=100000-'));
        },
        { answer: breakingOff(cache, 100_000, 1, 'silent') },
      ),
    ));

  it('begins anew where a server does not know ranges', () =>
    withFolder((cache) =>
      withWheelIndex(
        cudaBuild(),
        async (index) => {
          const root = await fetchFrom(index, cache);
          const { range, bytes } = index.downloads('torch').at(-1)!;
          assert.deepEqual([range, bytes], ['bytes=100000-', index.wheels[0]!.bytes.length]);
          assert.equal(statSync(join(root, 'lib', 'libtorch_nvshmem.so')).size, 300_000);
        },
        { ranges: false, answer: breakingOff(cache, 100_000, 1) },
      ),
    ));

  it('gives up a server without ranges that breaks off now here, now there', () =>
    withFolder((cache) => {
      const places = [50_000, 80_000];
      let tries = 0;
      return withWheelIndex(
        cudaBuild(),
        async (index) => {
          await rejectsWith(fetchFrom(index, cache), /did not send all.*\(tried 3 times\)/);
          assert.equal(tries, 4);
        },
        {
          answer: (request, reply, file) => {
            if (request.method !== 'GET' || !file?.name.startsWith('torch-')) return false;
            const bytes = places[tries++ % 2]!;
            reply.writeHead(200, { 'content-length': file.bytes.length });
            reply.write(file.bytes.subarray(0, bytes));
            // What an earlier try has left is longer, until it is written anew.
            const drop = () => (statSync(partOf(cache, file), { throwIfNoEntry: false })?.size === bytes ? reply.destroy() : void setTimeout(drop, 5));
            drop();
            return true;
          },
        },
      );
    }));

  it('begins anew where the file has become another since', () =>
    withFolder((cache) =>
      withWheelIndex(
        cudaBuild(),
        async (index) => {
          await assert.rejects(fetchFrom(index, cache, { waitsMs: [] }));
          index.wheels = cudaBuild('cu126', { 'torch/lib/libtorch_nvshmem.so': Buffer.alloc(250_000, 'y') });
          const root = await fetchFrom(index, cache);
          const { range, bytes } = index.downloads('torch').at(-1)!;
          assert.deepEqual([range, bytes], ['bytes=100000-', index.wheels[0]!.bytes.length]);
          assert.equal(readFileSync(join(root, 'lib', 'libtorch_nvshmem.so'), 'latin1'), 'y'.repeat(250_000));
        },
        { answer: breakingOff(cache, 100_000, 1) },
      ),
    ));

  it('sees that a part is the whole file', () =>
    withFolder((cache) =>
      withWheelIndex(cudaBuild(), async (index) => {
        writeFiles(cache, { 'libtorch-2.13.0-cu126.partial/.keep': '' });
        const [torch] = index.wheels;
        writeFiles(join(partOf(cache, torch!), '..'), { [`${torch!.name}.part`]: torch!.bytes });
        await fetchFrom(index, cache);
        assert.deepEqual(
          index.downloads('torch').map(({ bytes }) => bytes),
          [0],
        );
      }),
    ));

  it('deletes a file that is not what the index promises, and says so', () =>
    withFolder((cache) => {
      const [honest] = cudaBuild();
      let damaged = true;
      return withWheelIndex(
        cudaBuild(),
        async (index) => {
          await rejectsWith(fetchFrom(index, cache), new RegExp(sha256(honest!.bytes)), /torch-2\.13\.0.*deleted/);
          assert.equal(existsSync(partOf(cache, honest!)), false);
          assert.equal(existsSync(join(cache, folderName)), false);
          damaged = false;
          await fetchFrom(index, cache);
        },
        {
          answer: (request, reply, file) => {
            if (!damaged || file?.name !== honest!.name || request.method !== 'GET') return false;
            const bytes = Buffer.from(file.bytes);
            bytes[1000]! ^= 1;
            reply.end(bytes);
            return true;
          },
        },
      );
    }));
});
