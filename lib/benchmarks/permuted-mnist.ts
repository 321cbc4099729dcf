import { z } from 'zod';
import { NumpyRandomState } from '../numpy-random';
import { parseOptions, seed } from '../options';
import { cpuTensor } from '../tensor/creation';
import { type MNISTOptions, mnistOptions, mnistVariants } from './mnist';
import type { NCBenchmark } from './nc-benchmark';
import { rearrangedMNIST } from './rearranged-mnist';

const schema = z.object({ nExperiences: mnistVariants, seed: seed.nullable().default(null), ...mnistOptions });

/** Options of `permutedMNIST`. */
export interface PermutedMNISTOptions extends MNISTOptions {
  /** Number of experiences, each with its own permutation of the pixels. */
  nExperiences: number;
  /** Of the permutations, in [0, 2^32). Default null: random. */
  seed?: number | null;
}

/**
 * MNIST with permuted pixels: all ten digits in each experience, every image of experience k reordered by the k-th
 * permutation that NumPy's `RandomState(seed)` gives, in training and test alike. Inputs float32 [B, 1, 28, 28],
 * normalised with mean 0.1307 and standard deviation 0.3081; labels int64 in [0, 10).
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH, ERR_INVALID_ARG_VALUE
 */
export async function permutedMNIST(options: PermutedMNISTOptions): Promise<NCBenchmark> {
  const { nExperiences, seed, ...rest } = parseOptions('permutedMNIST', schema, options);
  const random = new NumpyRandomState(seed);
  return rearrangedMNIST(rest, (rows, columns) =>
    Array.from({ length: nExperiences }, () => ({
      permutation: cpuTensor(random.permutation(rows * columns), { dtype: 'int64' }),
    })),
  );
}
