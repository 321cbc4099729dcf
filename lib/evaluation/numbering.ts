import { z } from 'zod';
import { benchmarksMade, thisProcess } from '../benchmarks/benchmark-identity';
import type { Benchmark } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { nonNegativeInteger } from '../options';
import { arrayOf, object } from '../state';

type AnyBenchmark = Pick<Benchmark<Dataset>, 'identity' | 'streams'>;

const text = z.string('a text');

/** Of each benchmark in order. */
export const numberingState = arrayOf(object({ process: text, place: nonNegativeInteger, fingerprint: text }));
type Known = z.output<typeof numberingState>[number];

/**
 * Numbers benchmarks from 0 in the order in which they first come, without keeping them alive.
 *
 * Behind `loadStateDict` a benchmark that comes up first takes a number whose benchmark looked the same and that nobody has taken
 * yet: the one with its place among the benchmarks that a process makes, as in a program that makes them as before; else the first
 * that can be no other benchmark of this process.
 */
export class Numbering {
  /** By number: the benchmark as it was when it came up, here or in an earlier process. */
  private known: Known[] = [];
  /** Numbers by the place of their benchmark in this process. */
  private numbers = new Map<number, number>();
  /** Numbers that were loaded and that no benchmark of this process has taken. */
  private free: number[] = [];

  /** The number of this benchmark, or of one of the same data; undefined where it has none yet. */
  find(benchmark: AnyBenchmark): number | undefined {
    const number = this.numbers.get(benchmark.identity.place);
    if (number !== undefined || this.free.length === 0) return number;
    const own = describe(benchmark);
    const alike = this.free.filter((free) => this.known[free]!.fingerprint === own.fingerprint);
    const isOther = ({ process, place }: Known) => process !== thisProcess && place < benchmarksMade();
    const found = alike.find((free) => this.known[free]!.place === own.place) ?? alike.find((free) => !isOther(this.known[free]!));
    if (found === undefined) return undefined;
    this.free = this.free.filter((free) => free !== found);
    this.known[found] = own;
    this.numbers.set(own.place, found);
    return found;
  }

  /** The same; where there is none yet, the next one. */
  of(benchmark: AnyBenchmark): number {
    const found = this.find(benchmark);
    if (found !== undefined) return found;
    const number = this.known.push(describe(benchmark)) - 1;
    this.numbers.set(benchmark.identity.place, number);
    return number;
  }

  /** Of each number, in order. */
  stateDict(): Known[] {
    return [...this.known];
  }

  /** Takes over what was checked. */
  loadStateDict(state: readonly Known[]): void {
    this.known = [...state];
    this.numbers = new Map();
    this.free = state.map((_, number) => number);
  }
}

function describe(benchmark: AnyBenchmark): Known {
  const { identity } = benchmark;
  return { process: thisProcess, place: identity.place, fingerprint: identity.fingerprintOf(benchmark) };
}
