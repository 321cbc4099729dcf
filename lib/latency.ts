import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * The latency policy: how long the event loop waits for us, and how long we wait for it.
 *
 * Training runs as jobs of the compute thread. A job of many iterations comes back after `jobBudgetMs`. A job of one
 * iteration's phases, between two hooks, is waited for on the spot, up to `patienceUs`: the way over the event loop would take
 * longer than a small model's phase. `LoopTurns` sees to it that the loop turns all the same, each `turnBudgetMs`. Work of the
 * JavaScript thread itself (reading a file's header, unpickling) goes in turns: see `Work`.
 */

/** How long one job may take, so that progress, `stopTraining` and the end of the process stay prompt. */
export const jobBudgetMs = 20;
/** How long hooks and short jobs may keep the event loop from turning. */
const turnBudgetMs = 5;
/** How long to wait for a job before going on by way of the event loop. */
const patienceUs = 1000;
/** After how many iterations that JavaScript had a part in to look whether it still has. */
export const iterationsBetweenLooks = 20;

/** When the event loop has turned last, and for how long a job may be waited for until it has to again. */
export class LoopTurns {
  private latest = 0;

  /** How long to wait on the spot for a short job, in microseconds; 0: the loop is to turn. */
  patienceUs(): number {
    return performance.now() - this.latest < turnBudgetMs ? patienceUs : 0;
  }

  /** Has the loop turn while a job runs, and at least once. */
  async turn<T>(running: T | Promise<T>): Promise<T> {
    // What is computed at once is no turn of the loop: a pass may consist of nothing else.
    const result = running instanceof Promise ? await running : await nextTurn(running);
    this.latest = performance.now();
    return result;
  }
}

/**
 * Work of the JavaScript thread that may take long. It yields each few milliseconds, which it counts in what it has done:
 * a clock would make two runs differ.
 */
export type Work<T> = Generator<undefined, T, undefined>;

/** Does it to its end; wherever it yields, the event loop has its turn. */
export async function inTurns<T>(work: Work<T>): Promise<T> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await nextTurn();
  }
}
