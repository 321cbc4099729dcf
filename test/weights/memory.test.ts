import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { ops, saveSafetensors, type Tensor } from '../../lib/index';
import { processTestTimeout, runProgram } from '../support/child-process';
import { withTempFolder } from '../support/temp-folder';

describe('the memory that loading a large safetensors file takes', function () {
  this.timeout(processTestTimeout);

  for (const mmap of [true, false]) {
    it(`is at most 1.1 times its size, with every element read: mmap ${mmap}`, function () {
      if (process.platform !== 'linux') this.skip(); // resident memory is read from /proc
      return withTempFolder(async (folder) => {
        const file = path.join(folder, 'large.safetensors');
        const size = 128 * 2 ** 20;
        await saveSafetensors(
          { a: ops.aten.ones!([size / 8]) as Tensor, b: ops.aten.ones!([size / 8]) as Tensor },
          file,
        );
        const { code, stdout, stderr } = await runProgram('bench/workloads/safetensors-memory.ts', [file, String(mmap)]);
        assert.equal(code, 0, stderr);
        const { loaded, read } = JSON.parse(stdout) as { loaded: number; read: number };
        assert.ok(loaded <= 1.1 * size && read <= 1.1 * size, stdout);
        assert.ok(read > 0.9 * size, `every element was read: ${stdout}`);
        if (mmap) assert.ok(loaded < 0.1 * size, `nothing is read before it is used: ${stdout}`);
      });
    });
  }
});
