/** What ends the fetching with one message and exit status 1. */
export class FetchError extends Error {
  override readonly name: string = 'FetchError';
}

/** The disk has too little room; another index would not help. */
export class NoRoom extends FetchError {
  override readonly name = 'NoRoom';
}

/** A request without an answer, or with one that may be another the next time. */
export class Dropped extends FetchError {
  override readonly name = 'Dropped';
}

/** Statuses of which another try may find another. */
export const mayPass = (status: number): boolean => status >= 500 || status === 408 || status === 429;

/** The message for an error of the file system; what is none of these is a defect and thrown on. */
export function describeFileError(error: unknown, folder: string): string {
  if (!(error instanceof Error && 'syscall' in error)) throw error;
  const { code, message, path: where = folder } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk of ${folder} is full. What has arrived is kept: free some space and run the same command again.`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'EBUSY':
      return `not allowed to write ${where} (${code}): another user owns it, or a program is using it.`;
    default:
      return `cannot write ${where}: ${message}`;
  }
}
