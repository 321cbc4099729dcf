import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';

type AnyExperience = Experience<Dataset>;

interface Identified {
  readonly identity: object;
}

/** Numbers benchmarks from 0 in the order in which they first come, without keeping them alive. */
export class Numbering {
  private readonly numbers = new WeakMap<object, number>();
  /** Benchmarks numbered so far. */
  count = 0;

  /** The number of this benchmark, or of one of the same data. */
  of({ identity }: Identified): number {
    const number = this.numbers.get(identity) ?? this.count++;
    this.numbers.set(identity, number);
    return number;
  }
}

const everyBenchmark = new Numbering();

/** Tells experiences apart, by benchmark, stream and index; the slices of a stream are that stream. */
export function experienceKey({ benchmark, originStream, currentExperience }: AnyExperience): string {
  return `${everyBenchmark.of(benchmark)}/${originStream.identity}/${currentExperience}`;
}

/** A stream that is the first guest of its name, or may turn out to be. */
interface Guest extends Identified {
  name: string;
  /** Names of all streams of its benchmark. */
  streams: ReadonlySet<string>;
}

/**
 * Which experience the training of a strategy has begun with last, as seen from an evaluated one: their indices can be
 * compared only where both belong to one benchmark. Data to evaluate may also be a benchmark of its own: one that has no
 * stream of the trained one's name goes with whatever is trained. Such guests may be made anew for each evaluation: those
 * whose streams have one name are one.
 */
export class TrainedSteps {
  private latest: { benchmark: object; stream: string; index: number } | null = null;
  private readonly latestOf = new WeakMap<object, number>();
  private readonly guests: Guest[] = [];

  constructor(private readonly benchmarks = new Numbering()) {}

  /** Training on this experience begins, or has ended: what a metric counts as trained. */
  add({ benchmark, originStream, currentExperience }: AnyExperience): void {
    this.latest = { benchmark: benchmark.identity, stream: originStream.name, index: currentExperience };
    this.latestOf.set(benchmark.identity, currentExperience);
  }

  /** Whether nothing has been trained at all. */
  get isEmpty(): boolean {
    return this.latest === null;
  }

  /** Index of the latest experience; null where it belongs to another benchmark than this one, or there is none. */
  latestFor({ benchmark }: AnyExperience): number | null {
    const { latest } = this;
    return latest && (latest.benchmark === benchmark.identity || !benchmark.streams.has(latest.stream)) ? latest.index : null;
  }

  /** Index of the latest experience of this one's benchmark, whatever has been trained since; null where there is none. */
  lastOfBenchmark(evaluated: AnyExperience): number | null {
    return this.latestOf.get(evaluated.benchmark.identity) ?? this.latestFor(evaluated);
  }

  /** Number of the benchmark that an experience belongs to: of guests the first of that name. */
  benchmarkOf({ benchmark, originStream }: AnyExperience): number {
    const { name } = originStream;
    const { identity } = benchmark;
    const own: Guest = { identity, name, streams: new Set(benchmark.streams.keys()) };
    if (!this.isGuest(own)) return this.benchmarks.of(own);
    const namesakes = this.guests.filter((guest) => guest.name === name && this.isGuest(guest));
    const known = namesakes.find((guest) => guest.identity === identity) ?? (this.isEmpty ? undefined : namesakes[0]);
    if (!known) this.guests.push(own);
    return this.benchmarks.of(known ?? own);
  }

  /** Tells streams apart, whatever their names. */
  streamKey(experience: AnyExperience): string {
    return `${this.benchmarkOf(experience)}/${experience.originStream.identity}`;
  }

  /** Tells experiences apart, by stream and index. */
  experienceKey(experience: AnyExperience): string {
    return `${this.streamKey(experience)}/${experience.currentExperience}`;
  }

  /** Before any training every benchmark may turn out to be one. */
  private isGuest({ identity, streams }: Guest): boolean {
    return !this.latestOf.has(identity) && (this.latest === null || !streams.has(this.latest.stream));
  }
}
