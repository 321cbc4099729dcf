import { inspect } from 'node:util';
import { z } from 'zod';
import type { Dataset } from '../data/dataset';
import type { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { counted, listed, summary } from '../inspect';
import { integer, parseArgument } from '../options';
import { BenchmarkIdentity } from './benchmark-identity';
import { ClassesTimeline } from './classes-timeline';

const places = z.array(integer, 'an integer or an array of integers');
const place = z.union([integer, places], 'an integer or an array of integers');

/** One step of a stream: the data that a strategy learns from or is evaluated on at once. */
export class Experience<Data extends Dataset = TensorDataset> {
  /** @internal */
  constructor(
    /** The samples. */
    readonly dataset: Data,
    /** Index in the stream, from 0; slices of a stream keep it. */
    readonly currentExperience: number,
    /** The stream, or the slice of it, that this experience was taken from. */
    readonly originStream: Stream<Data>,
    private readonly timeline: ClassesTimeline,
  ) {}

  /** The benchmark that the stream belongs to. */
  get benchmark(): Benchmark<Data> {
    return this.originStream.benchmark;
  }

  /** The distinct task labels of the samples; none where the data carries none. */
  get taskLabels(): readonly number[] {
    return this.dataset.taskLabels;
  }

  /** The task label that all samples have. @throws ERR_INVALID_ARG_VALUE where they have none, or several */
  get taskLabel(): number {
    const { taskLabels } = this;
    if (taskLabels.length === 1) return taskLabels[0]!;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `Experience.taskLabel: expected exactly one task label, got ${taskLabels.length === 0 ? 'none' : taskLabels.join(', ')}`,
    );
  }

  /** Distinct class labels, in the order in which Python walks a set of them: ascending for a few small ones. */
  get classesInThisExperience(): readonly number[] {
    return this.timeline.at(this.currentExperience).classesInThisExperience;
  }

  /** Classes of the experiences before this one. */
  get previousClasses(): readonly number[] {
    return this.timeline.at(this.currentExperience).previousClasses;
  }

  /** Classes of this experience and of those before. */
  get classesSeenSoFar(): readonly number[] {
    return this.timeline.at(this.currentExperience).classesSeenSoFar;
  }

  /** Classes of the experiences after this one, those that were seen before among them. */
  get futureClasses(): readonly number[] {
    return this.timeline.at(this.currentExperience).futureClasses;
  }

  /** In JSON an experience is the line that `console.log` shows. */
  toJSON(): string {
    return this[inspect.custom]();
  }

  [inspect.custom](): string {
    const { dataset, currentExperience, originStream, taskLabels, classesInThisExperience } = this;
    return summary(
      `Experience ${currentExperience} of ${originStream.name}`,
      counted(dataset.length, 'sample'),
      listed(taskLabels.length === 1 ? 'task label' : 'task labels', taskLabels),
      listed('classes', classesInThisExperience),
    );
  }
}

/** What an experience is made from. */
export interface ExperienceData<Data extends Dataset = TensorDataset> {
  /** The samples of the experience. */
  dataset: Data;
  /** Distinct class labels in the order in which they come up. Default: those of the data, ascending. */
  classes?: readonly number[];
}

/** A named sequence of experiences: `stream[0]`, `stream.at(-1)`, `for (const experience of stream)`. */
export class Stream<Data extends Dataset = TensorDataset> implements Iterable<Experience<Data>> {
  /** In their order. */
  readonly experiences: readonly Experience<Data>[];
  /** The experience at this place. */
  readonly [place: number]: Experience<Data>;

  /** @internal */
  constructor(
    /** `train`, `test` or another name: letters, digits and `_`. */
    readonly name: string,
    /** The benchmark that the stream belongs to. */
    readonly benchmark: Benchmark<Data>,
    /** @internal What the slices of one stream have in common, and no other stream of the benchmark. */
    readonly identity: string,
    private readonly timeline: ClassesTimeline,
    members: readonly Pick<Experience<Data>, 'dataset' | 'currentExperience'>[],
  ) {
    this.experiences = members.map(
      ({ dataset, currentExperience }) => new Experience(dataset, currentExperience, this, timeline),
    );
    this.experiences.forEach((value, i) => Object.defineProperty(this, i, { value }));
  }

  /** @internal A whole stream. Data of a stream `train` starts with its training transform, that of `test` with the other. */
  static of<Data extends Dataset>(
    name: string,
    benchmark: Benchmark<Data>,
    data: readonly ExperienceData<Data>[],
    identity = name,
  ): Stream<Data> {
    const timeline = new ClassesTimeline(
      data.map(
        ({ dataset, classes }) =>
          () =>
            classes ?? dataset.classes,
      ),
    );
    const started = (dataset: Data) =>
      (name === 'train' ? dataset.train() : name === 'test' ? dataset.eval() : dataset) as Data;
    const members = data.map(({ dataset }, i) => ({ dataset: started(dataset), currentExperience: i }));
    return new Stream(name, benchmark, identity, timeline, members);
  }

  /** Number of experiences. */
  get length(): number {
    return this.experiences.length;
  }

  /** The experience at this place; negative ones count from the end. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  at(index: number): Experience<Data> | undefined;
  /** The stream of several places, as from `slice`. @throws ERR_INDEX_RANGE where one does not exist */
  at(places: readonly number[]): Stream<Data>;
  /** One place, or several. */
  at(index: number | readonly number[]): Experience<Data> | Stream<Data> | undefined {
    const given = parseArgument('Stream.at', 'index', place, index);
    return Array.isArray(given) ? this.pick('Stream.at', given) : this.experiences.at(given);
  }

  /**
   * A stream of the experiences at places `start` (included) to `end` (left out), which keep their indices and what they
   * know of the classes before and after; its experiences have the slice as their origin.
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for places that are no integers
   */
  slice(start?: number, end?: number): Stream<Data>;
  /** The same of a list of places, in its order; negative ones count from the end. @throws ERR_INDEX_RANGE */
  slice(places: readonly number[]): Stream<Data>;
  /** A range, or a list. */
  slice(start?: number | readonly number[], end?: number): Stream<Data> {
    const from = parseArgument('Stream.slice', 'start', place.optional(), start);
    parseArgument('Stream.slice', 'end', integer.optional(), end);
    if (Array.isArray(from)) return this.pick('Stream.slice', from);
    return this.derive(this.experiences.slice(from, end));
  }

  private pick(operation: string, indices: readonly number[]): Stream<Data> {
    const { experiences, name } = this;
    const wrong = indices.find((index) => experiences.at(index) === undefined);
    if (wrong === undefined) return this.derive(indices.map((index) => experiences.at(index)!));
    throw new ContinualTorchError(
      'ERR_INDEX_RANGE',
      `${operation}: expected places in the stream "${name}" of ${counted(experiences.length, 'experience')}, got ${wrong}`,
    );
  }

  private derive(experiences: readonly Experience<Data>[]): Stream<Data> {
    return new Stream(this.name, this.benchmark, this.identity, this.timeline, experiences);
  }

  /** In JSON a stream is the line that `console.log` shows. */
  toJSON(): string {
    return this[inspect.custom]();
  }

  [inspect.custom](): string {
    return summary(`Stream ${this.name}`, counted(this.length, 'experience'));
  }

  /** The experiences in their order. */
  [Symbol.iterator](): Iterator<Experience<Data>> {
    return this.experiences[Symbol.iterator]();
  }
}

/** A stream `extra` of a benchmark is its property `extraStream`. */
export type NamedStreams<Name extends string, Data extends Dataset> = {
  readonly [K in Name as `${K}Stream`]: Stream<Data>;
};

/** Streams that belong together: `trainStream`, `testStream`, and others by name (`stream('valid')`, `validStream`). */
export class Benchmark<Data extends Dataset = TensorDataset> {
  /** All streams by name, in the order in which they were given. */
  readonly streams: ReadonlyMap<string, Stream<Data>>;

  /** @internal */
  constructor(
    streams: Record<string, readonly ExperienceData<Data>[]>,
    /** @internal What benchmarks of the same data have in common, experience by experience. */
    readonly identity = new BenchmarkIdentity(),
  ) {
    this.streams = new Map(Object.entries(streams).map(([name, data]) => [name, Stream.of(name, this, data)]));
    for (const [name, value] of this.streams) Object.defineProperty(this, `${name}Stream`, { value });
  }

  /** @throws ERR_INVALID_ARG_VALUE where the benchmark has no stream `train` */
  get trainStream(): Stream<Data> {
    return this.stream('train');
  }

  /** @throws ERR_INVALID_ARG_VALUE where the benchmark has no stream `test` */
  get testStream(): Stream<Data> {
    return this.stream('test');
  }

  /** @throws ERR_INVALID_ARG_VALUE for a name that the benchmark does not have */
  stream(name: string): Stream<Data> {
    const stream = this.streams.get(name);
    if (stream) return stream;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `Benchmark: expected a stream among ${[...this.streams.keys()].join(', ')}, got ${describeValue(name)}`,
    );
  }

  /** In JSON a benchmark is the line that `console.log` shows. */
  toJSON(): string {
    return this[inspect.custom]();
  }

  [inspect.custom](): string {
    const streams = [...this.streams.values()].map(({ name, length }) => `${name}: ${counted(length, 'experience')}`);
    return summary(this.constructor.name, ...streams);
  }
}
