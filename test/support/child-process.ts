// Programs in processes of their own, for what happens to a process as a whole.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';

const root = path.join(__dirname, '..', '..');

/** How long a test that starts processes may take. */
export const processTestTimeout = 300_000;
/** A program that hangs is killed a little before mocha gives up, so that it does not outlive the test. */
const hangGuard = processTestTimeout - 10_000;

export interface Ended {
  /** Exit status; null where a signal ended the process. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Program {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves when the program has printed this line; rejects where it ends before. */
  printed(line: string): Promise<void>;
}

/** Starts a TypeScript file (a path below the package's root). */
export function startProgram(file: string, args: string[] = [], nodeOptions: string[] = [], environment: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [...nodeOptions, '--import', 'tsx', path.join(root, file), ...args], {
    cwd: root,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  const guard = setTimeout(() => child.kill('SIGKILL'), hangGuard);
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(guard);
      resolve({ code, signal, ...output });
    });
  });
  const printed = (line: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output.stdout.split('\n').slice(0, -1).includes(line) && resolve();
      look();
      child.stdout.on('data', look);
      ended.then((end) => reject(new Error(`ended without printing "${line}": ${JSON.stringify(end)}`)), reject);
    });
  return { child, ended, printed };
}

/** Runs a TypeScript file to its end. */
export function runProgram(file: string, args: string[] = [], nodeOptions: string[] = []): Promise<Ended> {
  return startProgram(file, args, nodeOptions).ended;
}
