import { z } from 'zod';
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
        dataset: data.subset(classes.flatMap((label) => positions.get(label) ?? [])),
        classes,
        taskLabel: parsed.taskLabels ? i : 0,
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

/**
 * The order in which Python iterates over a set of these non-negative integers, because the reference walks the classes
 * of an experience as a set: CPython's open addressing (`Objects/setobject.c`) with the integer as its own hash.
 */
function setOrder(values: number[]): number[] {
  const linearProbes = 9;
  const insert = (table: (number | undefined)[], value: number) => {
    const mask = table.length - 1;
    let perturb = value;
    let i = value & mask;
    for (;;) {
      const probes = i + linearProbes <= mask ? linearProbes : 0;
      for (let probe = i; probe <= i + probes; probe++) {
        if (table[probe] === undefined) {
          table[probe] = value;
          return;
        }
      }
      perturb >>>= 5;
      i = (i * 5 + 1 + perturb) & mask;
    }
  };
  let table = new Array<number | undefined>(8);
  let used = 0;
  for (const value of values) {
    insert(table, value);
    used++;
    if (used * 5 >= (table.length - 1) * 3) {
      let size = 8;
      while (size <= used * 4) size *= 2;
      const old = table;
      table = new Array<number | undefined>(size);
      for (const member of old) if (member !== undefined) insert(table, member);
    }
  }
  return table.filter((value) => value !== undefined);
}
