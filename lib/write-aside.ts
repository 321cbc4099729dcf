import { rename, rm } from 'node:fs/promises';
import { threadId } from 'node:worker_threads';
import { ContinualTorchError, describeValue, type ErrorCode } from './errors';

/** Two writes at a time must not go to one file: worker threads share the process id, and each counts its own. */
let writes = 0;

/**
 * Has a file written beside `path` and renamed, so that a file which was there is replaced whole or not at all.
 * @throws `code`, with operation and path, for what is no error of ours or already has this code
 */
export async function writeAside(
  operation: string,
  path: string,
  code: ErrorCode,
  write: (path: string) => Promise<unknown>,
): Promise<void> {
  const aside = `${path}.partial-${process.pid}-${threadId}-${++writes}`;
  try {
    await write(aside);
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined); // What failed first is what counts.
    if (error instanceof ContinualTorchError && (error.code !== code || error.message.startsWith(operation)))
      throw error;
    const reason = (error as Error).message;
    throw new ContinualTorchError(code, `${operation}: cannot write "${path}": ${reason}`, { cause: error });
  }
}

/** @throws ERR_INVALID_ARG_TYPE for what is no file name */
export function requirePath(operation: string, path: unknown, orElse = ''): asserts path is string {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected path to be a file name${orElse}, got ${describeValue(path)}`,
  );
}
