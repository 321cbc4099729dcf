import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../../errors';

/** The option `signal`. */
export const signalSchema = z.custom<AbortSignal>((value) => {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}, 'an AbortSignal');

/** The error of a call that has been aborted `where`: "before it began". */
export function abortError(operation: string, where: string, { reason }: AbortSignal, ways: readonly string[] = []): ContinualTorchError {
  const why = reason instanceof Error ? reason.message : describeValue(reason);
  return new ContinualTorchError('ERR_ABORTED', [`${operation}: aborted ${where}: ${why}`, ...ways].join('; '), { cause: reason });
}

/** How many causes an error may have behind each other to be looked at. */
const depth = 8;

/** Whether this is what comes of an abort: an error that says so, or one with the signal's reason among its causes. */
export function isOfAbort(error: unknown, { reason }: AbortSignal): boolean {
  let cause: unknown = error;
  for (let i = 0; i < depth && typeof cause === 'object' && cause !== null; i++) {
    if (cause === reason || (cause instanceof ContinualTorchError && cause.code === 'ERR_ABORTED')) return true;
    cause = (cause as { cause?: unknown }).cause;
  }
  return false;
}
