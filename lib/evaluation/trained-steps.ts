import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { integer, nonNegativeInteger } from '../options';
import { arrayOf, object } from '../state';
import { Numbering, numberingState } from './numbering';

type AnyExperience = Experience<Dataset>;

/** Tells experiences apart, by benchmark, stream and index; the slices of a stream are that stream. */
export function experienceKey({ benchmark, originStream, currentExperience }: AnyExperience): string {
  return `${benchmark.identity.place}/${originStream.identity}/${currentExperience}`;
}

const name = z.string('a name');
const guest = object({ benchmark: nonNegativeInteger, name, streams: arrayOf(name) });

/** What a `TrainedSteps` keeps. */
export const trainedStepsState = object({
  benchmarks: numberingState,
  latest: object({ benchmark: nonNegativeInteger, stream: name, index: integer }).nullable(),
  latestOf: arrayOf(z.tuple([nonNegativeInteger, integer], 'a benchmark and an index')),
  guests: arrayOf(guest),
  numbered: arrayOf(nonNegativeInteger),
});
type TrainedStepsState = z.output<typeof trainedStepsState>;

/** A stream that is the first guest of its name, or may turn out to be; and the names of all streams of its benchmark. */
type Guest = z.output<typeof guest>;

/**
 * Which experience the training of a strategy has begun with last, as seen from an evaluated one: their indices can be
 * compared only where both belong to one benchmark. Data to evaluate may also be a benchmark of its own: one that has no
 * stream of the trained one's name goes with whatever is trained. Such guests may be made anew for each evaluation: those
 * whose streams have one name are one.
 */
export class TrainedSteps {
  /** Of those that are trained, and of guests. */
  private readonly benchmarks = new Numbering();
  private latest: TrainedStepsState['latest'] = null;
  private latestOf = new Map<number, number>();
  private guests: Guest[] = [];
  /** Those that values have gone with, in the order in which they came up. */
  private numbered: number[] = [];

  /** Training on this experience begins, or has ended: what a metric counts as trained. */
  add({ benchmark, originStream, currentExperience }: AnyExperience): void {
    const number = this.benchmarks.of(benchmark);
    this.latest = { benchmark: number, stream: originStream.name, index: currentExperience };
    this.latestOf.set(number, currentExperience);
  }

  /** Whether nothing has been trained at all. */
  get isEmpty(): boolean {
    return this.latest === null;
  }

  /** Index of the latest experience; null where it belongs to another benchmark than this one, or there is none. */
  latestFor({ benchmark }: AnyExperience): number | null {
    const { latest } = this;
    const isOurs = latest && (latest.benchmark === this.benchmarks.find(benchmark) || !benchmark.streams.has(latest.stream));
    return isOurs ? latest.index : null;
  }

  /** Index of the latest experience of this one's benchmark, whatever has been trained since; null where there is none. */
  lastOfBenchmark(evaluated: AnyExperience): number | null {
    const number = this.benchmarks.find(evaluated.benchmark);
    return (number === undefined ? undefined : this.latestOf.get(number)) ?? this.latestFor(evaluated);
  }

  /** Number of the benchmark that an experience belongs to: of guests the first of that name. */
  benchmarkOf({ benchmark, originStream }: AnyExperience): number {
    const { name } = originStream;
    const number = this.benchmarks.find(benchmark);
    const streams = [...benchmark.streams.keys()];
    if (!this.isGuest(number, streams)) return this.shown(this.benchmarks.of(benchmark));
    const namesakes = this.guests.filter((guest) => guest.name === name && this.isGuest(guest.benchmark, guest.streams));
    const known = namesakes.find((guest) => guest.benchmark === number) ?? (this.isEmpty ? undefined : namesakes[0]);
    if (known) return this.shown(known.benchmark);
    const own = { benchmark: this.benchmarks.of(benchmark), name, streams };
    this.guests.push(own);
    return this.shown(own.benchmark);
  }

  /** How many numbers `benchmarkOf` has given. */
  get benchmarkCount(): number {
    return this.numbered.length;
  }

  /** Tells streams apart, whatever their names. */
  streamKey(experience: AnyExperience): string {
    return `${this.benchmarkOf(experience)}/${experience.originStream.identity}`;
  }

  /** Tells experiences apart, by stream and index. */
  experienceKey(experience: AnyExperience): string {
    return `${this.streamKey(experience)}/${experience.currentExperience}`;
  }

  /** Benchmarks by their numbers. */
  stateDict(): TrainedStepsState {
    const { latest, latestOf, guests, numbered } = this;
    return { benchmarks: this.benchmarks.stateDict(), latest, latestOf: [...latestOf], guests: [...guests], numbered: [...numbered] };
  }

  /** Takes over what was checked. */
  loadStateDict({ benchmarks, latest, latestOf, guests, numbered }: TrainedStepsState): void {
    this.benchmarks.loadStateDict(benchmarks);
    this.latest = latest;
    this.latestOf = new Map(latestOf);
    this.guests = [...guests];
    this.numbered = [...numbered];
  }

  /** Before any training every benchmark may turn out to be one. */
  private isGuest(benchmark: number | undefined, streams: readonly string[]): boolean {
    const isTrained = benchmark !== undefined && this.latestOf.has(benchmark);
    return !isTrained && (this.latest === null || !streams.includes(this.latest.stream));
  }

  private shown(benchmark: number): number {
    const place = this.numbered.indexOf(benchmark);
    return place >= 0 ? place : this.numbered.push(benchmark) - 1;
  }
}
