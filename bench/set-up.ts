/** The scripts of the set-up that benchmarks use too: they are plain JavaScript, so the shapes are named here. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export const root = path.resolve(__dirname, '..');

interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  onOutput?: (text: string) => void;
}

export interface SetUp {
  installSignalHandlers(): void;
  throwIfInterrupted(): void;
  /** Runs a command to its end; `output` is what it printed on both of its outputs. Ends it where the user stops. */
  run(command: string, args: readonly string[], options?: RunOptions): Promise<{ code: number | null; output: string; error?: Error }>;
  describeFailure(error: unknown, root: string): { message: string; exitCode: number };
  withLock<T>(file: string, work: () => Promise<T>, options: { onWait: () => void }): Promise<T>;
  readStamp(file: string): unknown;
  writeStamp(file: string, content: unknown): void;
  createReporter(): Reporter;
  runStep(reporter: Reporter, name: string, why: string, work: (progress: (text: string) => void) => Promise<void>): Promise<void>;
  pythonCommand: string;
}

export interface Reporter {
  say(text: string): void;
}

export async function loadSetUp(): Promise<SetUp> {
  const files = ['run', 'failures', 'lock', 'stamp', 'report', 'python'];
  const load = async (name: string) =>
    (await import(pathToFileURL(path.join(root, 'scripts', 'setup', `${name}.mjs`)).href)) as Partial<SetUp>;
  return Object.assign({}, ...(await Promise.all(files.map(load)))) as SetUp;
}
