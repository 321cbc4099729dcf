import { native } from '../native/binding';

/**
 * Calls `fn` with recording for backward switched off, as `torch.no_grad()` does, and returns what it returns. The switch
 * belongs to the calling thread: what an async function does after its first `await` is recorded again.
 */
export function noGrad<T>(fn: () => T): T {
  const before = native.setGradEnabled(false);
  try {
    return fn();
  } finally {
    native.setGradEnabled(before);
  }
}
