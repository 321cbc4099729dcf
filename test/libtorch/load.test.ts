import assert from 'node:assert/strict';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { libraryName } from '../../lib/libtorch/libtorch-folder';
import {
  addonPackageName,
  type Installation,
  installMain,
  libtorchMinor,
  libtorchPackageName,
  realLibtorch,
  reported,
  type Run,
  withInstallation,
} from '../support/installation';

const platform = `${process.platform}-${process.arch}`;

const addonFile = ({ modules }: Installation, name = `libtorch-${libtorchMinor}.node`) =>
  path.join(modules, addonPackageName, 'prebuilds', platform, name);

/** A libtorch whose libraries are links to the real ones. */
function writeLibtorch(folder: string, { version = '2.13.0' }: { version?: string } = {}): string {
  mkdirSync(path.join(folder, 'lib'), { recursive: true });
  for (const name of readdirSync(path.join(realLibtorch, 'lib'))) {
    symlinkSync(path.join(realLibtorch, 'lib', name), path.join(folder, 'lib', name));
  }
  writeFileSync(path.join(folder, 'build-version'), version);
  return folder;
}

/** A virtual environment whose Python says where its PyTorch is, and the PATH that makes it active. */
function writeEnvironment(folder: string, { hasTorch = true } = {}): { torch: string; PATH: string } {
  const environment = path.join(folder, 'venv');
  const torch = path.join(environment, 'lib', 'python3.11', 'site-packages', 'torch');
  mkdirSync(path.join(environment, 'bin'), { recursive: true });
  writeFileSync(path.join(environment, 'bin', 'python3'), `#!/bin/sh\necho '${hasTorch ? torch : ''}'\n`, { mode: 0o755 });
  return { torch, PATH: `${path.join(environment, 'bin')}${path.delimiter}${process.env['PATH']}` };
}

const library = (folder: string, name: string) => path.join(folder, 'lib', libraryName(name));

/** Puts a real, writable copy of c10 in place of the link. */
function ownLibrary(folder: string): string {
  const file = library(folder, 'c10');
  rmSync(file);
  cpSync(path.join(realLibtorch, 'lib', libraryName('c10')), file);
  return file;
}

/** One readable error, and not a line of native code run. */
function refused(installation: Installation, pattern: RegExp, env: NodeJS.ProcessEnv = {}, uid?: number): string {
  const { code, message, loaded } = reported(installation, { env, uid });
  assert.equal(code, 'ERR_ADDON');
  assert.match(message!, pattern);
  assert.deepEqual(loaded, []);
  return message!;
}

describe('the loader', () => {
  it('takes the platform packages without being told anything', () =>
    withInstallation((installation) => {
      const { source, root } = reported(installation);
      assert.equal(source, libtorchPackageName);
      assert.equal(root, path.join(installation.modules, libtorchPackageName));
    }));

  it('takes LIBTORCH before them: a libtorch folder, or the site-packages folder around a torch', () =>
    withInstallation((installation) => {
      const own = writeLibtorch(path.join(installation.folder, 'site-packages', 'torch'));
      assert.equal(reported(installation, { env: { LIBTORCH: own } }).root, own);
      assert.equal(reported(installation, { env: { LIBTORCH: path.dirname(own) } }).root, own);
    }));

  it('takes the PyTorch of the Python on PATH where it is asked for and there is no package', function () {
    if (process.platform === 'win32') this.skip();
    return withInstallation(
      (installation) => {
        const { torch, PATH } = writeEnvironment(installation.folder);
        writeLibtorch(torch);
        const asked = { PATH, CONTINUAL_TORCH_USE_PYTORCH: '1' };
        assert.equal(reported(installation, { env: asked }).root, torch);
        refused(installation, /CONTINUAL_TORCH_USE_PYTORCH: is not set to 1/, { PATH });
        refused(installation, /is 1, but there is no python3 on PATH/, { ...asked, PATH: '' });
        writeEnvironment(installation.folder, { hasTorch: false });
        refused(installation, /python3 on PATH has no torch \(pip install torch\)/, asked);
      },
      { libtorch: false },
    );
  });

  it('takes the copy in the cache where there is no package', () =>
    withInstallation(
      (installation) => {
        const copy = path.join(installation.cache, 'continual-torch', 'libtorch-2.13.0-cpu', 'torch');
        writeLibtorch(copy);
        assert.equal(reported(installation).root, copy);
      },
      { libtorch: false },
    ));

  it('says so where the package comes before a PyTorch that was asked for', function () {
    if (process.platform === 'win32') this.skip();
    return withInstallation((installation) => {
      const { torch, PATH } = writeEnvironment(installation.folder);
      writeLibtorch(torch);
      const { stderr } = installation.run("require('continual-torch')", { env: { PATH, CONTINUAL_TORCH_USE_PYTORCH: '1' } });
      assert.match(stderr, new RegExp(`comes before CONTINUAL_TORCH_USE_PYTORCH.*LIBTORCH=${torch}`));
    });
  });

  it('says why where a PyTorch that was asked for does not do and another is taken', function () {
    if (process.platform === 'win32') this.skip();
    return withInstallation(
      (installation) => {
        writeLibtorch(path.join(installation.cache, 'continual-torch', 'libtorch-2.13.0-cpu', 'torch'));
        const { torch, PATH } = writeEnvironment(installation.folder);
        writeLibtorch(torch, { version: '2.8.0' });
        const warned = () => installation.run("require('continual-torch')", { env: { PATH, CONTINUAL_TORCH_USE_PYTORCH: '1' } }).stderr;
        assert.match(warned(), /uses libtorch 2\.13\.0 of the copy.*CONTINUAL_TORCH_USE_PYTORCH was passed over: .* is version 2\.8\.0/);
        assert.doesNotMatch(warned(), /comes before|set LIBTORCH/);
        writeEnvironment(installation.folder, { hasTorch: false });
        assert.match(warned(), /was passed over: is 1, but python3 on PATH has no torch/);
      },
      { libtorch: false },
    );
  });

  for (const [what, version] of [
    ['an older', '2.8.0'],
    ['a newer', '2.16.0+cu130'],
  ] as const) {
    it(`refuses ${what} libtorch than those it is written for`, () =>
      withInstallation((installation) => {
        const own = writeLibtorch(path.join(installation.folder, 'own'), { version });
        const message = refused(installation, /accepted: 2\.9 to 2\.15/, { LIBTORCH: own });
        assert.ok(message.includes(version));
        assert.match(message, /unset LIBTORCH/);
      }));
  }

  it('refuses a libtorch for which there is no addon, and says which there are', () =>
    withInstallation((installation) => {
      const own = writeLibtorch(path.join(installation.folder, 'own'), { version: '2.9.1' });
      refused(installation, new RegExp(`no addon for libtorch 2\\.9\\.1.* is built for ${libtorchMinor}`), { LIBTORCH: own });
    }));

  it('refuses a LIBTORCH that is a file, is not there, or tells no version', () =>
    withInstallation((installation) => {
      const file = path.join(installation.folder, 'file');
      writeFileSync(file, '');
      refused(installation, /is a file, not a folder/, { LIBTORCH: file });
      refused(installation, /does not exist/, { LIBTORCH: path.join(installation.folder, 'nowhere') });
      const own = writeLibtorch(path.join(installation.folder, 'own'));
      rmSync(path.join(own, 'build-version'));
      refused(installation, /does not tell its version/, { LIBTORCH: own });
    }));

  it('refuses half a libtorch', () =>
    withInstallation((installation) => {
      const own = writeLibtorch(path.join(installation.folder, 'own'));
      rmSync(library(own, 'c10'));
      refused(installation, /c10\S* is missing/, { LIBTORCH: own });
      rmSync(path.join(own, 'lib'), { recursive: true });
      refused(installation, /torch_cpu\S* is missing/, { LIBTORCH: own });
    }));

  if (process.platform === 'linux') {
    it('refuses a libtorch that is cut short, of another processor, or of another C++ ABI', () =>
      withInstallation((installation) => {
        const own = writeLibtorch(path.join(installation.folder, 'own'));
        const file = ownLibrary(own);
        const whole = readFileSync(file);
        truncateSync(file, whole.length / 2);
        refused(installation, /libc10\.so is cut short/, { LIBTORCH: own });
        const other = Buffer.from(whole);
        other.writeUInt16LE(0x15, 18); // e_machine: PowerPC 64
        writeFileSync(file, other);
        refused(installation, /is built for another processor than/, { LIBTORCH: own });
        writeFileSync(file, whole.toString('latin1').replaceAll('__cxx11', '__cxx98'), 'latin1');
        refused(installation, /C\+\+ ABI of before GCC 5/, { LIBTORCH: own });
      }));

    it('refuses a folder that this user may not read', function () {
      if (process.getuid!() !== 0) this.skip();
      return withInstallation((installation) => {
        const own = writeLibtorch(path.join(installation.folder, 'own'));
        for (const folder of [installation.folder, installation.modules]) chmodSync(folder, 0o755);
        // The checkout may lie where that user cannot look.
        const dependencies = path.join(installation.modules, 'continual-torch', 'node_modules');
        cpSync(dependencies, `${dependencies}.copy`, { recursive: true, dereference: true });
        rmSync(dependencies, { recursive: true });
        renameSync(`${dependencies}.copy`, dependencies);
        const readable = installation.run('', { uid: 65534 });
        assert.equal(readable.status, 0, readable.stderr);
        chmodSync(own, 0o700);
        refused(installation, /own cannot be read by this user/, { LIBTORCH: own }, 65534);
      });
    });

    it('turns a binary that crashes while it is loaded into a message', () =>
      withInstallation((installation) => {
        const file = addonFile(installation, 'opener.node');
        const binary = readFileSync(file);
        // Every byte of the executable segment becomes part of `ud2`, an instruction that no processor knows.
        const headers = Number(binary.readBigUInt64LE(32));
        for (let header = headers; header < headers + 56 * binary.readUInt16LE(56); header += 56) {
          const executable = binary.readUInt32LE(header) === 1 && (binary.readUInt32LE(header + 4) & 1) === 1;
          if (!executable) continue;
          const [offset, size] = [8, 32].map((field) => Number(binary.readBigUInt64LE(header + field))) as [number, number];
          for (let place = offset; place < offset + size; place += 2) binary.writeUInt16BE(0x0f0b, place);
        }
        writeFileSync(file, binary);
        refused(installation, /loading \S+opener\.node ends the process \((SIGILL: this processor lacks an instruction|SIGSEGV)/);
        assert.equal(existsSync(path.join(installation.cache, 'continual-torch', 'loaded')), false);
      }));
  }

  it('refuses a platform package that an interrupted installation left incomplete', () =>
    withInstallation((installation) => {
      const folder = path.join(installation.modules, libtorchPackageName);
      const file = ownLibrary(folder);
      const whole = readFileSync(file);
      truncateSync(file, 1000);
      const message = refused(installation, /is damaged: it has 1000 bytes instead of \d+/);
      assert.match(message, /npm install/);
      rmSync(file);
      refused(installation, /c10\S* is missing/);
      writeFileSync(file, whole);
      const contents = path.join(folder, 'contents.json');
      truncateSync(contents, 10);
      refused(installation, /contents\.json is damaged/);
      rmSync(contents);
      refused(installation, /contents\.json is missing/);
    }));

  it('refuses an addon that is damaged or missing', () =>
    withInstallation((installation) => {
      const file = addonFile(installation);
      truncateSync(file, 4096);
      refused(installation, /libtorch-\S+\.node is damaged/);
      rmSync(file);
      refused(installation, /libtorch-\S+\.node is missing/);
      renameSync(path.join(installation.modules, addonPackageName), path.join(installation.modules, '@continual-torch/none'));
      refused(installation, new RegExp(`${addonPackageName} is not installed`));
    }));

  it('names the lock file of another platform as the likely reason for a missing package', () =>
    withInstallation(
      (installation) => {
        const other = process.platform === 'darwin' ? 'linux-x64' : 'darwin-arm64';
        mkdirSync(path.join(installation.modules, '@continual-torch', other), { recursive: true });
        const message = refused(installation, new RegExp(`were installed for ${other}`));
        assert.match(message, /package-lock\.json/);
        assert.match(message, /npm install --include=optional/);
      },
      { addon: false, libtorch: false },
    ));

  it('tries binaries in a child process once, and remembers those that load', () =>
    withInstallation((installation) => {
      const remembered = path.join(installation.cache, 'continual-torch', 'loaded');
      for (let run = 0; run < 2; run++) {
        assert.equal(reported(installation).source, libtorchPackageName);
        assert.equal(readdirSync(remembered).length, 1);
      }
    }));

  it('works for a user without a home whose cache cannot be written', () =>
    withInstallation((installation) => {
      const env = { HOME: '', XDG_CACHE_HOME: '', LOCALAPPDATA: '', USERPROFILE: '', TMPDIR: '/dev/null', TMP: '', TEMP: '' };
      writeFileSync(path.join(installation.modules, 'continual-torch', '.cache'), '');
      assert.equal(reported(installation, { env }).source, libtorchPackageName);
    }));

  it('asks a Python that does not answer, and goes on', function () {
    if (process.platform === 'win32') this.skip();
    return withInstallation((installation) => {
      const { PATH } = writeEnvironment(installation.folder);
      for (const program of ['#!/bin/sh\nexit 1\n', 'no program']) {
        writeFileSync(path.join(installation.folder, 'venv', 'bin', 'python3'), program);
        assert.equal(reported(installation, { env: { PATH, CONTINUAL_TORCH_USE_PYTORCH: '1' } }).source, libtorchPackageName);
      }
    });
  });

  it('does without a trial where process.execPath is no Node.js', () =>
    withInstallation((installation) => {
      const again = path.join(installation.folder, 'again.cjs');
      writeFileSync(again, "require('continual-torch'); require('node:fs').appendFileSync('started', 'x');");
      const app = path.join(installation.folder, 'app');
      writeFileSync(app, `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(again)}\n`, { mode: 0o755 });
      const { status, stderr } = installation.run(
        `process.execPath = ${JSON.stringify(app)}; console.log(require('continual-torch').torchVersion);`,
      );
      assert.equal(status, 0, stderr);
      assert.equal(existsSync(path.join(installation.folder, 'started')), false);
    }));

  it("does without a trial where Node's permission model allows no child process", function () {
    if (!process.allowedNodeEnvironmentFlags.has('--permission')) this.skip();
    return withInstallation((installation) => {
      const env = { NODE_OPTIONS: '--permission --allow-addons --allow-fs-read=*' };
      assert.equal(reported(installation, { env }).source, libtorchPackageName);
    });
  });

  it('refuses a working folder that has been deleted', function () {
    if (process.platform === 'win32') this.skip();
    return withInstallation((installation) => {
      const { status, stdout, stderr } = installation.run(`
        const fs = require('node:fs');
        const load = require('node:module').createRequire(process.cwd() + '/x.js');
        fs.mkdirSync('gone');
        process.chdir('gone');
        fs.rmdirSync('../gone');
        try { load('continual-torch'); } catch ({ code, message }) { console.log(code, message); }
      `);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^ERR_ADDON continual-torch: expected a working folder that exists/);
    });
  });

  it('names the folder around a LIBTORCH that is the folder of libraries', () =>
    withInstallation((installation) => {
      const own = writeLibtorch(path.join(installation.folder, 'own'));
      const message = refused(installation, /name the folder around it: .*own$/m, { LIBTORCH: path.join(own, 'lib') });
      assert.doesNotMatch(message, /rm -rf/);
    }));

  it('lets another copy load where one could not be loaded', () =>
    withInstallation(
      (installation) => {
        const second = path.join(installation.folder, 'second', 'node_modules', 'continual-torch');
        installMain(second);
        const { stdout } = installation.run(`
          for (const name of ['continual-torch', ${JSON.stringify(second)}]) {
            try { require(name); } catch ({ code }) { console.log(code); }
          }
        `);
        assert.equal(stdout, 'ERR_ADDON\nERR_ADDON\n');
      },
      { addon: false },
    ));

  it('refuses a second copy of the package in one process, and in its worker threads', () =>
    withInstallation((installation) => {
      const second = path.join(installation.folder, 'second', 'node_modules', 'continual-torch');
      installMain(second);
      cpSync(path.join(installation.modules, addonPackageName), path.join(second, '..', addonPackageName), { recursive: true });
      const expected = (run: Run, pattern: RegExp) => {
        assert.equal(run.status, 0, run.stderr);
        assert.match(run.stdout, /^ERR_TWO_COPIES /);
        assert.match(run.stdout, pattern);
        assert.match(run.stdout, /npm ls continual-torch/);
      };
      const load = `try { require(${JSON.stringify(second)}); } catch ({ code, message }) { console.log(code, message); }`;
      expected(installation.run(`require('continual-torch'); ${load}`), /is loaded already; this is .*second/);
      const worker = `new (require('node:worker_threads').Worker)(${JSON.stringify(load)}, { eval: true });`;
      expected(installation.run(`require('continual-torch'); ${worker}`), /would load .*second/);
    }));

  it('is one copy for CommonJS and ES modules, and loads in worker threads', () =>
    withInstallation((installation) => {
      const { status, stdout, stderr } = installation.run(`
        const { Worker } = require('node:worker_threads');
        const first = require('continual-torch');
        import('continual-torch').then((second) => {
          console.log(first.Tensor === second.Tensor);
          new Worker("console.log(require('continual-torch').torch.ones([3]).sum().item())", { eval: true });
        });
      `);
      assert.equal(status, 0, stderr);
      assert.equal(stdout, 'true\n3\n');
    }));
});
