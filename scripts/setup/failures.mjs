// Turns whatever ended the set-up into one message and an exit code.
import { Interrupted } from './run.mjs';
import { SetupError } from './report.mjs';

const DISK_FULL_TEXT = /ENOSPC|EDQUOT|No space left on device|not enough space on the disk|Disk quota exceeded/i;

/** A full disk shows as an error code of ours or as words in a child's output; both deserve the same advice. */
export function isDiskFull(errorOrText) {
  if (typeof errorOrText === 'string') return DISK_FULL_TEXT.test(errorOrText);
  return errorOrText?.code === 'ENOSPC' || errorOrText?.code === 'EDQUOT';
}

export function diskFullError(doing, where) {
  return new SetupError(
    `the disk is full: ${doing} needs more room in ${where}.\n` +
      'Free some space and run the same command again; what was half done is removed or done anew.',
  );
}

/**
 * @param {string} root  where the set-up writes; a failed write does not always say where it was
 * @returns {{message: string, exitCode: number}}
 */
export function describeFailure(error, root) {
  if (error instanceof Interrupted) {
    return { message: 'interrupted; run the same command again to go on', exitCode: error.exitCode };
  }
  if (error instanceof SetupError) return { message: error.message, exitCode: 1 };
  if (isDiskFull(error)) {
    return { message: diskFullError('the set-up', error.path ?? root).message, exitCode: 1 };
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(error?.code)) {
    const where = error.dest ?? error.path ?? 'a file';
    return {
      message: `not allowed to write ${where} (${error.code}). Run the command as the owner of that folder.`,
      exitCode: 1,
    };
  }
  return { message: error?.stack ?? String(error), exitCode: 1 };
}
