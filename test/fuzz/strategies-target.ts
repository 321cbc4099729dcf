import { spawn } from 'node:child_process';
import path from 'node:path';
import { inspect } from 'node:util';
import { FuzzRandom } from './random';
import { makeProgram } from './strategies/program';

/** Programs of one process. */
const partSize = 100;
/** One process in so many gets a signal somewhere in its programs. */
const signalEvery = 10;
/** How long a program may take. */
const patienceMs = 60_000;

/** A program that did not do what it should, and what it did. */
export interface Finding {
  index: number;
  what: string;
}

interface Line {
  index: number;
  outcomes?: string[];
  finding?: string;
}

interface Part {
  seed: number;
  from: number;
  to: number;
}

/** Runs the programs of a range in a process of their own, or in several where one ends. Counts what calls ended with. */
export async function fuzzStrategies(part: Part, counts = new Map<string, number>()): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let { from } = part; from < part.to; ) {
    const last = await runChild({ ...part, from }, ({ index, outcomes, finding }) => {
      if (finding !== undefined) findings.push({ index, what: finding });
      for (const outcome of outcomes ?? []) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    });
    if (last.what !== null) findings.push({ index: last.index, what: last.what });
    from = last.index + 1;
  }
  return findings;
}

/** @returns the last program that began, and what ended the process with it */
async function runChild({ seed, from, to }: Part, onLine: (line: Line) => void): Promise<{ index: number; what: string | null }> {
  const args = ['--import', 'tsx', path.join(__dirname, 'strategies', 'child.ts'), ...[seed, from, to].map(String)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [index, rest, errors] = [from, '', ''];
  let guard = setTimeout(() => child.kill('SIGKILL'), 2 * patienceMs);
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    clearTimeout(guard);
    guard = setTimeout(() => child.kill('SIGKILL'), patienceMs);
    for (const line of lines) {
      if (!line.startsWith('{')) continue; // what a program prints
      const parsed = JSON.parse(line) as Line;
      ({ index } = parsed);
      onLine(parsed);
    }
  });
  const random = new FuzzRandom(seed, from);
  const sent = to - from > 1 && random.below(signalEvery) === 0 ? random.pick(['SIGTERM', 'SIGINT'] as const) : null;
  if (sent) child.stdout.once('data', () => setTimeout(() => child.kill(sent), random.below(5000)));
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (...end) => resolve(end)),
  );
  clearTimeout(guard);
  if (code === 0 || (sent !== null && signal === sent)) return { index: signal ? index : to - 1, what: null };
  return { index, what: `the process ended with ${signal ?? code} ${errors}` };
}

/** Random programs of hooks, data and errors. */
export async function strategiesTarget({ count, seed, from }: { count: number; seed: number; from: number }): Promise<boolean> {
  const counts = new Map<string, number>();
  const start = performance.now();
  let found = 0;
  for (let begin = from; begin < from + count; begin += partSize) {
    const to = Math.min(begin + partSize, from + count);
    for (const { index, what } of await fuzzStrategies({ seed, from: begin, to }, counts)) {
      console.error(`npm run fuzz -- strategies --seed ${seed} --from ${index} --count 1: ${what}\n${inspect(makeProgram(seed, index), { depth: 4, breakLength: 120 })}`);
      found++;
    }
    console.log(`strategies seed ${seed}: ${to} after ${((performance.now() - start) / 1000).toFixed(0)} s`);
  }
  console.log(`strategies: ${[...counts].sort(([, a], [, b]) => b - a).map(([name, times]) => `${times} ${name}`).join(', ')}`);
  return found === 0;
}
