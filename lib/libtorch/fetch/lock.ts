import { lock, type LockOptions } from 'proper-lockfile';

/** One process at a time; a lock whose owner was killed is taken over after ten seconds. */
export async function withLock<T>(folder: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const options: LockOptions = {
    realpath: false,
    lockfilePath: `${folder}.lock`,
    onCompromised: ({ message }) => {
      process.stderr.write(`${folder}.lock was taken by another process: ${message}\n`);
      process.exit(1);
    },
  };
  const release = await lock(folder, options).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ELOCKED') throw error;
    onWait();
    return lock(folder, { ...options, retries: { forever: true, factor: 1, minTimeout: 500 } });
  });
  try {
    return await work();
  } finally {
    await release();
  }
}
