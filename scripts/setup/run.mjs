// Child processes. Each one leads a process group of its own, so that Ctrl-C, or a signal sent to the set-up alone,
// reaches a compiler three processes further down as well.
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';

const GRACE_MS = 10_000;
const ownGroup = process.platform !== 'win32';
const running = new Set();
const interruption = new AbortController();

export class Interrupted extends Error {
  constructor(signal) {
    super(`interrupted by ${signal}`);
    this.exitCode = 128 + constants.signals[signal];
  }
}

/** Aborted where the user has asked to stop: for work that no child does. */
export const interruptionSignal = /** @type {AbortSignal} */ (interruption.signal);

/** Throws where the user has asked to stop; called between pieces of work that no child does. */
export function throwIfInterrupted() {
  if (interruption.signal.aborted) throw interruption.signal.reason;
}

/** Waits, but not past an interruption. */
export function sleep(ms) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(interruption.signal.reason);
    };
    const timer = setTimeout(() => {
      interruption.signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (interruption.signal.aborted) stop();
    else interruption.signal.addEventListener('abort', stop, { once: true });
  });
}

export function signalGroup(pid, signal) {
  try {
    if (ownGroup) process.kill(-pid, signal);
    else spawnSync('taskkill', ['/PID', String(pid), '/T', '/F'], { stdio: 'ignore' });
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** Whether any process of a group is left: its leader may be gone while those that it started still clean up. */
export function groupLives(pid) {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** From here on a signal ends the children first, and then the set-up in its own order. */
export function installSignalHandlers() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      const again = interruption.signal.aborted;
      interruption.abort(new Interrupted(signal));
      for (const job of running) job.stop(again ? 'SIGKILL' : signal);
    });
  }
}

/**
 * Runs a command to its end with its standard input closed and both outputs gathered.
 *
 * @param {{cwd?: string, env?: NodeJS.ProcessEnv, onOutput?: (text: string) => void, abort?: AbortSignal,
 *   onStart?: (pid: number) => void}} options `abort` ends the child (used for deadlines).
 * @returns {Promise<{code: number | null, output: string, error?: Error}>}
 * @throws Interrupted, after the child has ended; its `killed` is true where the child had to be killed.
 */
export async function run(command, args, { cwd, env, onOutput, abort, onStart } = {}) {
  throwIfInterrupted();
  const child = spawn(command, args, {
    cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: ownGroup, windowsHide: true,
  });
  let output = '';
  let killed = false;
  let lastResort;
  const job = {
    stop(signal) {
      if (child.pid === undefined) return;
      if (signal === 'SIGKILL') killed = true;
      signalGroup(child.pid, signal);
      lastResort ??= setTimeout(() => job.stop('SIGKILL'), GRACE_MS);
    },
  };
  const onAbort = () => job.stop('SIGTERM');
  abort?.addEventListener('abort', onAbort, { once: true });
  running.add(job);
  const gather = (text) => {
    output += text;
    onOutput?.(text);
  };
  child.stdout.setEncoding('utf8').on('data', gather);
  child.stderr.setEncoding('utf8').on('data', gather);
  if (child.pid !== undefined) onStart?.(child.pid);
  try {
    const result = await new Promise((resolve) => {
      child.once('error', (error) => resolve({ code: null, error }));
      child.once('close', (code) => resolve({ code }));
    });
    if (interruption.signal.aborted) {
      throw Object.assign(interruption.signal.reason, { killed });
    }
    return { ...result, output };
  } finally {
    clearTimeout(lastResort);
    abort?.removeEventListener('abort', onAbort);
    running.delete(job);
  }
}

/** A short question to a program, answered within `timeoutMs`; never throws. */
export function probe(command, args, { env = process.env, input, cwd, timeoutMs = 20_000 } = {}) {
  const answer = spawnSync(command, args, {
    env, input, cwd, encoding: 'utf8', timeout: timeoutMs, windowsHide: true, maxBuffer: 1 << 24,
  });
  return {
    ok: answer.status === 0,
    missing: answer.error?.code === 'ENOENT',
    stdout: answer.stdout ?? '',
    stderr: answer.stderr ?? '',
  };
}
