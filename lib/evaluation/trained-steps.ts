import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';

type AnyExperience = Experience<Dataset>;

/** Numbers objects from 0 in the order in which they first come, without keeping them alive. */
export class Numbering {
  private readonly numbers = new WeakMap<object, number>();
  /** Objects numbered so far. */
  count = 0;

  /** The number of this object. */
  of(object: object): number {
    const number = this.numbers.get(object) ?? this.count++;
    this.numbers.set(object, number);
    return number;
  }
}

const streams = new Numbering();

/** Tells streams apart, whatever their names; the slices of one are that stream. */
export function streamNumber({ originStream }: AnyExperience): number {
  return streams.of(originStream.identity);
}

/** Tells experiences apart, by stream and index. */
export function experienceKey(experience: AnyExperience): string {
  return `${streamNumber(experience)}/${experience.currentExperience}`;
}

/**
 * Which experience the training of a strategy has begun with last, as seen from an evaluated one: their indices can be
 * compared only where both belong to one benchmark. Data to evaluate may also be a benchmark of its own: one that has no
 * stream of the trained one's name goes with whatever is trained.
 */
export class TrainedSteps {
  private latest: { benchmark: number; stream: string; index: number } | null = null;
  private readonly latestOf = new Map<number, number>();

  constructor(private readonly benchmarks = new Numbering()) {}

  /** Training on this experience begins, or has ended: what a metric counts as trained. */
  add({ benchmark, originStream, currentExperience }: AnyExperience): void {
    this.latest = { benchmark: this.benchmarks.of(benchmark), stream: originStream.name, index: currentExperience };
    this.latestOf.set(this.latest.benchmark, currentExperience);
  }

  /** Whether nothing has been trained at all. */
  get isEmpty(): boolean {
    return this.latest === null;
  }

  /** Index of the latest experience; null where it belongs to another benchmark than this one, or there is none. */
  latestFor(evaluated: AnyExperience): number | null {
    const { latest } = this;
    const belongs = latest && (latest.benchmark === this.benchmarks.of(evaluated.benchmark) || this.isGuest(evaluated));
    return belongs ? latest.index : null;
  }

  /** Index of the latest experience of this one's benchmark, whatever has been trained since; null where there is none. */
  lastOfBenchmark(evaluated: AnyExperience): number | null {
    return this.latestOf.get(this.benchmarks.of(evaluated.benchmark)) ?? this.latestFor(evaluated);
  }

  private isGuest({ benchmark }: AnyExperience): boolean {
    return !benchmark.streams.has(this.latest!.stream);
  }
}
