import { inspect } from 'node:util';
import type { Dataset } from '../data/dataset';
import type { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { counted, summary } from '../inspect';
import { type ExperienceData, Stream } from './stream';

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
    readonly identity: object = {},
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
