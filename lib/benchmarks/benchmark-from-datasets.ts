import { ContinualTorchError, describeValue } from '../errors';
import type { Dataset } from '../data/dataset';
import { IterableDataset } from '../data/iterable-dataset';
import { TensorDataset } from '../data/tensor-dataset';
import { Benchmark, type NamedStreams } from './benchmark';

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
  if (typeof streams !== 'object' || streams === null) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `benchmarkFromDatasets: expected an object { train: [...], test: [...] }, got ${describeValue(streams)}`,
    );
  }
  const entries = Object.entries<Data[]>(streams);
  for (const [name, datasets] of entries) {
    if (!/^[A-Za-z]\w*$/.test(name)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `benchmarkFromDatasets: expected stream names of letters, digits and _, beginning with a letter, got "${name}"`,
      );
    }
    if (!Array.isArray(datasets) || !datasets.every(isDataset)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `benchmarkFromDatasets: expected stream "${name}" to be an array of TensorDataset or IterableDataset, got ${describeValue(datasets)}`,
      );
    }
  }
  return new Benchmark(
    Object.fromEntries(entries.map(([name, datasets]) => [name, datasets.map((dataset) => ({ dataset }))])),
  ) as Benchmark<Data> & NamedStreams<Name, Data>;
}

function isDataset(value: unknown): value is Dataset {
  return value instanceof TensorDataset || value instanceof IterableDataset;
}
