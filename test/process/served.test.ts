// Predictions, snapshots and checkpoints in threads and processes that end in the middle of them: nothing crashes, hangs or is
// left half done.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram } from '../support/child-process';
import { withTempFolder } from '../support/temp-folder';

const program = 'test/process/programs/served.ts';
const kinds = ['predict', 'typescript', 'clone', 'snapshot', 'save', 'load'];

describe('what is asked beside training', function () {
  this.timeout(processTestTimeout);

  for (const what of kinds) {
    it(`lets the process exit: ${what}`, () =>
      withTempFolder(async (folder) => {
        const ended = await runProgram(program, ['exit', what, folder]);
        assert.deepEqual(ended, { code: 3, signal: null, stdout: '', stderr: '' });
      }));

    it(`lets worker threads be terminated, and others go on: ${what}`, () =>
      withTempFolder(async (folder) => {
        const { code, signal, stdout, stderr } = await runProgram(program, ['terminate', what, folder]);
        assert.deepEqual([code, signal, stderr], [0, null, '']);
        assert.match(stdout, /^(loaded \d+\n){0,3}[0-9a-f]{64}\n$/);
      }));
  }

  it('keeps the process alive until it is answered', async () => {
    assert.deepEqual(await runProgram(program, ['end', '', '']), { code: 0, signal: null, stdout: '512 4\n', stderr: '' });
  });

  it('is the same in several threads at once as alone', () =>
    withTempFolder(async (folder) => {
      const ended = await runProgram(program, ['several', '', folder]);
      assert.deepEqual(ended, { code: 0, signal: null, stdout: 'same same same same\n', stderr: '' });
    }));

  it('threads that save to one folder at the same moment: one does, the others are told why not', () =>
    withTempFolder(async (folder) => {
      const { code, stdout, stderr } = await runProgram(program, ['contested', '', folder]);
      assert.deepEqual([code, stderr], [0, '']);
      const lines = stdout.trimEnd().split('\n');
      assert.deepEqual(lines.slice(-2), ['checkpoint-000001', 'checkpoint-000001'], 'who has saved, and what is there');
      for (const line of lines.slice(0, -2)) {
        assert.match(line, /^ERR_CHECKPOINT_SAVE .*(is there, written by another process or thread|taken away by another run).*: (load it first, or )?give each run a folder of its own$/);
      }
    }));

  it('threads that save weights to one file at the same moment leave a whole one', () =>
    withTempFolder(async (folder) => {
      const ended = await runProgram(program, ['written', '', folder]);
      assert.deepEqual(ended, { code: 0, signal: null, stdout: 'weights.safetensors\nwhole\n', stderr: '' });
    }));
});
