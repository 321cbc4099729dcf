import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { native } from '../../lib/native/binding';
import { processTestTimeout, runProgram } from '../support/child-process';

/** Gradients, outputs and what backward keeps come to more than 60 MB over 2,000 iterations: a leak of them shows. */
const allowedRss = 20 * 2 ** 20;

describe('memory', function () {
  this.timeout(processTestTimeout);

  for (const listener of ['none', 'sync', 'async']) {
    it(`is the same after 2,000 iterations; listener: ${listener}`, async () => {
      const { code, stdout, stderr } = await runProgram('test/process/programs/leak.ts', [listener], ['--expose-gc']);
      assert.deepEqual([code, stderr], [0, '']);
      const grown = JSON.parse(stdout) as { iterations: number; tensors: number; bytes: number; rss: number };
      assert.equal(grown.iterations, 2000);
      assert.deepEqual([grown.tensors, grown.bytes], [0, 0]);
      assert.ok(grown.rss < allowedRss, `resident memory grew by ${grown.rss} bytes`);
    });
  }

  it('ends near where it began with many strategies one after another', async () => {
    const { code, stdout, stderr } = await runProgram('test/process/programs/many-strategies.ts', ['160'], ['--expose-gc']);
    assert.deepEqual([code, stderr], [0, '']);
    const { second } = JSON.parse(stdout) as { second: number };
    assert.ok(second < allowedRss, `resident memory grew by ${second} bytes over the second half`);
  });

  it('is given back after training, whose iterations keep it for one another', async () => {
    const { code, stdout, stderr } = await runProgram('test/process/programs/kept-memory.ts', [], ['--expose-gc']);
    assert.deepEqual([code, stderr], [0, '']);
    const grown = JSON.parse(stdout) as { within: number; after: number };
    const tensor = 64 * 2 ** 20; // one of several of an iteration
    const areKept = native.overrides().some(({ name, isOn }) => name === 'kept blocks' && isOn);
    if (areKept) assert.ok(grown.within > 2 * tensor, `${grown.within} bytes within an iteration`);
    assert.ok(grown.after < tensor, `${grown.after} bytes after the training`);
  });
});
