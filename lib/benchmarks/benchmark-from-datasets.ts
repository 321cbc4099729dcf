import { ContinualTorchError, describeValue } from '../errors';
import type { Dataset } from '../data/dataset';
import { IterableDataset } from '../data/iterable-dataset';
import { TensorDataset } from '../data/tensor-dataset';
import { Benchmark } from './stream';

/**
 * A benchmark of your own data: for each stream (`train`, `test`, any other name) one dataset an experience.
 *
 * ```ts
 * const { trainStream, testStream } = benchmarkFromDatasets({ train: [first, second], test: [all] });
 * ```
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for a stream name that is not made of letters, digits and `_`
 */
export function benchmarkFromDatasets<Data extends Dataset = TensorDataset>(
  streams: Record<string, Data[]>,
): Benchmark<Data> {
  if (typeof streams !== 'object' || streams === null) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `benchmarkFromDatasets: expected an object { train: [...], test: [...] }, got ${describeValue(streams)}`,
    );
  }
  for (const [name, datasets] of Object.entries(streams)) {
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
    Object.fromEntries(
      Object.entries(streams).map(([name, datasets]) => [name, datasets.map((dataset) => ({ dataset }))]),
    ),
  );
}

function isDataset(value: unknown): value is Dataset {
  return value instanceof TensorDataset || value instanceof IterableDataset;
}
