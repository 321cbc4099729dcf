// Runs that are killed and resumed until they come to their end.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startProgram } from './child-process';

const program = 'test/process/programs/resumed-training.ts';
const failingDisk = path.join(__dirname, 'failing-disk.cjs');

/** The runs that the program knows. */
export const runs = ['joined', 'evaluated', 'typescript', 'heads', 'iterable', 'ownLoader', 'window', 'proximal', 'shuffled', 'ewc', 'si', 'rwalk', 'lwf', 'lfl'] as const;
export type RunName = (typeof runs)[number];

export interface EndOfRun {
  digest: string;
  /** How often it was killed, and from which checkpoints it went on. */
  kills: number;
  from: (number | null)[];
  /** From where the last process had loaded what there was to its end. */
  milliseconds: number;
}

function startTraining(...args: Parameters<typeof startProgram>) {
  const { child, ended } = startProgram(...args);
  const begun = new Promise<void>((resolve) => {
    let text = '';
    child.stdout!.on('data', (piece: string) => {
      text += piece;
      if (/^from /m.test(text)) resolve();
    });
  });
  return { child, ended, begun };
}

/** What the checkpoints are written to: a disk that works, one that fails at random, one that is too small. */
export type Disk = 'sound' | 'failing' | 'full';

/** Whether this process may make a file system that is full. */
export async function canMount(): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'continual-torch-mount-'));
  try {
    await mountSmall(folder);
    await promisify(execFile)('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Room for some of the checkpoints of these runs. */
async function mountSmall(folder: string): Promise<void> {
  await promisify(execFile)('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', folder]);
}

/**
 * Every process but the last writes to such a disk.
 * @param killAfter for how long each process may train, in milliseconds, until the list is at its end; what is left runs to its end
 */
export async function trainToTheEnd(run: RunName, killAfter: readonly number[] = [], disk: Disk = 'sound', seed = 1): Promise<EndOfRun> {
  const folder = await mkdtemp(path.join(tmpdir(), 'continual-torch-killed-'));
  const [checkpoints, logs] = ['checkpoints', 'logs'].map((name) => path.join(folder, name)) as [string, string];
  await mkdir(logs);
  await mkdir(checkpoints);
  if (disk === 'full') await mountSmall(checkpoints);
  const from: (number | null)[] = [];
  let kills = 0;
  try {
    for (const limit of [...killAfter, null]) {
      const isFailing = disk === 'failing' && limit !== null;
      const { child, ended, begun } = startTraining(program, [run, checkpoints, logs], isFailing ? ['--require', failingDisk] : [], {
        FAILING_DISK: String(seed * 100 + kills),
      });
      const timer = new AbortController();
      let begin = NaN;
      void begun.then(() => (begin = performance.now()));
      if (limit !== null) {
        void begun.then(() => after(limit, null, { signal: timer.signal })).then(() => child.kill('SIGKILL'), () => undefined); // prettier-ignore
      }
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
    if (disk === 'full') await promisify(execFile)('umount', [checkpoints]);
    await rm(folder, { recursive: true, force: true });
  }
}
