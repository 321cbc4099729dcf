import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { folderName } from '../libtorch/fetch/fetching';
import { breakingOff, cudaBuild, hasBytes, partOf, type WheelIndex, withWheelIndex } from '../libtorch/fetch/wheel-index';
import { withFolder } from '../scripts/support';
import { runMain, startMain } from './run-main';

describe('fetch-libtorch, the command', function () {
  if (process.platform !== 'linux') return; // The libraries of the tests are Linux's.

  const args = (index: WheelIndex) => ['fetch-libtorch', '--cuda', 'cu126', '--index', index.url.href];

  it('prints the line that makes continual-torch use the build, and prints it again where the build is there', () =>
    withFolder((folder) =>
      withWheelIndex(cudaBuild(), async (index) => {
        const env = { XDG_CACHE_HOME: join(folder, "it's here") };
        const root = join(folder, "it'\\''s here", 'continual-torch', folderName, 'torch');
        const first = await runMain(['fetch-libtorch', '--cuda', 'cu126'], { ...env, CONTINUAL_TORCH_INDEX: index.url.href });
        assert.deepEqual([first.code, first.stdout], [0, `export LIBTORCH='${root}'\n`], first.stderr);
        assert.match(first.stderr, /licences/);
        const again = await runMain(args(index), env);
        assert.deepEqual([again.code, again.stdout], [0, first.stdout]);
        assert.match(again.stderr, /there already/);
      }),
    ));

  it('ends with 1 and one message where the build cannot be fetched', () =>
    withFolder(async (folder) => {
      const index = await withWheelIndex([], async (each) => each);
      const { code, stdout, stderr } = await runMain(args(index), { XDG_CACHE_HOME: folder });
      assert.deepEqual([code, stdout], [1, '']);
      assert.match(stderr, /^fetch-libtorch: cannot reach .*\nBehind a proxy set HTTPS_PROXY; --index takes/m);
      assert.doesNotMatch(stderr, /\n\s+at /);
    }));

  for (const [wrong, message] of [
    [['--cuda', '12.6'], /expected --cuda to be cu126, cu128 or cu130, got "12\.6"/],
    [['--cuda', '../x'], /expected --cuda/],
    [['--cuda', 'cu126', '--index', 'ftp://x'], /expected the index to be an http or https address/],
    [['--cuda', 'cu126', '--mirror', 'x'], /Unknown option '--mirror'/],
    [[], /Usage: npx continual-torch fetch-libtorch --cuda VARIANT/],
  ] as const) {
    it(`ends with 2 for ${JSON.stringify(wrong)}`, async () => {
      const { code, stdout, stderr } = await runMain(['fetch-libtorch', ...wrong]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /);
    });
  }

  it('keeps what has arrived when it is interrupted, and goes on with it', () =>
    withFolder(async (folder) => {
      const cache = join(folder, 'continual-torch');
      await withWheelIndex(
        cudaBuild(),
        async (index) => {
          const [torch] = index.wheels;
          const { child, ended } = startMain(args(index), { XDG_CACHE_HOME: folder });
          await Promise.race([hasBytes(partOf(cache, torch!), 100_000), ended]);
          child.kill('SIGINT');
          const { code, stderr } = await ended;
          assert.equal(code, 130, stderr);
          assert.match(stderr, /Interrupted\. What has arrived is kept/);
          assert.equal(statSync(partOf(cache, torch!)).size, 100_000);
          assert.deepEqual(readdirSync(cache), [`${folderName}.partial`]);
          const second = await runMain(args(index), { XDG_CACHE_HOME: folder });
          assert.equal(second.code, 0, second.stderr);
          const last = index.downloads('torch').at(-1)!;
          assert.deepEqual([last.range, last.bytes], ['bytes=100000-', torch!.bytes.length - 100_000]);
        },
        { answer: breakingOff(cache, 100_000, 1, 'silent') },
      );
    }));

  it('fetches once where two processes begin at the same time', () =>
    withFolder((folder) =>
      withWheelIndex(cudaBuild(), async (index) => {
        const both = await Promise.all([1, 2].map(() => runMain(args(index), { XDG_CACHE_HOME: folder })));
        assert.deepEqual(
          both.map(({ code }) => code),
          [0, 0],
          both.map(({ stderr }) => stderr).join('\n'),
        );
        assert.equal(both[0]!.stdout, both[1]!.stdout);
        const paths = index.downloads().map(({ path }) => path);
        assert.deepEqual(paths, [...new Set(paths)]);
        assert.deepEqual(readdirSync(join(folder, 'continual-torch')), [folderName]);
      }),
    ));
});
