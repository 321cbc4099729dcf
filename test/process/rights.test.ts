// Folders of checkpoints in which a process may do little: what it cannot do is told, and training goes on.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram } from '../support/child-process';
import { withTempFolder } from '../support/temp-folder';

/** Of a folder: what loading if there is one gives, saving, and training with a `CheckpointPlugin`, which warns for both experiences. */
function told(folder: string, load: string, save: string): string[] {
  const system = save.split(' ')[1]!;
  const warning = `warning: CheckpointPlugin: ${system}`;
  return [`load ${folder} ${load}`, `save ${folder} ${save}`, warning, warning, `train ${folder} done`];
}

const expected = [
  ...told('read-only', 'done', 'ERR_CHECKPOINT_SAVE EACCES'),
  ...told('closed', 'ERR_CHECKPOINT_READ EACCES', 'ERR_CHECKPOINT_SAVE EACCES'),
  ...told('new', 'done', 'ERR_CHECKPOINT_SAVE EACCES'),
  ...told('file', 'ERR_CHECKPOINT_READ ENOTDIR', 'ERR_CHECKPOINT_SAVE ENOTDIR'),
  ...told('closed/inside', 'ERR_CHECKPOINT_READ EACCES', 'ERR_CHECKPOINT_SAVE EACCES'),
  ...told('proc/inside', 'done', 'ERR_CHECKPOINT_SAVE ENOENT'),
  'load empty done',
  'save empty done checkpoint-000001',
  'train empty done',
  'load unreadable ERR_CHECKPOINT_FORMAT',
  'save old-ones done checkpoint-000002',
  'save old-ones done checkpoint-000003',
  'save old-ones done checkpoint-000004',
  'checkpoint-000001 checkpoint-000003 checkpoint-000004',
];

describe('a process without rights', function () {
  this.timeout(processTestTimeout);

  it('is told of each folder what it cannot do, and trains', async function () {
    if (process.platform !== 'linux' || process.getuid!() !== 0) this.skip(); // the program becomes another user
    await withTempFolder(async (folder) => {
      const { code, stdout } = await runProgram('test/process/programs/without-rights.ts', [folder]);
      // A warning comes in a turn of its own, perhaps behind the end of the training that it is of.
      assert.deepEqual([code, stdout.trimEnd().split('\n').sort()], [0, [...expected].sort()]);
    });
  });
});
