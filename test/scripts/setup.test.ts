import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { libtorchFiles, runScript, withFolder, writeFiles, writeProject, type Ended } from './support';

interface Project {
  root: string;
  folder: string;
  env: NodeJS.ProcessEnv;
  setup: (extra?: NodeJS.ProcessEnv) => Ended;
  lines: (log: string) => string[];
}

const withProject = (work: (project: Project) => void | Promise<void>) =>
  withFolder((folder) => {
    const { root, env } = writeProject(folder);
    const lines = (log: string) =>
      existsSync(join(root, log)) ? readFileSync(join(root, log), 'utf8').trim().split('\n') : [];
    return work({ root, folder, env, setup: (extra) => runScript(root, 'setup.mjs', { ...env, ...extra }), lines });
  });

const text = (...path: string[]) => readFileSync(join(...path), 'utf8');

describe('scripts/setup', function () {
  before(function () {
    // The stand-ins for compilers are shell-free, but the check for a real one is not.
    if (process.platform === 'win32') this.skip();
  });

  it('does every step in order on standard error alone, and nothing at all the second time', () =>
    withProject(({ root, setup, lines }) => {
      const first = setup();
      assert.equal(first.code, 0, first.stderr);
      assert.equal(first.stdout, '');
      const order = [
        'npm packages: node_modules is missing',
        'libtorch: 2.13.0+cpu (CPU) from LIBTORCH',
        'native build: ',
        'TypeScript: ',
      ];
      assert.deepEqual(
        order.map((words) => first.stderr.indexOf(words)).toSorted((a, b) => a - b),
        order.map((words) => first.stderr.indexOf(words)),
      );
      assert.ok(!order.some((words) => !first.stderr.includes(words)), first.stderr);
      assert.match(first.stderr, /added 3 packages in \d+\.\d s/);
      assert.equal(text(root, 'build/Release/continual_torch.node'), 'one');
      assert.equal(text(root, 'dist/index.js'), 'one');

      assert.deepEqual(setup(), { code: 0, stdout: '', stderr: '' });
      assert.equal(lines('npm.log').length, 1);
      assert.equal(lines('cmake.log').length, 1);
    }));

  it('installs development packages too, whatever the surrounding npm was told, and runs no install scripts', () =>
    withProject(({ setup, lines }) => {
      setup({ NODE_ENV: 'production', npm_config_omit: 'dev', npm_config_json: 'true' });
      const { arguments: given, omit } = JSON.parse(lines('npm.log')[0] ?? '') as {
        arguments: string[];
        omit: string | null;
      };
      assert.deepEqual(given.slice(0, 3), ['ci', '--include=dev', '--ignore-scripts']);
      assert.equal(omit, null);
    }));

  it('installs again after an interruption or a change of the lock file, but not after a complete npm ci by hand', () =>
    withProject(({ root, setup, lines }) => {
      setup();
      rmSync(join(root, 'node_modules/.continual-torch-setup.json'));
      assert.equal(setup().stderr, '');
      rmSync(join(root, 'node_modules/.package-lock.json'));
      assert.match(setup().stderr, /was not installed to its end/);
      const lock = JSON.parse(text(root, 'package-lock.json')) as { packages: Record<string, unknown> };
      lock.packages['node_modules/zod'] = { version: '4.0.0' };
      writeFileSync(join(root, 'package-lock.json'), JSON.stringify(lock));
      assert.match(setup().stderr, /package-lock\.json has changed/);
      assert.equal(lines('npm.log').length, 3);
    }));

  it('shows npm in its own words where it fails, and tries again the next time', () =>
    withProject(({ root, setup }) => {
      writeFileSync(join(root, 'npm-fails'), '');
      const failed = setup();
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /npm ci failed, in its own words:\nnpm error in its own words/);
      assert.doesNotMatch(failed.stderr, /\n\s+at /);
      rmSync(join(root, 'npm-fails'));
      assert.equal(setup().code, 0);
    }));

  it('builds only what changed: a source file, lib, or nothing where a file was only touched', () =>
    withProject(({ root, setup, lines }) => {
      setup();
      writeFileSync(join(root, 'native/core/mas.cpp'), 'two');
      const native = setup().stderr;
      assert.match(native, /native build: its sources have changed/);
      assert.doesNotMatch(native, /TypeScript|npm packages|afresh/);
      assert.equal(text(root, 'build/Release/continual_torch.node'), 'two');
      writeFileSync(join(root, 'lib/index.ts'), 'two');
      const typescript = setup().stderr;
      assert.match(typescript, /TypeScript: lib has changed/);
      assert.doesNotMatch(typescript, /native build/);
      writeFileSync(join(root, 'lib/index.ts'), 'two');
      assert.equal(setup().stderr, '');
      assert.equal(lines('cmake.log').length, 2);
    }));

  it('deletes the build of another libtorch before it builds for a new one', () =>
    withProject(({ root, folder, setup }) => {
      setup();
      assert.ok(existsSync(join(root, 'build/cmake/object.o')));
      writeFiles(join(folder, 'other'), libtorchFiles('2.12.0+cu130', { cuda: '13.0' }));
      writeFileSync(join(root, 'cmake-fails'), '');
      const { stderr } = setup({ LIBTORCH: join(folder, 'other') });
      assert.match(stderr, /built for another libtorch; compiling for libtorch 2\.12\.0\+cu130 \(CUDA 13\.0\)/);
      assert.match(stderr, /starts afresh/);
      assert.equal(existsSync(join(root, 'build/cmake/object.o')), false);
    }));

  it('leaves what is loaded in place until the next build has come to its end, its manifest last', () =>
    withProject(({ root, folder, setup }) => {
      setup();
      const manifest = () => JSON.parse(text(root, 'build/Release/manifest.json')) as { libtorch: { version: string } };
      assert.equal(manifest().libtorch.version, '2.13.0+cpu');
      writeFiles(join(folder, 'other'), libtorchFiles('2.12.0+cpu'));
      writeFileSync(join(root, 'native/core/mas.cpp'), 'two');
      const env = { LIBTORCH: join(folder, 'other') };
      for (const fails of ['cmake-fails', 'cmake-makes-nothing']) {
        writeFileSync(join(root, fails), '');
        assert.equal(setup(env).code, 1);
        rmSync(join(root, fails));
        assert.equal(text(root, 'build/Release/continual_torch.node'), 'one');
        assert.equal(manifest().libtorch.version, '2.13.0+cpu');
      }
      assert.equal(setup(env).code, 0);
      assert.equal(text(root, 'build/Release/continual_torch.node'), 'two');
      assert.equal(manifest().libtorch.version, '2.12.0+cpu');
      assert.equal(setup(env).stderr, '');
    }));

  it('deletes what a killed build left, and says so', () =>
    withProject(({ root, setup }) => {
      setup();
      writeFiles(root, { 'build/.building': '{}', 'build/cmake/half-written.o': '' });
      assert.match(setup().stderr, /did not come to its end[\s\S]*the last build was killed, so it starts afresh/);
      assert.equal(existsSync(join(root, 'build/cmake/half-written.o')), false);
      assert.equal(existsSync(join(root, 'build/.building')), false);
      assert.equal(setup().stderr, '');
    }));

  it('builds again where a product was deleted', () =>
    withProject(({ root, setup }) => {
      setup();
      rmSync(join(root, 'build/Release/continual_torch.node'));
      rmSync(join(root, 'dist/index.js'));
      assert.match(setup().stderr, /files of it are missing[\s\S]*files of dist are missing/);
      assert.equal(setup().stderr, '');
    }));

  it("shows the compiler's complete output where it fails, and keeps the objects that it made", () =>
    withProject(({ root, setup }) => {
      setup();
      writeFileSync(join(root, 'native/core/mas.cpp'), 'two');
      writeFileSync(join(root, 'cmake-fails'), '');
      const { code, stderr } = setup();
      assert.equal(code, 1);
      assert.match(stderr, /the native build failed:\n\[ 50%\] Building.*\nerror: in its own words/);
      assert.doesNotMatch(stderr, /\n\s+at /);
      assert.equal(existsSync(join(root, 'build/.building')), false);
      rmSync(join(root, 'cmake-fails'));
      assert.doesNotMatch(setup().stderr, /afresh/);
      assert.ok(existsSync(join(root, 'build/cmake/object.o')));
    }));

  it('leaves dist as it was where tsc fails', () =>
    withProject(({ root, setup }) => {
      setup();
      writeFileSync(join(root, 'lib/index.ts'), 'two');
      writeFileSync(join(root, 'tsc-fails'), '');
      const { code, stderr } = setup();
      assert.equal(code, 1);
      assert.match(stderr, /tsc failed:\nlib\/index\.ts\(1,1\): error in its own words/);
      assert.equal(text(root, 'dist/index.js'), 'one');
      assert.deepEqual(
        readdirSync(root).filter((name) => name.startsWith('.dist')),
        [],
      );
    }));

  it('ends its children and itself with status 130 on Ctrl-C, in one line, and goes on the next time', () =>
    withProject(async ({ root, env, setup }) => {
      writeFileSync(join(root, 'cmake-hangs'), '');
      const child = spawn(process.execPath, [join(root, 'scripts/setup.mjs')], {
        cwd: root,
        env,
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (part: string) => {
        stderr += part;
      });
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
      const watcher = watch(root, () => {
        if (existsSync(join(root, 'cmake-is-hanging'))) child.kill('SIGINT');
      });
      assert.equal(await ended, 130);
      watcher.close();
      assert.match(stderr, /interrupted; run the same command again to go on\n$/);
      assert.doesNotMatch(stderr, /\n\s+at /);
      assert.deepEqual(readdirSync(join(root, '.cache')), [], 'the lock is given back');
      rmSync(join(root, 'cmake-hangs'));
      assert.equal(setup().code, 0);
    }));

  it('refuses a LIBTORCH that cannot be used before it does anything else', () =>
    withProject(({ root, folder, setup }) => {
      const { code, stderr } = setup({ LIBTORCH: join(folder, 'nowhere') });
      assert.equal(code, 1);
      assert.match(stderr, /^setup: failed: LIBTORCH names .*nowhere/);
      assert.equal(existsSync(join(root, 'node_modules')), false);
    }));

  it('names missing tools before it does anything else, without a stack', () =>
    withProject(({ root, folder, setup }) => {
      mkdirSync(join(folder, 'empty'));
      const { code, stdout, stderr } = setup({ PATH: join(folder, 'empty') });
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /^setup: failed: tools are missing or too old:\n {2}CMake/);
      assert.doesNotMatch(stderr, /\n\s+at /);
      assert.equal(existsSync(join(root, 'node_modules')), false);
    }));

  it('as build-native.mjs sees to libtorch and the addon alone', () =>
    withProject(({ root, env, setup, lines }) => {
      setup();
      writeFileSync(join(root, 'native/core/mas.cpp'), 'two');
      appendFileSync(join(root, 'lib/index.ts'), 'two');
      const { code, stdout, stderr } = runScript(root, 'build-native.mjs', env);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, '');
      assert.equal(lines('cmake.log').length, 2);
      assert.equal(text(root, 'dist/index.js'), 'one');
    }));

  it('is what a build with sanitizers asks for where something is missing, and a LIBTORCH that does not do is refused there too', () =>
    withProject(({ root, folder, env, setup }) => {
      const sanitized = (extra: NodeJS.ProcessEnv) => {
        const { code, stderr } = runScript(root, 'test-native.mjs', { ...env, ...extra }, ['--sanitize']);
        assert.equal(code, 1);
        return stderr;
      };
      mkdirSync(join(folder, 'empty'));
      const nothing = { PATH: join(folder, 'empty'), LIBTORCH: '' };
      assert.equal(sanitized(nothing), "npm's packages are not installed: run npm run setup\n");
      assert.equal(setup().code, 0);
      assert.equal(sanitized(nothing), 'there is no libtorch to build against: run npm run setup\n');
      assert.match(sanitized({ LIBTORCH: join(folder, 'empty') }), /^LIBTORCH names .*empty, which cannot be used/);
    }));
});

describe('scripts/doctor', () => {
  it('works before anything is installed and changes nothing', () =>
    withProject(({ root, folder, env }) => {
      const before = readdirSync(root);
      const { code, stdout, stderr } = runScript(root, 'doctor.mjs', env);
      assert.equal(stderr, '');
      for (const words of [
        process.versions.node,
        'CMake',
        'C++20 compiler',
        'accepted: 2.9 to 2.15',
        `2.13.0+cpu (CPU)  ${join(folder, 'libtorch')}  used`,
        'npm packages',
        'to be done: node_modules is missing',
        'to be done: it is not built yet',
      ]) {
        assert.ok(stdout.includes(words), `"${words}" is missing in: ${stdout}`);
      }
      assert.equal(code, 0);
      assert.match(stdout, /can be fetched: `npm run setup` does the rest\.\n$/);
      assert.deepEqual(readdirSync(root), before);
    }));

  it('tells for which libtorch the addon is built', () =>
    withProject(({ root, folder, env, setup }) => {
      setup();
      assert.match(
        runScript(root, 'doctor.mjs', env).stdout,
        /native addon +up to date, built for 2\.13\.0\+cpu \(CPU\) in [\s\S]*All is there\.\n$/,
      );
      writeFiles(join(folder, 'old'), libtorchFiles('2.8.0'));
      const old = runScript(root, 'doctor.mjs', { ...env, LIBTORCH: join(folder, 'old') });
      assert.match(old.stdout, /x LIBTORCH +\S*old is version 2\.8\.0; accepted[\s\S]*LIBTORCH names \S*old, which cannot be used: is version 2\.8\.0/);
      assert.equal(old.code, 1);
    }));

  it('fails, and says what to do, only where something needed can neither be found nor fetched', () =>
    withProject(({ root, folder, env }) => {
      mkdirSync(join(folder, 'empty'));
      const { code, stdout, stderr } = runScript(root, 'doctor.mjs', {
        ...env,
        PATH: join(folder, 'empty'),
        LIBTORCH: '',
      });
      assert.equal(stderr, '');
      assert.equal(code, 1);
      assert.match(stdout, /Missing: CMake, C\+\+20 compiler, ninja or make\..*\n$/);
    }));
});
