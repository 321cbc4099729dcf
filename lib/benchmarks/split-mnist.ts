import { z } from 'zod';
import { parseOptions } from '../options';
import { loadMNIST, type MNISTOptions, mnistOptions } from './mnist';
import { type ClassSplitOptions, type NCBenchmark, ncBenchmark, ncOptions } from './nc-benchmark';

const { returnTaskId: taskIds, ...dataOptions } = mnistOptions;
const { nExperiences, ...splitOptions } = ncOptions;
const schema = z.object({ nExperiences, returnTaskId: taskIds, ...splitOptions, ...dataOptions });

/** Options of `splitMNIST`. */
export interface SplitMNISTOptions extends ClassSplitOptions, MNISTOptions {
  /** A divisor of 10, or of the number of classes in `fixedClassOrder`. */
  nExperiences: number;
}

/**
 * MNIST split by class: each of `nExperiences` holds 10 / nExperiences digits. Inputs float32 [B, 1, 28, 28], normalised
 * with mean 0.1307 and standard deviation 0.3081; labels int64 in [0, 10).
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH; as `ncBenchmark`
 */
export async function splitMNIST(options: SplitMNISTOptions): Promise<NCBenchmark> {
  const { datasetRoot, returnTaskId, ...rest } = parseOptions('splitMNIST', schema, options);
  const { train, test } = await loadMNIST(datasetRoot);
  return ncBenchmark(train, test, { ...rest, taskLabels: returnTaskId });
}
