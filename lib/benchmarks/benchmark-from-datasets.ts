import type { Dataset } from '../data/dataset';
import { IterableDataset } from '../data/iterable-dataset';
import { TensorDataset } from '../data/tensor-dataset';
import { Benchmark, type Stream } from './stream';
import { requireStreams } from './stream-names';

const operation = 'benchmarkFromDatasets';

/**
 * A benchmark of your own data: for each stream (`train`, `test`, any other name) one dataset an experience. Streams may be of
 * different kinds: data from a source to train on, data in memory to test with.
 *
 * ```ts
 * const { trainStream, testStream } = benchmarkFromDatasets({ train: [first, second], test: [all] });
 * ```
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for a stream name that is not made of letters, digits and `_`
 */
export function benchmarkFromDatasets<Streams extends Record<string, readonly Dataset[]>>(
  streams: Streams,
): StreamsOf<Streams> & Benchmark<Streams[keyof Streams][number]> {
  requireStreams(
    operation,
    streams,
    (datasets) => Array.isArray(datasets) && Array.from(datasets).every(isDataset), // `every` alone does not see holes
    'an array of TensorDataset or IterableDataset',
  );
  const entries = Object.entries<readonly Dataset[]>(streams);
  return new Benchmark(
    Object.fromEntries(entries.map(([name, datasets]) => [name, datasets.map((dataset) => ({ dataset }))])),
  ) as never;
}

/** The properties of a benchmark for its streams, each with its own kind of data. */
export type StreamsOf<Streams extends Record<string, readonly Dataset[]>> = {
  readonly [Name in keyof Streams & string as `${Name}Stream`]: Stream<Streams[Name][number]>;
};

function isDataset(value: unknown): value is Dataset {
  return value instanceof TensorDataset || value instanceof IterableDataset;
}
