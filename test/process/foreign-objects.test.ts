// No object that JavaScript can get ends the process, wherever the addon takes one.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram } from '../support/child-process';

describe('objects that the addon gets', function () {
  this.timeout(processTestTimeout);

  it('are taken or refused, whatever they are and wherever they come', async () => {
    const { code, signal, stdout, stderr } = await runProgram('test/process/programs/foreign-objects.ts');
    assert.deepEqual([code, signal], [0, null], `ended at ${stdout.trim().split('\n').at(-1)}\n${stderr}`);
    assert.match(stdout, /more than 10,000 calls\n$/);
  });
});
