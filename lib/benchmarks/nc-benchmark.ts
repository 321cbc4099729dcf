import { z } from 'zod';
import { setOrder } from '../data/set-order';
import { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError } from '../errors';
import { boolean, instanceOf, integer, parseArgument, parseOptions, positiveInteger, seed } from '../options';
import { manualSeed } from '../random';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { Benchmark, type ExperienceData } from './stream';

export const ncOptions = {
  nExperiences: positiveInteger,
  taskLabels: boolean.default(false),
  shuffle: boolean.default(true),
  seed: seed.nullable().default(null),
  fixedClassOrder: z.array(integer, 'an array of class labels').nullable().default(null),
};
const schema = z.object(ncOptions);
const dataset = instanceOf(TensorDataset, 'a TensorDataset');
export interface NCBenchmarkOptions {
  /** Number of experiences; the classes must divide evenly over them. */
  nExperiences: number;
  /** Task label = index of the experience. Default false: 0 everywhere. */
  taskLabels?: boolean;
  /** Draws the order of classes at random. Default true. */
  shuffle?: boolean;
  /** Seeds libtorch's default generator before the order is drawn. Default null: the generator goes on as it is. */
  seed?: number | null;
  /** The order of classes, instead of a random one. Default null. */
  fixedClassOrder?: number[] | null;
}

/**
 * New classes: each experience holds the samples of some classes, class by class (`nc_benchmark`). Class orders equal
 * the reference's for the same seed.
 * @throws ERR_INVALID_ARG_VALUE where the classes do not divide evenly
 */
export function ncBenchmark(train: TensorDataset, test: TensorDataset, options: NCBenchmarkOptions): Benchmark {
  const parsed = parseOptions('ncBenchmark', schema, options);
  const trainPositions = positionsByClass(parseArgument('ncBenchmark', 'train', dataset, train));
  const testPositions = positionsByClass(parseArgument('ncBenchmark', 'test', dataset, test));
  const order = parsed.fixedClassOrder ?? classOrder([...trainPositions.keys()].sort((a, b) => a - b), parsed);
  const unknown = order.find((label) => !trainPositions.has(label));
  if (unknown !== undefined || new Set(order).size !== order.length || order.length % parsed.nExperiences !== 0 || order.length === 0) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `ncBenchmark: expected distinct classes of the data that divide evenly over ${parsed.nExperiences} experiences, got [${order.join(', ')}]`,
    );
  }
  const perExperience = order.length / parsed.nExperiences;
  const stream = (data: TensorDataset, positions: Map<number, number[]>): ExperienceData[] =>
    Array.from({ length: parsed.nExperiences }, (_, i) => {
      const classes = setOrder(order.slice(i * perExperience, (i + 1) * perExperience));
      return {
        dataset: data
          .subset(classes.flatMap((label) => positions.get(label) ?? []))
          .withTaskLabels(parsed.taskLabels ? i : 0),
        classes,
      };
    });
  return new Benchmark({ train: stream(train, trainPositions), test: stream(test, testPositions) });
}

/** The dataset class by class, each class in the order of the dataset. */
export function sortedByClass(data: TensorDataset): TensorDataset {
  const positions = positionsByClass(data);
  return data.subset(setOrder([...positions.keys()].sort((a, b) => a - b)).flatMap((label) => positions.get(label)!));
}

function positionsByClass(data: TensorDataset): Map<number, number[]> {
  if (data.y.shape.length !== 1) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `ncBenchmark: expected one class label for each sample, got targets of shape [${data.y.shape.join(', ')}]`,
    );
  }
  const positions = new Map<number, number[]>();
  data.labels().forEach((label, i) => {
    const list = positions.get(label);
    if (list) list.push(i);
    else positions.set(label, [i]);
  });
  return positions;
}

function classOrder(classes: number[], options: { shuffle: boolean; seed: number | null }): number[] {
  if (!options.shuffle) return classes;
  if (options.seed !== null) manualSeed(options.seed);
  const order = ops.aten.randperm!(classes.length, { dtype: 'int64' }) as Tensor;
  return order.toNumbers().map((i) => classes[i]!);
}
