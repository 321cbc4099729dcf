// What becomes of a process that ends in the middle of training: it must neither crash nor hang. A job on the compute
// thread outlives the JavaScript that waits for it, so that an addon without care is torn down under a running job. The
// deadline of each program (see child-process.ts) lies below the test's, so that none outlives it.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram, startProgram } from '../support/child-process';

const programs = 'test/process/programs';

describe('process', function () {
  this.timeout(processTestTimeout);

  for (const what of ['import', 'tensor', 'train']) {
    it(`ends by itself after: ${what}`, async () => {
      const ended = await runProgram(`${programs}/train-and-end.ts`, [what]);
      assert.deepEqual(ended, { code: 0, signal: null, stdout: 'end\n', stderr: '' });
    });
  }

  it('exits with the status of process.exit while training is under way', async () => {
    const ended = await runProgram(`${programs}/endless-training.ts`, ['exit']);
    assert.deepEqual(ended, { code: 3, signal: null, stdout: '', stderr: '' });
  });

  for (const what of ['throw', 'reject']) {
    it(`exits with 1 and the error on an uncaught one while training is under way: ${what}`, async () => {
      const { code, signal, stderr } = await runProgram(`${programs}/endless-training.ts`, [what]);
      assert.deepEqual([code, signal], [1, null]);
      assert.match(stderr, /Error: in the middle of training/);
    });
  }

  it('is ended by Ctrl-C while training is under way', async function () {
    if (process.platform === 'win32') this.skip();
    const program = startProgram(`${programs}/endless-training.ts`);
    await program.printed('training');
    program.child.kill('SIGINT');
    const { signal, stderr } = await program.ended;
    assert.deepEqual([signal, stderr], ['SIGINT', '']);
  });

  it('runs a handler of Ctrl-C while training is under way', async function () {
    if (process.platform === 'win32') this.skip();
    const program = startProgram(`${programs}/endless-training.ts`, ['handle-sigint']);
    await program.printed('training');
    program.child.kill('SIGINT');
    const { code, stderr } = await program.ended;
    assert.deepEqual([code, stderr], [130, '']);
  });

  it('survives a worker that is terminated while it trains; other threads go on training', async () => {
    const ended = await runProgram(`${programs}/workers.ts`);
    assert.deepEqual(ended, {
      code: 0,
      signal: null,
      stdout: 'terminated\nsecond worker: 0\nmain thread: 2 experiences\n',
      stderr: '',
    });
  });

  it('survives a worker that is terminated between operators', async () => {
    const ended = await runProgram(`${programs}/terminated-operators.ts`);
    assert.deepEqual(ended, { code: 0, signal: null, stdout: 'terminated\nterminated\nterminated\n', stderr: '' });
  });

  it('survives a worker that exits while a job of its own is under way', async () => {
    const ended = await runProgram(`${programs}/exiting-worker.ts`);
    assert.deepEqual(ended, { code: 0, signal: null, stdout: 'exit 3\n', stderr: '' });
  });
});
