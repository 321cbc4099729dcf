import { ContinualTorchError, describeValue, type ErrorCode } from './errors';

/** Whether `value` is to be awaited: what is not goes on at once, without a turn of the queue of promises. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/**
 * Calls what a program has given us, a function or a method of its own. A promise is returned as one, anything else at once.
 * @param what the beginning of the message, "criterion: failed" for example
 * @throws with this code and what was thrown, or what the promise was rejected with, as the cause; see `failure`
 */
export function callUser<T>(code: ErrorCode, what: string, call: () => T): T {
  try {
    const result = call();
    return isThenable(result) ? (settled(code, what, result) as T) : result;
  } catch (thrown) {
    throw failure(code, what, thrown);
  }
}

/** The same for a function that nobody can wait for. @throws as `callUser`; also where it returns a promise */
export function callUserAtOnce<T>(code: ErrorCode, what: string, call: () => T): T {
  const result = callUser(code, what, call);
  if (!(result instanceof Promise)) return result;
  result.catch(() => {}); // nobody else is told
  throw new ContinualTorchError(code, `${what}: expected a function that is not async, got one that returns a promise`);
}

async function settled(code: ErrorCode, what: string, promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (thrown) {
    throw failure(code, what, thrown);
  }
}

/** What libtorch reports there is explained by the operation that failed. */
const explaining: readonly ErrorCode[] = ['ERR_FORWARD', 'ERR_CRITERION'];

/** What a user's function has thrown, whatever it is, as an error of ours; one that is ours already stays as it is. */
export function failure(code: ErrorCode, what: string, thrown: unknown): ContinualTorchError {
  if (isOurs(thrown) && !(thrown.code === 'ERR_TORCH' && explaining.includes(code))) return thrown;
  return new ContinualTorchError(code, `${what}: ${reasonOf(thrown)}`, { cause: thrown });
}

function isOurs(thrown: unknown): thrown is ContinualTorchError {
  try {
    return thrown instanceof ContinualTorchError;
  } catch {
    return false; // a Proxy that does not want to be asked
  }
}

function reasonOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message);
  } catch {
    // A message that cannot be read.
  }
  return describeValue(thrown);
}

/** Runs every step, also behind one that fails; then throws what the first one threw, as `callUserAtOnce` does. */
export function runEvery(steps: Iterable<() => void>): void {
  const thrown: unknown[] = [];
  for (const step of steps) {
    try {
      callUserAtOnce('ERR_CALLBACK', 'cleaning up failed', step);
    } catch (error) {
      thrown.push(error);
    }
  }
  if (thrown.length > 0) throw thrown[0];
}

/** `work`, then every step behind it whatever fails; what failed first is thrown. */
export async function finishing<T>(work: () => Promise<T>, steps: Iterable<() => void>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (error) {
    try {
      runEvery(steps);
    } catch {
      // What came first is what is reported.
    }
    throw error;
  }
  runEvery(steps);
  return result;
}
