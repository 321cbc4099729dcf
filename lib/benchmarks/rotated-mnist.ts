import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { NumpyRandomState } from '../numpy-random';
import { parseOptions, seed } from '../options';
import { type MNISTOptions, mnistOptions, mnistVariants } from './mnist';
import type { NCBenchmark } from './nc-benchmark';
import { rearrangedMNIST } from './rearranged-mnist';
import { rotationIndices } from './rotation';

const degrees = z
  .number('degrees in [-180, 180]')
  .min(-180, 'degrees in [-180, 180]')
  .max(180, 'degrees in [-180, 180]');
const schema = z.object({
  nExperiences: mnistVariants,
  seed: seed.nullable().default(null),
  rotationsList: z.array(degrees, 'an array of degrees in [-180, 180]').nullable().default(null),
  ...mnistOptions,
});

/** Options of `rotatedMNIST`. */
export interface RotatedMNISTOptions extends MNISTOptions {
  /** Number of experiences, each with its own angle. */
  nExperiences: number;
  /** Of the angles, in [0, 2^32). Default null: random. */
  seed?: number | null;
  /** The angles, in degrees in [-180, 180], instead of random ones. Default null. */
  rotationsList?: readonly number[] | null;
}

/**
 * MNIST turned by an angle: all ten digits in each experience, every image of experience k turned counter-clockwise by the
 * k-th whole number of degrees in [-180, 180] that NumPy's `RandomState(seed)` gives, in training and test alike; nearest
 * neighbour, 0 where pixels come from outside. Inputs float32 [B, 1, 28, 28], normalised with mean 0.1307 and standard
 * deviation 0.3081; labels int64 in [0, 10).
 *
 * Each sample that is read draws a number from the default generator, as torchvision's `RandomRotation` does.
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH; ERR_INVALID_ARG_VALUE also where there is not one angle for
 * each experience
 */
export async function rotatedMNIST(options: RotatedMNISTOptions): Promise<NCBenchmark> {
  const { nExperiences, seed, rotationsList, ...rest } = parseOptions('rotatedMNIST', schema, options);
  if (rotationsList && rotationsList.length !== nExperiences) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `rotatedMNIST: expected one angle for each of ${nExperiences} experiences in rotationsList, got ${rotationsList.length}`,
    );
  }
  const random = new NumpyRandomState(seed);
  const angles = rotationsList ?? Array.from({ length: nExperiences }, () => random.randint(-180, 181));
  return rearrangedMNIST(rest, (rows, columns) =>
    angles.map((angle) => ({ permutation: rotationIndices(rows, columns, angle), draws: 1 })),
  );
}
