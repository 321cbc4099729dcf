import { open } from 'node:fs/promises';

/** Puts on disk what has been written to a file, or which files a folder has. */
export async function toDisk(path: string): Promise<void> {
  // Windows has no such thing for folders, and journals them.
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (process.platform === 'win32' && /EISDIR|EPERM|EACCES/.test(error.code ?? '')) return null;
    throw error;
  });
  try {
    await handle?.sync();
  } catch (error) {
    if (process.platform !== 'win32') throw error;
  } finally {
    await handle?.close();
  }
}
