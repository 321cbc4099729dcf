// Each thread of JavaScript draws apart from the others.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram } from '../support/child-process';

const programs = 'test/process/programs';

describe('random numbers of workers', function () {
  this.timeout(processTestTimeout);

  it('begin with a seed of their own each, and leave those of the main thread alone', async () => {
    const { code, stdout, stderr } = await runProgram(`${programs}/drawing-environments.ts`);
    assert.deepEqual([code, stderr], [0, '']);
    // What a worker prints may come after what the main thread prints behind it.
    const lines = stdout.trim().split('\n');
    assert.ok(lines.includes('undisturbed'), stdout);
    assert.deepEqual([lines.length, new Set(lines).size], [4, 4]);
  });

  it("give a strategy's run from a seed the same result alone and beside five others", async () => {
    const results: string[][] = [];
    for (const how of ['alone', 'together']) {
      const { code, stdout, stderr } = await runProgram(`${programs}/drawing-workers.ts`, [how]);
      assert.deepEqual([code, stderr], [0, '']);
      results.push(stdout.trim().split('\n').sort());
    }
    assert.equal(new Set(results[0]!.map((line) => line.split(' ')[1])).size, 6);
    assert.deepEqual(results[1], results[0]);
  });
});
