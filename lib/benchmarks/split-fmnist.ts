import { z } from 'zod';
import type { TensorTransform } from '../data/transform';
import { transformSchema } from '../data/transform';
import { boolean, parseOptions } from '../options';
import { loadMNIST, type MNISTOptions, mnistOptions } from './mnist';
import { type ClassSplitOptions, type NCBenchmark, ncBenchmark, ncOptions } from './nc-benchmark';

const normalization: TensorTransform = { normalize: { mean: 0.286, std: 0.353 } };
const schema = z.object({
  ...ncOptions,
  firstBatchWithHalfClasses: boolean.default(false),
  returnTaskId: mnistOptions.returnTaskId,
  trainTransform: transformSchema.nullable().default(normalization),
  evalTransform: transformSchema.nullable().default(normalization),
  datasetRoot: z.string('a folder'),
});

/** Options of `splitFMNIST`. */
export interface SplitFMNISTOptions extends ClassSplitOptions, MNISTOptions {
  /** A divisor of 10, or of the number of classes in `fixedClassOrder`; one more than a divisor of 5 with `firstBatchWithHalfClasses`. */
  nExperiences: number;
  /** Five classes in the first experience; the others divide evenly over the others. Default false. */
  firstBatchWithHalfClasses?: boolean;
  /** The folder of Fashion-MNIST's IDX files, gzipped or not. */
  datasetRoot: string;
}

/**
 * Fashion-MNIST split by class, as `splitMNIST`. Inputs float32 [B, 1, 28, 28], normalised with mean 0.2860 and standard
 * deviation 0.3530; labels int64 in [0, 10).
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH; as `ncBenchmark`
 */
export async function splitFMNIST(options: SplitFMNISTOptions): Promise<NCBenchmark> {
  const { datasetRoot, returnTaskId, firstBatchWithHalfClasses, ...rest } = parseOptions(
    'splitFMNIST',
    schema,
    options,
  );
  const { train, test } = await loadMNIST(datasetRoot);
  const perExpClasses = firstBatchWithHalfClasses ? { 0: 5 } : undefined;
  return ncBenchmark(train, test, { ...rest, perExpClasses, taskLabels: returnTaskId });
}
