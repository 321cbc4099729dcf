import type { MiniBatchSource } from '../../data/dataset';
import { callUser, isThenable } from '../../user-function';
import type { IterationPlan } from './iteration-plan';
import type { OpenSource } from './mini-batch-source';

/** @internal Who looks at a plan that runs, between two jobs. */
export interface Watcher {
  /** Called where all of an iteration is done and nothing is at work; a promise is awaited. */
  safePoint?: (done: number) => void | Promise<void>;
  /** Whether to stop here. */
  isStopped?: () => boolean;
  /** Mini-batches so far and in all; NaN where the data does not know its length. */
  onProgress?: (done: number, total: number) => void | Promise<void>;
}

/**
 * @internal Runs a plan to the end of its mini-batches, and lets their source go.
 * @param source null where C++ gathers them
 * @returns how many there were
 */
export async function runPlan(
  plan: IterationPlan,
  data: MiniBatchSource,
  source: OpenSource | null,
  { safePoint, isStopped, onProgress }: Watcher,
): Promise<number> {
  let done = 0;
  try {
    const total = callUser('ERR_DATA_SOURCE', 'dataloader: failed', () => data.length) ?? NaN;
    for (let exhausted = false; !exhausted; ) {
      const served = safePoint?.(done);
      if (isThenable(served)) await served;
      if (isStopped?.()) {
        // The reference fetches the next mini-batch before it looks whether to stop.
        await plan.fetch();
        break;
      }
      const progress = await plan.advance();
      done += progress.iterations;
      exhausted = progress.exhausted;
      const reported = onProgress?.(done, total);
      if (isThenable(reported)) await reported;
    }
  } catch (error) {
    // What came first is what is reported, also where the source cannot be closed after it.
    await source?.close().catch(() => {});
    throw error;
  }
  await source?.close();
  return done;
}
