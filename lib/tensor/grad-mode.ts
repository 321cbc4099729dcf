import { native } from '../native/binding';

/** Whether operators on this thread are recorded for backward. */
export function isGradEnabled(): boolean {
  const enabled = native.setGradEnabled(false);
  native.setGradEnabled(enabled);
  return enabled;
}

/**
 * Calls `fn` with recording for backward switched off, as `torch.no_grad()` does, and returns what it returns. The switch
 * belongs to the calling thread: what an async function does after its first `await` is recorded again.
 */
export function noGrad<T>(fn: () => T): T {
  return inGradMode(false, fn);
}

/** Calls `fn` with recording for backward switched on, inside of `noGrad` too (`torch.enable_grad()`). */
export function enableGrad<T>(fn: () => T): T {
  return inGradMode(true, fn);
}

function inGradMode<T>(on: boolean, fn: () => T): T {
  const before = native.setGradEnabled(on);
  try {
    return fn();
  } finally {
    native.setGradEnabled(before);
  }
}
