import { z } from 'zod';
import { TensorDataset } from '../data/tensor-dataset';
import {
  boolean,
  instanceOf,
  nonNegativeInteger,
  parseArgument,
  parseOptions,
  positiveInteger,
  seed,
} from '../options';
import { manualSeed } from '../random';
import { ClassifiedData } from './classified-data';
import { luckyPlaces, requireEnough, requireSamples, shuffled } from './shares';
import { Benchmark } from './stream';

const operation = 'newInstancesBenchmark';
const dataset = instanceOf(TensorDataset, 'a TensorDataset');
const schema = z.object({
  numExperiences: positiveInteger,
  shuffle: boolean.default(true),
  seed: seed.nullable().default(null),
  balanceExperiences: boolean.default(false),
  minClassPatternsInExp: nonNegativeInteger.default(0),
});

/** Options of `newInstancesBenchmark`. */
export interface NewInstancesBenchmarkOptions {
  /** Number of training experiences. */
  numExperiences: number;
  /** Default true; see `newInstancesBenchmark`. */
  shuffle?: boolean;
  /** Seeds the default generator first. Default null: the generator goes on as it is. */
  seed?: number | null;
  /** Draws which samples of a class an experience gets, not only who gets those left over. Default false. */
  balanceExperiences?: boolean;
  /** Samples of each class that every experience must get at least. Default 0. */
  minClassPatternsInExp?: number;
}

/**
 * New instances: the samples of each class divide evenly over the experiences and stay in the order of the data; the test
 * stream is one experience, the whole test data (`new_instances_benchmark`). Each class's samples are dealt in their order,
 * with `shuffle` and `balanceExperiences` in random order; those left over go to random experiences with `shuffle`, else to
 * the first ones. The assignment equals the reference's for the same seed. Labels, task labels and transforms stay those
 * of the datasets.
 * @throws ERR_INVALID_ARG_VALUE where there are too few samples, or labels are no classes; ERR_EMPTY_EXPERIENCE;
 * ERR_INVALID_ARG_TYPE; ERR_UNKNOWN_OPTION
 */
export function newInstancesBenchmark(
  train: TensorDataset,
  test: TensorDataset,
  options: NewInstancesBenchmarkOptions,
): Benchmark {
  const { numExperiences, shuffle, seed, balanceExperiences, minClassPatternsInExp } = parseOptions(
    operation,
    schema,
    options,
  );
  const { data, positions } = ClassifiedData.of(operation, 'train', parseArgument(operation, 'train', dataset, train));
  const whole = parseArgument(operation, 'test', dataset, test);
  requireEnough(operation, 'numExperiences', numExperiences, minClassPatternsInExp, [...positions.values()]);
  if (seed !== null) manualSeed(seed);

  const experiences = Array.from({ length: numExperiences }, (): number[] => []);
  for (const ofClass of positions.values()) {
    const order = shuffled(ofClass, shuffle && balanceExperiences);
    // A minimum is dealt first, which matters to who gets what where nothing is shuffled.
    const rounds = balanceExperiences ? [Infinity] : [minClassPatternsInExp, Infinity];
    for (const most of rounds) {
      const share = Math.min(most, Math.floor(order.length / numExperiences));
      for (const experience of experiences) experience.push(...order.splice(0, share));
    }
    luckyPlaces(numExperiences, order.length, shuffle).forEach((place, i) => experiences[place]!.push(order[i]!));
  }
  experiences.forEach((each, i) => requireSamples(operation, each, i));
  const datasets = experiences.map((each) => data.subset(each.sort((a, b) => a - b)));
  return new Benchmark({ train: datasets.map((each) => ({ dataset: each })), test: [{ dataset: whole }] });
}
