import { AsyncLocalStorage } from 'node:async_hooks';

const around = new AsyncLocalStorage<readonly number[]>();

/** The calls of `train` and `eval` that wait for what happens at the present place, the innermost first. */
export function callsAround(): readonly number[] {
  return around.getStore() ?? [];
}

/** Runs what a call of `train` or `eval` waits for. */
export function insideCall<T>(call: number, run: () => T): T {
  return around.run([call, ...callsAround()], run);
}

/** Runs what none of these calls waits for. */
export function outsideCalls<T>(run: () => T): T {
  return around.exit(run);
}
