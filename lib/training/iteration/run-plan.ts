import type { MiniBatchSource } from '../../data/dataset';
import { callUser, isThenable } from '../../user-function';
import type { IterationPlan } from './iteration-plan';
import type { OpenSource } from './mini-batch-source';

/** @internal Who looks at a plan that runs, between two jobs. */
export interface Watcher {
  /** Mini-batches of this pass that an earlier one has had. */
  before?: number;
  /** How many iterations may go by before the next safe point. */
  atMost?: () => number;
  /** Called where all of an iteration is done and nothing is at work; a promise is awaited. */
  safePoint?: (done: number) => void | Promise<void>;
  /** Whether to stop here. */
  isStopped?: () => boolean;
  /** Mini-batches so far and in all; NaN where the data does not know its length. */
  onProgress?: (done: number, total: number) => void | Promise<void>;
}

/**
 * @internal Runs a plan to the end of its mini-batches, and lets their source go.
 * @returns how many there were
 */
export async function runPlan(
  plan: IterationPlan,
  data: MiniBatchSource,
  source: OpenSource,
  { before = 0, atMost, safePoint, isStopped, onProgress }: Watcher,
): Promise<number> {
  let done = before;
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
      const progress = await plan.advance(atMost?.());
      done += progress.iterations;
      exhausted = progress.exhausted;
      const reported = onProgress?.(done, total);
      if (isThenable(reported)) await reported;
    }
  } catch (error) {
    // What came first is what is reported, also where the source cannot be closed after it.
    await source.close().catch(() => {});
    throw error;
  }
  await source.close();
  return done;
}
