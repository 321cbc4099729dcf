import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { before, describe, it } from 'mocha';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadScript, withFolder, writeFiles } from './support';

interface Native {
  prepareBuildFolder: (options: { root: string; environment: object }) => Promise<string | null>;
  buildProgress: (text: string) => string | null;
  buildJobs: (env: NodeJS.ProcessEnv) => number;
}

describe('scripts/setup/native', () => {
  let native: Native;
  let describeOwner: (pid?: number) => object;
  before(async () => {
    native = await loadScript<Native>('native.mjs');
    ({ describeOwner } = await loadScript<{ describeOwner: typeof describeOwner }>('lock.mjs'));
  });

  it('keeps the objects of the same environment, and deletes those of another', () =>
    withFolder(async (root) => {
      const object = join(root, 'build/cmake/mas.o');
      const prepare = async (libtorch: string) => {
        const why = await native.prepareBuildFolder({ root, environment: { libtorch } });
        // An orderly end of the build takes the marker away.
        rmSync(join(root, 'build/.building'));
        return why;
      };
      assert.equal(await prepare('one'), null);
      writeFiles(root, { 'build/cmake/mas.o': '' });
      assert.equal(await prepare('one'), null);
      assert.ok(existsSync(object));
      assert.match((await prepare('two')) ?? '', /of no use/);
      assert.equal(existsSync(object), false);
    }));

  it('ends a build that outlived its killed set-up before it deletes that build', function () {
    if (process.platform === 'win32') this.skip();
    return withFolder(async (root) => {
      const orphan = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
        detached: true,
        stdio: 'ignore',
      });
      const ended = new Promise<NodeJS.Signals | null>((resolve) =>
        orphan.once('exit', (_, signal) => {
          resolve(signal);
        }),
      );
      writeFiles(root, {
        'build/.building': JSON.stringify({ build: describeOwner(orphan.pid) }),
        'build/cmake/mas.o': '',
      });
      assert.match((await native.prepareBuildFolder({ root, environment: {} })) ?? '', /was killed/);
      assert.equal(await ended, 'SIGTERM');
      assert.equal(existsSync(join(root, 'build/cmake/mas.o')), false);
    });
  });

  it('reads progress from make and from ninja', () => {
    assert.equal(
      native.buildProgress('[  7%] Building CXX object CMakeFiles/x.dir/native/core/mas.cpp.o\n'),
      '7% Building mas.cpp.o',
    );
    assert.equal(
      native.buildProgress('noise\n[1/9] a\n[2/9] Linking CXX shared module Release/x.node\n'),
      '2/9 Linking CXX shared module Release/x.node',
    );
    assert.equal(native.buildProgress('-- Configuring done\n'), null);
  });

  it('runs as many jobs as CMAKE_BUILD_PARALLEL_LEVEL says, else at least one', () => {
    assert.equal(native.buildJobs({ CMAKE_BUILD_PARALLEL_LEVEL: '3' }), 3);
    assert.ok(native.buildJobs({}) >= 1);
  });
});
