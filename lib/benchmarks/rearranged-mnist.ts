import type { TensorTransform } from '../data/transform';
import type { z } from 'zod';
import { loadMNIST, type mnistOptions } from './mnist';
import { type NCBenchmark, ncBenchmark } from './nc-benchmark';

type Options = { [K in keyof typeof mnistOptions]: z.output<(typeof mnistOptions)[K]> };

/**
 * All of MNIST in each experience, its pixels rearranged in another way: before `trainTransform` and `evalTransform`, in
 * training and test alike.
 * @param arrangements given rows and columns of the images, one transform for each experience
 */
export async function rearrangedMNIST(
  options: Options,
  arrangements: (rows: number, columns: number) => TensorTransform[],
): Promise<NCBenchmark> {
  const { datasetRoot, returnTaskId, trainTransform, evalTransform } = options;
  const { train, test } = await loadMNIST(datasetRoot);
  const [, rows, columns] = train.sampleShape as [number, number, number];
  const transforms = arrangements(rows, columns).map((arrangement) => ({ ...train.transform, ...arrangement }));
  return ncBenchmark(
    transforms.map((transform) => train.withTransform(transform)),
    transforms.map((transform) => test.withTransform(transform)),
    {
      taskLabels: returnTaskId,
      shuffle: false,
      classIdsFromZeroInEachExp: true,
      oneDatasetPerExp: true,
      trainTransform,
      evalTransform,
    },
  );
}
