/** Both sides of a comparison, measured in turn. */
import { execFileSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(__dirname, '..');

/** The path of a program of `bench/native`, built first. */
export function nativeProgram(name: string): string {
  const build = path.join(root, 'build', 'cmake');
  execFileSync('cmake', ['--build', build, '--target', `bench_${name}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return path.join(build, 'Release', `bench_${name}`);
}

/** Runs a program that prints one number. */
export function printedNumber(file: string, args: readonly string[] = []): number {
  const printed = execFileSync(file, args, { encoding: 'utf8' });
  const number = Number(printed);
  if (!Number.isFinite(number)) throw new Error(`${file}: expected a number, got ${printed}`);
  return number;
}

/** Nanoseconds that a call of `body` takes, over `calls` of them and after a tenth as many to warm up. */
export function nanosecondsPerCall(body: () => unknown, calls: number): number {
  for (let i = 0; i < calls / 10; i++) body();
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) body();
  return Number(process.hrtime.bigint() - start) / calls;
}

/** What a comparison found: medians of both sides, and how far the trials lay apart. */
export interface Comparison {
  ours: number;
  peer: number;
  /** ours / peer. */
  ratio: number;
  unit: string;
  /** Smallest and largest ratio of a trial. */
  spread: [number, number];
}

/** Measures both sides in turn, `trials` times. */
export function compare(unit: string, ours: () => number, peer: () => number, trials = 9): Comparison {
  const pairs = Array.from({ length: trials }, () => ({ ours: ours(), peer: peer() }));
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
  const ratios = pairs.map((pair) => pair.ours / pair.peer);
  const [mine, theirs] = [median(pairs.map((pair) => pair.ours)), median(pairs.map((pair) => pair.peer))];
  return { ours: mine, peer: theirs, ratio: mine / theirs, unit, spread: [Math.min(...ratios), Math.max(...ratios)] };
}

/** Prints a comparison, as one JSON object with `--json`. */
export function print(question: string, peerName: string, toReach: number, { ours, peer, ratio, unit, spread }: Comparison): void {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ [question]: { ours, peer, ratio, unit } }));
    return;
  }
  const [least, most] = spread.map((value) => value.toFixed(2));
  console.log(`${question}: ${ours.toFixed(0)} ${unit}, ${peerName} ${peer.toFixed(0)} ${unit}`);
  console.log(`ratio ${ratio.toFixed(2)} (trials ${least} to ${most}), to reach: at most ${toReach}`);
}
