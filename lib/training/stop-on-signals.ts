import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { ContinualTorchError, describeValue } from '../errors';
import { BaseTemplate } from './templates/base';

const names = ['SIGINT', 'SIGTERM'] as const;
type Name = (typeof names)[number];

/** Those that wait for a signal. */
const waiting = new Set<{ readonly isAtWork: boolean; abort(name: Name): void }>();
let hasCome = false;

/**
 * Has Ctrl-C (SIGINT) and SIGTERM end what strategies are at, once: `train` and `eval` are aborted as by a `signal` of theirs,
 * after the iteration under way, and reject with ERR_ABORTED, whose message tells which signal came; calls that come later do not
 * begin. A line on stderr says so. A second signal ends the process at once, with status 128 + its number, 130 for Ctrl-C.
 *
 *     using stopping = stopOnSignals(strategy);
 *     await strategy.train(trainStream);
 *
 * In a worker thread it does nothing but warn: signals of the process arrive in the main thread alone.
 *
 * @returns what is disposed of to have signals do what they did before
 * @throws ERR_INVALID_ARG_TYPE
 */
export function stopOnSignals(...strategies: readonly BaseTemplate[]): Disposable {
  const wrong = strategies.find((strategy: unknown) => !(strategy instanceof BaseTemplate));
  if (wrong !== undefined || strategies.length === 0) {
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `stopOnSignals: expected strategies, got ${describeValue(wrong)}`);
  }
  if (!isMainThread) {
    process.emitWarning(
      'stopOnSignals: SIGINT and SIGTERM do not arrive in worker threads: have the main thread tell this one to abort a signal of its own.',
      'ContinualTorchWarning',
    );
    return { [Symbol.dispose]() {} };
  }
  const controller = new AbortController();
  const { signal } = controller;
  const one = {
    get isAtWork() {
      return strategies.some((strategy) => strategy.isAtWork);
    },
    abort: (name: Name) => controller.abort(new Error(name)),
  };
  for (const strategy of strategies) strategy.abortSignals.add(signal);
  if (waiting.size === 0) for (const name of names) process.on(name, onSignal);
  waiting.add(one);
  return {
    [Symbol.dispose]() {
      for (const strategy of strategies) strategy.abortSignals.delete(signal);
      if (!waiting.delete(one) || waiting.size > 0) return;
      hasCome = false;
      for (const name of names) process.off(name, onSignal);
    },
  };
}

function onSignal(name: Name): void {
  if (hasCome) process.exit(128 + constants.signals[name]);
  hasCome = true;
  const isAtWork = [...waiting].some((one) => one.isAtWork);
  process.stderr.write(`${name}: ${isAtWork ? 'finishing the iteration' : 'nothing is begun any more'}; again: stop at once\n`);
  for (const one of waiting) one.abort(name);
}
