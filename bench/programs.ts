/** The programs of the questions: made ready before the first trial, then run one at a time. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { lastObject, type PeerPython, peerPython } from './python-environment';
import { BenchError, type Program, type Question } from './question';
import { root, type SetUp } from './set-up';
import type { Measured } from './trials';

const compiledIn = (checkout: string) => path.join(checkout, '.cache', 'bench');
const cmakeFolder = path.join(root, 'build', 'cmake');

export interface Programs {
  /** The version of our libtorch. */
  torch: string;
  /** Null where no question needs it. */
  python: PeerPython | null;
  run(program: Program): Promise<Measured>;
}

/** What is the same on both sides. */
export interface Conditions {
  threads: number;
  device: string;
}

/** @param say is told what takes a while */
export async function prepare(
  setUp: SetUp,
  questions: readonly Question[],
  { threads, device }: Conditions,
  say: (text: string) => void,
): Promise<Programs> {
  const programs = questions.flatMap(({ ours, peer }) => [ours.program, ...(peer ? [peer.program] : [])]);
  const env = { ...process.env, OMP_NUM_THREADS: String(threads), MKL_NUM_THREADS: String(threads), BENCH_DEVICE: device };
  for (const checkout of new Set([root, ...programs.flatMap(({ checkout: other }) => other ?? [])])) compileWorkloads(checkout);
  const print = 'process.stdout.write(require("continual-torch").torchVersion)';
  const { output: torch } = await succeeded(setUp, process.execPath, ['-e', print], process.env);
  const targets = new Set(programs.filter(({ runs }) => runs === 'native').map(({ file }) => `bench_${file}`));
  if (targets.size > 0) {
    say('compiling the programs of bench/native');
    const args = [...targets].flatMap((target) => ['--target', target]);
    await succeeded(setUp, 'cmake', ['--build', cmakeFolder, ...args], process.env);
  }
  const python = programs.some(({ runs }) => runs === 'python') ? await peerPython(setUp, torch) : null;

  function command({ runs, file, checkout = root }: Program): string[] {
    if (runs === 'node') return [process.execPath, path.join(compiledIn(checkout), `${file}.js`)];
    if (runs === 'python') return [python!.executable, path.join(root, 'bench', 'peers', `${file}.py`)];
    return [path.join(cmakeFolder, 'Release', `bench_${file}`)];
  }
  return {
    torch,
    python,
    async run(program) {
      const [file, ...args] = [...command(program), ...(program.args ?? []).map(String)];
      const start = performance.now();
      let secondsToResult = NaN;
      const onOutput = (text: string) => {
        if (Number.isNaN(secondsToResult) && lastObject(text) !== '') secondsToResult = (performance.now() - start) / 1000;
      };
      const { output } = await succeeded(setUp, file!, args, env, onOutput);
      return { ...(JSON.parse(lastObject(output)) as Measured), secondsToResult };
    },
  };
}

/** Our side runs as a user's program does: plain Node on what is published, without a TypeScript loader in the process. */
function compileWorkloads(checkout: string): void {
  const sources = path.join(checkout, 'bench', 'workloads');
  const compiled = compiledIn(checkout);
  mkdirSync(compiled, { recursive: true });
  for (const file of readdirSync(sources)) {
    const source = readFileSync(path.join(sources, file), 'utf8');
    // As deep below the root as the sources are, so that relative paths hold.
    const { outputText } = ts.transpileModule(source, {
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
    });
    const target = path.join(compiled, file.replace(/\.ts$/, '.js'));
    // Another benchmark may be running what is there.
    if (!existsSync(target) || readFileSync(target, 'utf8') !== outputText) writeFileSync(target, outputText);
  }
}

async function succeeded(
  setUp: SetUp,
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onOutput: (text: string) => void = () => {},
): Promise<{ output: string }> {
  const { code, output, error } = await setUp.run(file, args, { cwd: root, env, onOutput });
  if (code === 0) return { output };
  const ended = error?.message ?? `ended with ${code === null ? 'a signal' : `status ${code}`}`;
  throw new BenchError(`${[file, ...args].join(' ')}: ${ended}\n${output.trim()}`);
}
