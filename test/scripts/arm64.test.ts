import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { before, describe, it } from 'mocha';
import { cleanEnvironment, scriptsFolder, withFolder, writeFiles, writeWheel } from './support';

interface Processor {
  cpu: string;
  part: number;
  features: string;
}

interface Arm64 {
  requireTools: (machine: { env?: NodeJS.ProcessEnv; platform?: string; arch?: string }) => void;
  wheelPlatforms: () => string[];
  cudaRequirement: (metadata: string) => string | null;
  fetchTorch: (options: { folder: string; version: string; env: NodeJS.ProcessEnv; progress: () => void }) => Promise<string>;
  PROCESSORS: Record<string, Processor>;
  cpuinfo: (processor: Processor, count: number) => string;
  createMachine: (options: { folder: string; name: string; node: string; libraries: string }) => { run: string; node: string; preload: string };
}

const script = (body: string) => `#!/bin/sh\n${body}\n`;

describe('scripts/test-arm64', () => {
  let arm64: Arm64;
  before(async () => {
    const load = (name: string) => import(pathToFileURL(join(scriptsFolder, 'test-arm64', `${name}.mjs`)).href);
    arm64 = Object.assign({}, ...(await Promise.all(['tools', 'fetch', 'machines'].map(load)))) as Arm64;
  });

  /** Programs on a PATH of their own. */
  function withPrograms<T>(programs: Record<string, string>, work: (env: NodeJS.ProcessEnv, folder: string) => T): Promise<T> {
    return withFolder((folder) => {
      const bin = Object.fromEntries(Object.entries(programs).map(([name, body]) => [`bin/${name}`, script(body)]));
      writeFiles(folder, bin);
      for (const file of Object.keys(bin)) chmodSync(join(folder, file), 0o755);
      return work({ PATH: join(folder, 'bin') }, folder);
    });
  }

  describe('tools', () => {
    const linux = { platform: 'linux', arch: 'x64' };

    it('names in one message all that is missing, why, and the packages to install', function () {
      if (process.platform === 'win32') this.skip();
      return withPrograms({ 'aarch64-linux-gnu-g++': '', cmake: 'echo cmake version 3.25.1' }, (env) => {
        assert.throws(
          () => arm64.requireTools({ env, ...linux }),
          ({ name, message }: Error) => {
            assert.equal(name, 'SetupError');
            assert.match(message, /qemu-aarch64: it runs what was compiled/);
            assert.match(message, /sudo apt-get install qemu-user make python3 python3-pip$/);
            return true;
          },
        );
      });
    });

    it('has nothing to say where all is there', function () {
      if (process.platform === 'win32') this.skip();
      const python = 'if [ "$2" = pip ]; then echo pip 23.0; else echo 3.11.2; fi';
      const all = { 'aarch64-linux-gnu-g++': '', 'qemu-aarch64': '', cmake: 'echo cmake version 3.25.1', make: '', python3: python };
      return withPrograms(all, (env) => arm64.requireTools({ env, ...linux }));
    });

    it('tells on other machines that this one will not do, and on arm64 what does', () => {
      assert.throws(() => arm64.requireTools({ platform: 'darwin', arch: 'arm64' }), /for Linux on x64, not darwin on arm64; .*npm test$/);
      assert.throws(() => arm64.requireTools({ platform: 'win32', arch: 'x64' }), /not win32 on x64$/);
    });
  });

  describe('wheels', () => {
    it("asks for those that run with PyTorch's glibc or an older one, the newest first", () => {
      const tags = arm64.wheelPlatforms();
      assert.equal(tags[0], 'manylinux_2_28_aarch64');
      // Those of NVIDIA's wheels.
      for (const tag of ['manylinux_2_25_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64']) assert.ok(tags.includes(tag), tag);
      assert.ok(!tags.includes('manylinux_2_34_aarch64'));
    });

    it('takes from a CUDA build which toolkit its two libraries come from, and nothing from a CPU build', () => {
      const line = 'Requires-Dist: cuda-toolkit[cublas,cudart,cupti,nvtx]==13.0.3; platform_system == "Linux"';
      assert.equal(arm64.cudaRequirement(`Name: torch\nRequires-Dist: sympy>=1.13.3\n${line}\n`), 'cuda-toolkit[cudart,cupti]==13.0.3');
      assert.equal(arm64.cudaRequirement('Name: torch\nRequires-Dist: sympy>=1.13.3\n'), null);
    });

    const fetch = (folder: string, env: NodeJS.ProcessEnv) =>
      arm64.fetchTorch({ folder: join(folder, 'torch-2.13.0'), version: '2.13.0', env, progress: () => {} });

    it("says in pip's own words why nothing came, and leaves nothing that looks whole", function () {
      if (process.platform === 'win32') this.skip();
      return withPrograms({ python3: 'echo "ERROR: No matching distribution found" >&2; exit 1' }, async (env, folder) => {
        await assert.rejects(fetch(folder, env), /pip download torch==2\.13\.0 for aarch64 .*failed: in its own words:\nERROR: No matching/);
        assert.ok(!existsSync(join(folder, 'torch-2.13.0')));
      });
    });
  });

  describe('libtorch', () => {
    it('is fetched once, with headers and libraries, without what is for CUDA and Python alone', () =>
      withFolder(async (folder) => {
        const names = ['include/ATen/ATen.h', 'version.py', 'lib/libtorch_cpu.so', 'lib/libgomp.so.1'];
        const others = ['lib/libtorch_cuda.so', 'lib/libtorch_python.so', 'lib/libshm.so', '__init__.py'];
        const files = Object.fromEntries([...names, ...others].map((name) => [`torch/${name}`, name]));
        mkdirSync(join(folder, 'index'));
        writeWheel(join(folder, 'index', 'torch-2.13.0-py3-none-any.whl'), '2.13.0', files);
        const fetch = (env: NodeJS.ProcessEnv) =>
          arm64.fetchTorch({ folder: join(folder, 'made'), version: '2.13.0', env, progress: () => {} });
        const root = await fetch(cleanEnvironment({ PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(folder, 'index') }));
        const found = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
        assert.deepEqual(found.map(({ name }) => name).sort(), ['ATen.h', 'libgomp.so.1', 'libtorch_cpu.so', 'version.py']);
        assert.equal(await fetch({ PATH: '' }), root);
        assert.deepEqual(readdirSync(folder).sort(), ['index', 'made']);
      }));
  });

  describe('machines', () => {
    it("describe each of their processors as Linux does on an ARM, its part's number included", () => {
      const text = arm64.cpuinfo(arm64.PROCESSORS['neoverse-n1']!, 2);
      assert.deepEqual(text.match(/^processor\t: \d$/gm), ['processor\t: 0', 'processor\t: 1']);
      assert.match(text, /^CPU implementer\t: 0x41\n(.*\n)*CPU part\t: 0xd0c$/m);
      assert.match(text, /^Features\t: fp asimd .*atomics/m);
      assert.doesNotMatch(arm64.cpuinfo(arm64.PROCESSORS['neoverse-n1']!, 1), /sve/);
    });

    it('hand a program and its arguments to the emulator, also from a folder with a space and a quote', function () {
      if (process.platform === 'win32') this.skip();
      return withPrograms({ 'qemu-aarch64': 'for each; do echo "$each"; done' }, (env, folder) => {
        const machines = join(folder, "it's a folder");
        const machine = arm64.createMachine({ folder: machines, name: 'neoverse-n1', node: '/a b/node', libraries: folder });
        const root = join(machines, 'neoverse-n1');
        const lines = execFileSync(machine.node, ['--version', 'c d'], { env, encoding: 'utf8' }).trim().split('\n');
        assert.deepEqual(lines, ['-L', root, '-cpu', 'neoverse-n1', '/a b/node', '--version', 'c d']);
        assert.equal(readlinkSync(join(root, 'lib')), '/usr/aarch64-linux-gnu/lib');
        assert.equal(readlinkSync(join(root, 'usr', 'lib')), folder);
        const midr = readFileSync(join(root, 'sys/devices/system/cpu/cpu0/regs/identification/midr_el1'), 'utf8');
        assert.equal(midr, '0x00000000410fd0c0\n');
        // A second one takes the place of the first.
        rmSync(join(root, 'run'));
        const { run } = arm64.createMachine({ folder: machines, name: 'neoverse-n1', node: '', libraries: folder });
        assert.equal(execFileSync(run, ['x'], { env, encoding: 'utf8' }).split('\n')[4], 'x');
      });
    });
  });
});
