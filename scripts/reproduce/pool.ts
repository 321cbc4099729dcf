/** Several processes with one thread each: for networks as small as these faster than one process with several threads. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { Result, Run } from './results';

/** Trains all runs, and tells each result as it comes. @throws where a process fails */
export async function trainAll(runs: readonly Run[], processes: number, onResult: (result: Result) => void): Promise<void> {
  const waiting = [...runs];
  const children = Array.from({ length: Math.min(processes, runs.length) }, () => fork(path.join(__dirname, 'worker.ts')));
  try {
    await Promise.all(children.map((child) => serve(child, waiting, onResult)));
  } finally {
    for (const child of children) child.kill();
  }
}

/** Gives a process the next run whenever it has answered, until none is left. */
function serve(child: ChildProcess, waiting: Run[], onResult: (result: Result) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let current: Run | undefined;
    const next = () => {
      current = waiting.shift();
      if (current) child.send(current);
      else resolve();
    };
    child.on('message', (result: Result) => {
      onResult(result);
      next();
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (current) reject(new Error(`${current.row}, ${current.column}, seed ${current.seed}: the process ended with ${signal ?? code}`));
    });
    next();
  });
}
