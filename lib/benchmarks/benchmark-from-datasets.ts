import type { Dataset } from '../data/dataset';
import { IterableDataset } from '../data/iterable-dataset';
import { TensorDataset } from '../data/tensor-dataset';
import { Benchmark, type NamedStreams } from './benchmark';
import { requireStreams } from './stream-names';

const operation = 'benchmarkFromDatasets';

/**
 * A benchmark of your own data: for each stream (`train`, `test`, any other name) one dataset an experience.
 *
 * ```ts
 * const { trainStream, testStream } = benchmarkFromDatasets({ train: [first, second], test: [all] });
 * ```
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for a stream name that is not made of letters, digits and `_`
 */
export function benchmarkFromDatasets<Data extends Dataset = TensorDataset, Name extends string = string>(
  streams: Record<Name, Data[]>,
): Benchmark<Data> & NamedStreams<Name, Data> {
  requireStreams(
    operation,
    streams,
    (datasets) => Array.isArray(datasets) && Array.from(datasets).every(isDataset), // `every` alone does not see holes
    'an array of TensorDataset or IterableDataset',
  );
  const entries = Object.entries<Data[]>(streams);
  return new Benchmark(
    Object.fromEntries(entries.map(([name, datasets]) => [name, datasets.map((dataset) => ({ dataset }))])),
  ) as Benchmark<Data> & NamedStreams<Name, Data>;
}

function isDataset(value: unknown): value is Dataset {
  return value instanceof TensorDataset || value instanceof IterableDataset;
}
