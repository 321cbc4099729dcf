import { z } from 'zod';
import { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError } from '../errors';
import { integer, parseOptions, positiveInteger, seed } from '../options';
import { manualSeed, randomPermutation } from '../random';
import { requireClasses, requireSum } from './class-assignment';
import { ClassifiedData } from './classified-data';
import { Benchmark, type NamedStreams } from './stream';
import { requireStreams } from './stream-names';

const operation = 'classIncrementalBenchmark';
const schema = z.object({
  classOrder: z.array(integer, 'an array of class labels').nullable().default(null),
  numExperiences: positiveInteger.nullable().default(null),
  numClassesPerExp: z.array(positiveInteger, 'an array of positive integers').nullable().default(null),
  remainingClasses: z.enum(['error', 'lastExperience'], '"error" or "lastExperience"').default('error'),
  seed: seed.nullable().default(null),
});

/** Options of `classIncrementalBenchmark`. */
export interface ClassIncrementalBenchmarkOptions {
  /** All classes in their order of appearance. Default null: random. */
  classOrder?: readonly number[] | null;
  /** Number of experiences; either this or `numClassesPerExp`. */
  numExperiences?: number | null;
  /** Number of classes of each experience. */
  numClassesPerExp?: readonly number[] | null;
  /** What becomes of classes that do not divide over `numExperiences`. Default `"error"`. */
  remainingClasses?: 'error' | 'lastExperience';
  /** Seeds the default generator before the order is drawn; not together with `classOrder`. Default null. */
  seed?: number | null;
}

/**
 * Splits each dataset into a stream of the same classes, the same way (`class_incremental_benchmark`): in an experience the
 * samples of its last class come first. Labels, task labels and transforms stay those of the datasets. The order equals the
 * reference's for the same seed; the reference drops classes that do not divide.
 * @throws ERR_INVALID_ARG_VALUE where the classes do not divide, differ between the datasets, stand twice, are unknown or
 * missing, or options exclude each other; ERR_INVALID_ARG_TYPE; ERR_UNKNOWN_OPTION
 */
export function classIncrementalBenchmark<Name extends string>(
  datasets: Record<Name, TensorDataset>,
  options: ClassIncrementalBenchmarkOptions,
): Benchmark & NamedStreams<Name, TensorDataset> {
  const parsed = parseOptions(operation, schema, options);
  refuseContradictions(parsed);
  const streams = classifiedStreams(datasets);
  const classes = sharedClasses(streams);
  const counts = countsOf(parsed, classes.length);
  if (parsed.classOrder) requireAll(parsed.classOrder, classes);
  else if (parsed.seed !== null) manualSeed(parsed.seed);
  const order = parsed.classOrder ?? randomPermutation(classes.length).map((i) => classes[i]!);

  let start = 0;
  const experiences = counts.map((count) => order.slice(start, (start += count)).reverse());
  const split = ({ data, positions }: ClassifiedData) =>
    experiences.map((members) => ({
      dataset: data.subset(members.flatMap((label) => positions.get(label)!)),
      classes: members,
    }));
  return new Benchmark(Object.fromEntries(streams.map(([name, data]) => [name, split(data)]))) as Benchmark &
    NamedStreams<Name, TensorDataset>;
}

type Parsed = z.output<typeof schema>;

const refuse = (expected: string, got: string) =>
  new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected ${expected}, got ${got}`);

function refuseContradictions({ classOrder, seed, numExperiences, numClassesPerExp }: Parsed): void {
  if (classOrder && seed !== null) throw refuse('classOrder or seed', 'both');
  if (numExperiences !== null && numClassesPerExp) throw refuse('numExperiences or numClassesPerExp', 'both');
  if (numExperiences === null && !numClassesPerExp) throw refuse('numExperiences or numClassesPerExp', 'neither');
}

function classifiedStreams(datasets: Record<string, TensorDataset>): [name: string, data: ClassifiedData][] {
  requireStreams(operation, datasets, (data) => data instanceof TensorDataset, 'a TensorDataset');
  return Object.entries(datasets).map(([name, data]) => [name, ClassifiedData.of(operation, name, data)]);
}

/** The classes that all datasets have, ascending. */
function sharedClasses([first, ...others]: [name: string, data: ClassifiedData][]): number[] {
  const sorted = ({ classes }: ClassifiedData) => classes.sort((a, b) => a - b);
  const classes = first ? sorted(first[1]) : [];
  if (classes.length === 0) throw refuse('a dataset for each stream, with samples', 'none');
  const odd = others.find(([, data]) => String(sorted(data)) !== String(classes));
  if (!odd) return classes;
  throw refuse(
    'datasets of the same classes',
    `[${classes.join(', ')}] in "${first![0]}" and [${sorted(odd[1]).join(', ')}] in "${odd[0]}"`,
  );
}

function countsOf({ numExperiences, numClassesPerExp, remainingClasses }: Parsed, nClasses: number): number[] {
  if (numClassesPerExp) {
    requireSum(operation, 'numClassesPerExp', numClassesPerExp, nClasses);
    return numClassesPerExp;
  }
  const share = Math.floor(nClasses / numExperiences!);
  const remaining = nClasses - share * numExperiences!;
  if (share < 1) throw refuse(`numExperiences of at most the number of classes, ${nClasses}`, String(numExperiences));
  if (remaining > 0 && remainingClasses === 'error') {
    throw refuse(
      `classes that divide evenly over ${numExperiences} experiences, or remainingClasses: "lastExperience"`,
      `${nClasses} classes`,
    );
  }
  return Array.from({ length: numExperiences! }, (_, i) => share + (i === numExperiences! - 1 ? remaining : 0));
}

function requireAll(order: readonly number[], classes: readonly number[]): void {
  requireClasses(operation, 'classOrder', order, classes);
  if (order.length !== classes.length)
    throw refuse(`all ${classes.length} classes in classOrder`, String(order.length));
}
