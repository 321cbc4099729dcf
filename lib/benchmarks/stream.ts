import type { Dataset } from '../data/dataset';
import type { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../errors';

/** One step of a stream: the data that a strategy learns from or is evaluated on at once. */
export class Experience<Data extends Dataset = TensorDataset> {
  /** @internal */
  constructor(
    readonly dataset: Data,
    /** Index in the stream, from 0. */
    readonly currentExperience: number,
    readonly originStream: Stream<Data>,
    /** Distinct class labels, in the order in which their samples come. */
    readonly classesInThisExperience: readonly number[],
  ) {}

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
}

/** What an experience is made from. */
export interface ExperienceData<Data extends Dataset = TensorDataset> {
  dataset: Data;
  classes?: readonly number[];
}

/** A named sequence of experiences. */
export class Stream<Data extends Dataset = TensorDataset> implements Iterable<Experience<Data>> {
  readonly experiences: readonly Experience<Data>[];

  /** @internal */
  constructor(
    readonly name: string,
    data: readonly ExperienceData<Data>[],
  ) {
    this.experiences = data.map(
      ({ dataset, classes }, i) => new Experience(dataset, i, this, classes ?? dataset.classes),
    );
  }

  get length(): number {
    return this.experiences.length;
  }

  /** The experience at this index; negative ones count from the end. */
  at(index: number): Experience<Data> | undefined {
    return this.experiences.at(index);
  }

  /** Experiences `start` (included) to `end` (left out); they keep their indices. */
  slice(start?: number, end?: number): Experience<Data>[] {
    return this.experiences.slice(start, end);
  }

  [Symbol.iterator](): Iterator<Experience<Data>> {
    return this.experiences[Symbol.iterator]();
  }
}

/** Streams that belong together: `trainStream`, `testStream`, and others by name. */
export class Benchmark<Data extends Dataset = TensorDataset> {
  readonly streams: ReadonlyMap<string, Stream<Data>>;

  /** @internal */
  constructor(streams: Record<string, readonly ExperienceData<Data>[]>) {
    this.streams = new Map(Object.entries(streams).map(([name, data]) => [name, new Stream(name, data)]));
  }

  get trainStream(): Stream<Data> {
    return this.stream('train');
  }

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
}
