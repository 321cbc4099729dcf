// The process must live, whatever order the entries of training step, MAS, optimizer and mini-batches are called in.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram } from '../support/child-process';

describe('native entries in any order', () => {
  it('return, or throw an error with a code; where layout, pass or mini-batch are missing that is ERR_CALL_ORDER', async function () {
    this.timeout(processTestTimeout);
    const ended = await runProgram('test/process/programs/native-order.ts', ['1', '40']);
    assert.deepEqual({ code: ended.code, signal: ended.signal }, { code: 0, signal: null }, ended.stderr);
    const counts = JSON.parse(ended.stdout) as Record<string, number>;
    assert.ok(counts['ok']! > 1000 && counts['ERR_CALL_ORDER']! > 100, ended.stdout);
  });
});
