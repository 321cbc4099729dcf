import { z } from 'zod';
import type { Dataset } from '../data/dataset';
import type { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError } from '../errors';
import { boolean, instanceOf, parseArgument, parseOptions } from '../options';
import { Benchmark } from './stream';

const operation = 'taskIncrementalBenchmark';
const schema = z.object({ resetTaskLabels: boolean.default(false) });

/** Options of `taskIncrementalBenchmark`. */
export interface TaskIncrementalBenchmarkOptions {
  /** Replaces task labels that the data carries, instead of refusing it. Default false. */
  resetTaskLabels?: boolean;
}

/**
 * The same experiences with their place in their stream as task label (`task_incremental_benchmark`). The reference forgets
 * which classes came before and after; here experiences know them still.
 * @throws ERR_INVALID_ARG_VALUE where the data carries task labels, as that of `ncBenchmark` and the MNIST generators does,
 * unless `resetTaskLabels`; ERR_INVALID_ARG_TYPE; ERR_UNKNOWN_OPTION
 */
export function taskIncrementalBenchmark<Data extends Dataset = TensorDataset>(
  benchmark: Benchmark<Data>,
  options?: TaskIncrementalBenchmarkOptions,
): Benchmark<Data> {
  const { resetTaskLabels } = parseOptions(operation, schema, options);
  parseArgument(operation, 'benchmark', instanceOf(Benchmark, 'a Benchmark'), benchmark);
  const labelled = ({ name, experiences }: { name: string; experiences: readonly { dataset: Data }[] }) =>
    experiences.map(({ dataset }, i) => {
      if (dataset.taskLabels.length > 0 && !resetTaskLabels) {
        throw new ContinualTorchError(
          'ERR_INVALID_ARG_VALUE',
          `${operation}: expected data without task labels, or resetTaskLabels, got task label ${dataset.taskLabels.join(', ')} in experience ${i} of stream "${name}"`,
        );
      }
      return { dataset: dataset.withTaskLabels(i) as Data };
    });
  const streams = [...benchmark.streams].map(([name, stream]) => [name, labelled(stream)] as const);
  return new Benchmark(Object.fromEntries(streams), benchmark.identity);
}
