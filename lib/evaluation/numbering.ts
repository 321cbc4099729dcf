import { z } from 'zod';
import type { Benchmark } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { nonNegativeInteger } from '../options';
import { arrayOf, object } from '../state';

type AnyBenchmark = Pick<Benchmark<Dataset>, 'identity' | 'streams'>;

/** Of each benchmark in order. */
export const numberingState = arrayOf(object({ place: nonNegativeInteger, fingerprint: z.string('a fingerprint') }));

/**
 * Numbers benchmarks from 0 in the order in which they first come, without keeping them alive. Behind `loadStateDict` a benchmark
 * that comes up first takes a number of its fingerprint that nobody has taken yet: that of its place among the benchmarks of
 * the process, else the first.
 */
export class Numbering {
  /** By number: the benchmark as it was when it came up, here or in an earlier process. */
  private known: z.output<typeof numberingState> = [];
  /** Numbers by the place of their benchmark in this process. */
  private numbers = new Map<number, number>();
  /** Numbers that were loaded and that no benchmark of this process has taken. */
  private free: number[] = [];

  /** The number of this benchmark, or of one of the same data; undefined where it has none yet. */
  find(benchmark: AnyBenchmark): number | undefined {
    const { place } = benchmark.identity;
    const number = this.numbers.get(place);
    if (number !== undefined || this.free.length === 0) return number;
    const fingerprint = benchmark.identity.fingerprintOf(benchmark);
    const alike = this.free.filter((free) => this.known[free]!.fingerprint === fingerprint);
    const own = alike.find((free) => this.known[free]!.place === place) ?? alike[0];
    if (own === undefined) return undefined;
    this.free = this.free.filter((free) => free !== own);
    this.known[own] = { place, fingerprint };
    this.numbers.set(place, own);
    return own;
  }

  /** The same; where there is none yet, the next one. */
  of(benchmark: AnyBenchmark): number {
    const found = this.find(benchmark);
    if (found !== undefined) return found;
    const { identity } = benchmark;
    const number = this.known.push({ place: identity.place, fingerprint: identity.fingerprintOf(benchmark) }) - 1;
    this.numbers.set(identity.place, number);
    return number;
  }

  /** Of each number, in order. */
  stateDict(): z.output<typeof numberingState> {
    return [...this.known];
  }

  /** Takes over what was checked. */
  loadStateDict(state: z.output<typeof numberingState>): void {
    this.known = [...state];
    this.numbers = new Map();
    this.free = state.map((_, number) => number);
  }
}
