// Runs that are killed and resumed until they come to their end.
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { startProgram } from './child-process';

const program = 'test/process/programs/resumed-training.ts';

/** The runs that the program knows. */
export const runs = ['joined', 'evaluated', 'typescript', 'heads', 'iterable', 'ownLoader'] as const;
export type RunName = (typeof runs)[number];

export interface EndOfRun {
  digest: string;
  /** How often it was killed, and from which checkpoints it went on. */
  kills: number;
  from: (number | null)[];
  milliseconds: number;
}

/**
 * @param killAfter how long each process may live, in milliseconds, until the list is at its end; what is left runs to its end
 * @param nodeOptions of every process but the last
 */
export async function trainToTheEnd(run: RunName, killAfter: readonly number[] = [], nodeOptions: string[] = []): Promise<EndOfRun> {
  const folder = await mkdtemp(path.join(tmpdir(), 'continual-torch-killed-'));
  const [checkpoints, logs] = ['checkpoints', 'logs'].map((name) => path.join(folder, name)) as [string, string];
  await mkdir(logs);
  const begin = performance.now();
  const from: (number | null)[] = [];
  let kills = 0;
  try {
    for (const limit of [...killAfter, null]) {
      const { child, ended } = startProgram(program, [run, checkpoints, logs], limit === null ? [] : nodeOptions);
      const timer = new AbortController();
      if (limit !== null) void after(limit, null, { signal: timer.signal }).then(() => child.kill('SIGKILL'), () => undefined); // prettier-ignore
      const { code, signal, stdout, stderr } = await ended;
      timer.abort();
      for (const line of stdout.split('\n')) if (line.startsWith('from ')) from.push(JSON.parse(line.slice(5)) as number | null);
      if (signal === 'SIGKILL') {
        kills++;
        continue;
      }
      const last = stdout.trim().split('\n').at(-1)!;
      if (code !== 0) throw new Error(`${run} ended with ${code}: ${stderr}`);
      return { digest: (JSON.parse(last) as { digest: string }).digest, kills, from, milliseconds: performance.now() - begin };
    }
    throw new Error(`${run} was killed every time`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
