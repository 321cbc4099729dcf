import { setTimeout as sleep } from 'node:timers/promises';
import { lock, type LockOptions } from 'proper-lockfile';

/** Between two looks at the lock. */
const pollMs = 500;

interface WaitOptions {
  /** Called once, before waiting. */
  onWait: () => void;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/** One process at a time; a lock whose owner was killed is taken over after ten seconds. */
export async function withLock<T>(folder: string, wait: WaitOptions, work: () => Promise<T>): Promise<T> {
  const release = await take(folder, wait);
  try {
    return await work();
  } finally {
    await release();
  }
}

/** Its own loop, because the library's cannot be interrupted and waits for every error to pass. */
async function take(folder: string, { onWait, signal }: WaitOptions): Promise<() => Promise<void>> {
  const options: LockOptions = {
    realpath: false,
    lockfilePath: `${folder}.lock`,
    retries: 0,
    onCompromised: ({ message }) => {
      process.stderr.write(`${folder}.lock was taken by another process: ${message}\n`);
      process.exit(1);
    },
  };
  for (let told = false; ; told = true) {
    try {
      return await lock(folder, options);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ELOCKED') throw error;
    }
    if (!told) onWait();
    await sleep(pollMs, undefined, { signal });
  }
}
