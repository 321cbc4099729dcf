import { AsyncLocalStorage } from 'node:async_hooks';

/** A hook under way. */
export interface HookCall {
  /** Null once the hook has ended, though work that it started may go on. */
  strategy: object | null;
  /** The call that waits for the hook. */
  readonly call: number;
  /** The hook in which that call was made, as far as it was still under way. */
  readonly outer: HookCall | undefined;
  /** What the hook has begun that works with the same model. */
  readonly begun: Promise<unknown>[];
}

/** Tells a call inside a hook, whose strategy waits for it, from one that comes from elsewhere. */
const hookUnderWay = new AsyncLocalStorage<HookCall>();

/** The hook in which the present place was reached. */
export function hookAround(): HookCall | undefined {
  return hookUnderWay.getStore();
}

/** That hook and those around it, from the inside out, as far as they are still under way. */
export function hooksAround(): HookCall[] {
  const result: HookCall[] = [];
  for (let hook = hookAround(); hook; hook = hook.outer) if (hook.strategy) result.push(hook);
  return result;
}

/** Calls a hook, and returns when it has ended and what it has begun; at once where nothing is to be waited for. */
export function insideHook(strategy: object, call: number, run: () => unknown): void | Promise<void> {
  const hook: HookCall = { strategy, call, outer: hooksAround()[0], begun: [] };
  let result: unknown;
  try {
    result = hookUnderWay.run(hook, run);
    if (result instanceof Promise || hook.begun.length > 0) return finish(hook, result);
  } catch (error) {
    if (hook.begun.length > 0) return finish(hook, Promise.reject(error));
    hook.strategy = null;
    throw error;
  }
  hook.strategy = null;
}

async function finish(hook: HookCall, result: unknown): Promise<void> {
  try {
    await result;
  } finally {
    hook.strategy = null;
    // Both work with the current mini-batch and the model's mode.
    await Promise.allSettled(hook.begun);
  }
}
