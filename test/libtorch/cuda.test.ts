import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { ContinualTorchError, cuda, tensor } from '../../lib';
import { libraryName } from '../../lib/libtorch/libtorch-folder';
import { realLibtorch } from '../support/installation';
import { withTempFolder } from '../support/temp-folder';

const root = path.join(__dirname, '..', '..');

/** NVIDIA's driver as far as it is asked, on a machine without one: two devices, CUDA 12.4; `FAKE_INIT` is what cuInit gives. */
const fakeDriver = `
#include <stdio.h>
#include <stdlib.h>
int cuInit(unsigned flags) { const char* code = getenv("FAKE_INIT"); return code ? atoi(code) : flags; }
int cuGetErrorName(int error, const char** name) { *name = "CUDA_ERROR_FAKE"; return error - error; }
int cuDriverGetVersion(int* version) { *version = 12040; return 0; }
int cuDeviceGetCount(int* count) { *count = 2; return 0; }
int cuDeviceGetName(char* name, int size, int device) { snprintf(name, size, "Fake GPU %d", device); return 0; }
int cuDeviceGetAttribute(int* value, int attribute, int device) { *value = attribute == 75 ? 9 : device; return 0; }
`;

function doctor(env: NodeJS.ProcessEnv): { status: number | null; stdout: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', 'lib/cli/main.ts', 'doctor'], {
    cwd: root,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return { status, stdout };
}

describe('cuda', () => {
  it('says why a device cannot be used where there is none', function () {
    if (cuda.isAvailable()) this.skip();
    assert.equal(cuda.deviceCount(), 0);
    const expected = { name: ContinualTorchError.name, code: 'ERR_DEVICE' };
    assert.throws(() => cuda.getDeviceName(), { ...expected, message: /expected a device that is there, got 0: \S/ });
    assert.throws(() => tensor([1], { device: 'cuda' }), { ...expected, message: /no CUDA device.*continual-torch doctor/ });
  });

  it('names the devices that are there', function () {
    if (!cuda.isAvailable()) this.skip();
    for (let device = 0; device < cuda.deviceCount(); device++) assert.match(cuda.getDeviceName(device), /\S/);
    assert.throws(() => cuda.getDeviceName(cuda.deviceCount()), { code: 'ERR_DEVICE' });
  });

  it('refuses what is no index', () => {
    assert.throws(() => cuda.getDeviceName(-1), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => cuda.getDeviceName('0' as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('continual-torch doctor', () => {
  it('tells which libtorch is used, and exits with 0 where the package works', () => {
    const { status, stdout } = doctor({});
    assert.equal(status, 0);
    assert.match(stdout, /\+ .*used$/m);
    assert.match(stdout, /continual-torch \S+ works here/);
  });

  it("compares libtorch's libraries with the checksums of PyTorch's wheel", () =>
    withTempFolder(async (folder) => {
      const torch = path.join(folder, 'torch');
      mkdirSync(torch);
      const names = ['c10', 'torch_cpu'].map((name) => libraryName(name));
      // The dynamic linker looks for the rest beside the file itself.
      symlinkSync(path.join(realLibtorch, 'lib'), path.join(torch, 'lib'));
      writeFileSync(path.join(torch, 'version.py'), "__version__ = '2.13.0+cpu'\n");
      const checksums = () => /^ {2}(.) checksums +(.*)$/m.exec(doctor({ LIBTORCH: torch }).stdout)?.slice(1);
      assert.deepEqual(checksums(), ['-', 'nothing to compare with: no RECORD of a PyTorch wheel is there']);
      const line = (name: string) => {
        const bytes = readFileSync(path.join(torch, 'lib', name));
        return `torch/lib/${name},sha256=${createHash('sha256').update(bytes).digest('base64url')},${bytes.length}\n`;
      };
      const record = path.join(folder, 'torch-2.13.0+cpu.dist-info', 'RECORD');
      mkdirSync(path.dirname(record));
      const lines = names.map(line);
      writeFileSync(record, lines.join(''));
      assert.deepEqual(checksums(), ['+', `${names.join(' and ')} are those of PyTorch's wheel, bit for bit`]);
      writeFileSync(record, lines[0]!.replace(/sha256=./, 'sha256=~').replace('~', lines[0]!.includes('sha256=A') ? 'B' : 'A'));
      assert.deepEqual(checksums(), ['x', `not those of PyTorch's wheel: ${names[0]} differs, ${names[1]} is not in the wheel`]);
    }));

  it('tells why nothing can be loaded, and exits with 1', () => {
    const { status, stdout } = doctor({ LIBTORCH: path.join(root, 'package.json') });
    assert.equal(status, 1);
    assert.match(stdout, /x LIBTORCH .*is a file, not a folder/);
    assert.match(stdout, /What helps:\n {2}- unset LIBTORCH/);
  });

  it('asks the driver for its devices, and tells why they are not used', function () {
    if (process.platform !== 'linux' || cuda.isAvailable()) this.skip();
    return withTempFolder(async (folder) => {
      writeFileSync(path.join(folder, 'driver.c'), fakeDriver);
      execFileSync('cc', ['-shared', '-fPIC', '-o', 'libcuda.so.1', 'driver.c'], { cwd: folder });
      const here = doctor({ LD_LIBRARY_PATH: folder }).stdout;
      assert.match(here, /\+ driver +serves CUDA up to 12\.4/);
      assert.match(here, /\+ cuda:1 +Fake GPU 1, compute capability 9\.1/);
      assert.match(here, /x usable +none: \S/);
      assert.match(here, /fetch-libtorch --cuda cu128/);
      assert.match(doctor({ LD_LIBRARY_PATH: folder, FAKE_INIT: '100' }).stdout, /x driver +serves CUDA up to 12\.4, but does not start: CUDA_ERROR_FAKE \(100\)/);
    });
  });
});
