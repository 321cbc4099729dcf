import type { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../errors';

/** One step of a stream: the data that a strategy learns from or is evaluated on at once. */
export class Experience {
  /** @internal */
  constructor(
    readonly dataset: TensorDataset,
    /** Index in the stream, from 0. */
    readonly currentExperience: number,
    readonly originStream: Stream,
    /** The task label that every sample of this experience carries. */
    readonly taskLabel: number,
    /** Distinct class labels, in the order in which their samples come. */
    readonly classesInThisExperience: readonly number[],
  ) {}

  /** The distinct task labels. */
  get taskLabels(): number[] {
    return [this.taskLabel];
  }
}

/** What an experience is made from. */
export interface ExperienceData {
  dataset: TensorDataset;
  taskLabel?: number;
  classes?: readonly number[];
}

/** A named sequence of experiences. */
export class Stream implements Iterable<Experience> {
  readonly experiences: readonly Experience[];

  /** @internal */
  constructor(
    readonly name: string,
    data: readonly ExperienceData[],
  ) {
    this.experiences = data.map(
      ({ dataset, taskLabel = 0, classes }, i) =>
        new Experience(dataset, i, this, taskLabel, classes ?? classesOf(dataset)),
    );
  }

  get length(): number {
    return this.experiences.length;
  }

  /** The experience at this index; negative ones count from the end. */
  at(index: number): Experience | undefined {
    return this.experiences.at(index);
  }

  /** Experiences `start` (included) to `end` (left out); they keep their indices. */
  slice(start?: number, end?: number): Experience[] {
    return this.experiences.slice(start, end);
  }

  [Symbol.iterator](): Iterator<Experience> {
    return this.experiences[Symbol.iterator]();
  }
}

/** Ascending; none where targets are not class labels. */
function classesOf(dataset: TensorDataset): number[] {
  return dataset.y.shape.length === 1 ? [...new Set(dataset.labels())].sort((a, b) => a - b) : [];
}

/** Streams that belong together: `trainStream`, `testStream`, and others by name. */
export class Benchmark {
  readonly streams: ReadonlyMap<string, Stream>;

  /** @internal */
  constructor(streams: Record<string, readonly ExperienceData[]>) {
    this.streams = new Map(Object.entries(streams).map(([name, data]) => [name, new Stream(name, data)]));
  }

  get trainStream(): Stream {
    return this.stream('train');
  }

  get testStream(): Stream {
    return this.stream('test');
  }

  /** @throws ERR_INVALID_ARG_VALUE for a name that the benchmark does not have */
  stream(name: string): Stream {
    const stream = this.streams.get(name);
    if (stream) return stream;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `Benchmark: expected a stream among ${[...this.streams.keys()].join(', ')}, got ${describeValue(name)}`,
    );
  }
}
