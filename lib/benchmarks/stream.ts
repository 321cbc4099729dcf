import type { Dataset } from '../data/dataset';
import type { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError } from '../errors';
import { integer, parseArgument } from '../options';
import type { Benchmark } from './benchmark';
import { ClassesTimeline } from './classes-timeline';

/** One step of a stream: the data that a strategy learns from or is evaluated on at once. */
export class Experience<Data extends Dataset = TensorDataset> {
  /** @internal */
  constructor(
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
}

/** What an experience is made from. */
export interface ExperienceData<Data extends Dataset = TensorDataset> {
  dataset: Data;
  /** Distinct class labels in the order in which they come up. Default: those of the data, ascending. */
  classes?: readonly number[];
}

/** A named sequence of experiences. */
export class Stream<Data extends Dataset = TensorDataset> implements Iterable<Experience<Data>> {
  readonly experiences: readonly Experience<Data>[];

  /** @internal */
  constructor(
    /** `train`, `test` or another name: letters, digits and `_`. */
    readonly name: string,
    readonly benchmark: Benchmark<Data>,
    private readonly timeline: ClassesTimeline,
    members: readonly Pick<Experience<Data>, 'dataset' | 'currentExperience'>[],
  ) {
    this.experiences = members.map(
      ({ dataset, currentExperience }) => new Experience(dataset, currentExperience, this, timeline),
    );
  }

  /** @internal A whole stream. Data of a stream `train` starts with its training transform, that of `test` with the other. */
  static of<Data extends Dataset>(
    name: string,
    benchmark: Benchmark<Data>,
    data: readonly ExperienceData<Data>[],
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
    return new Stream(name, benchmark, timeline, members);
  }

  /** Number of experiences. */
  get length(): number {
    return this.experiences.length;
  }

  /** The experience at this place; negative ones count from the end. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  at(index: number): Experience<Data> | undefined {
    parseArgument('Stream.at', 'index', integer, index);
    return this.experiences.at(index);
  }

  /**
   * A stream of the experiences at places `start` (included) to `end` (left out), which keep their indices and what they
   * know of the classes before and after; its experiences have the slice as their origin.
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for places that are no integers
   */
  slice(start?: number, end?: number): Stream<Data> {
    parseArgument('Stream.slice', 'start', integer.optional(), start);
    parseArgument('Stream.slice', 'end', integer.optional(), end);
    return new Stream(this.name, this.benchmark, this.timeline, this.experiences.slice(start, end));
  }

  [Symbol.iterator](): Iterator<Experience<Data>> {
    return this.experiences[Symbol.iterator]();
  }
}
