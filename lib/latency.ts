import { setImmediate as nextTurn } from 'node:timers/promises';

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
