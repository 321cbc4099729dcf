import { z } from 'zod';
import { withFurtherTransforms } from '../data/compose-transforms';
import { setOrder } from '../data/python-set';
import { type Transform, transformSchema } from '../data/transform';
import { ContinualTorchError } from '../errors';
import { boolean, integer, nonNegativeInteger, parseArgument, parseOptions, positiveInteger, seed } from '../options';
import { manualSeed, randomPermutation } from '../random';
import { ClassAssignment, classCounts, requireClasses, requireSum } from './class-assignment';
import { concatenated, type DatasetPair, datasetPairs, type OneOrSeveral } from './dataset-pairs';
import { requireSamples } from './shares';
import { Benchmark, type ExperienceData } from './stream';

const operation = 'ncBenchmark';

/** The options that the generators of this family share. */
export const ncOptions = {
  nExperiences: positiveInteger,
  shuffle: boolean.default(true),
  seed: seed.nullable().default(null),
  fixedClassOrder: z.array(integer, 'an array of class labels').nullable().default(null),
  classIdsFromZeroFromFirstExp: boolean.default(false),
  classIdsFromZeroInEachExp: boolean.default(false),
};
export const transformOptions = {
  trainTransform: transformSchema.nullable().default(null),
  evalTransform: transformSchema.nullable().default(null),
};
const reproducibilitySchema = z.strictObject(
  {
    classesOrderOriginalIds: z.array(nonNegativeInteger, 'an array of class labels'),
    nClassesPerExp: z.array(positiveInteger, 'an array of positive integers').min(1, 'an array of positive integers'),
    classIdsFromZeroFromFirstExp: boolean,
    classIdsFromZeroInEachExp: boolean,
    hasTaskLabels: boolean,
  },
  'what getReproducibilityData returned',
);
const schema = z.object({
  ...ncOptions,
  nExperiences: positiveInteger.optional(),
  taskLabels: boolean.default(false),
  perExpClasses: z.record(z.string(), positiveInteger, 'an object of positive integers').default({}),
  oneDatasetPerExp: boolean.default(false),
  ...transformOptions,
  reproducibilityData: reproducibilitySchema.nullable().default(null),
});

/** Options of splits by class. */
export interface ClassSplitOptions {
  /** Draws the order of classes at random. Default true; false: ascending. */
  shuffle?: boolean;
  /** Seeds the default generator before the order is drawn. Default null: the generator goes on as it is. */
  seed?: number | null;
  /** The order of classes, instead of a random one; classes that it leaves out are not used. Default null. */
  fixedClassOrder?: readonly number[] | null;
  /** Labels 0, 1, ... in the order in which the classes appear. Default false. */
  classIdsFromZeroFromFirstExp?: boolean;
  /** Labels 0, 1, ... in each experience anew. Default false; not together with `classIdsFromZeroFromFirstExp`. */
  classIdsFromZeroInEachExp?: boolean;
}

/** What is done to inputs after the dataset's own transforms. */
export interface BenchmarkTransforms {
  /** Of inputs that are trained on. Default null: nothing. */
  trainTransform?: Transform | null;
  /** Of inputs that are evaluated. Default null: nothing. */
  evalTransform?: Transform | null;
}

/** What makes the same split of the same data again; plain JSON. */
export interface NCReproducibilityData {
  /** The original labels, in the order in which the experiences bring them. */
  classesOrderOriginalIds: number[];
  /** How many classes each experience has. */
  nClassesPerExp: number[];
  /** Whether labels are numbered anew from 0, over all experiences. */
  classIdsFromZeroFromFirstExp: boolean;
  /** Whether labels are numbered anew from 0, in each experience. */
  classIdsFromZeroInEachExp: boolean;
  /** Whether each experience has a task label of its own. */
  hasTaskLabels: boolean;
}

/** Options of `ncBenchmark`. */
export interface NCBenchmarkOptions extends ClassSplitOptions, BenchmarkTransforms {
  /** Number of experiences; required unless `oneDatasetPerExp` or `reproducibilityData` say it. */
  nExperiences?: number;
  /** Task label = index of the experience. Default false: 0 everywhere. */
  taskLabels?: boolean;
  /** Number of classes of some experiences, by index; the other classes divide evenly over the others. Default none. */
  perExpClasses?: Record<number, number>;
  /** Each of several datasets is one experience; `shuffle` and `seed` then order these. Default false. */
  oneDatasetPerExp?: boolean;
  /** Instead of every other option but the transforms and `oneDatasetPerExp`. Default null. */
  reproducibilityData?: NCReproducibilityData | null;
}

/** A benchmark whose experiences hold different classes. "Original" are the labels of the data. */
export class NCBenchmark extends Benchmark {
  /** Number of classes in use. */
  readonly nClasses: number;
  /** How many classes each experience has. */
  readonly nClassesPerExp: readonly number[];
  /** Labels in the order in which they appear. */
  readonly classesOrder: readonly number[];
  /** The original labels, in the order in which the experiences bring them. */
  readonly classesOrderOriginalIds: readonly number[];
  /** `classMapping[original]` is the label; -1 for a class that is not in use, where labels are mapped at all. */
  readonly classMapping: readonly number[];
  /** Original labels of each experience, in the order in which its samples come. */
  readonly originalClassesInExp: readonly (readonly number[])[];

  /** @internal */
  constructor(
    streams: Record<string, readonly ExperienceData[]>,
    private readonly assignment: ClassAssignment,
    private readonly hasTaskLabels: boolean,
    largestLabel: number,
  ) {
    super(streams);
    const { order, counts, mapping, remapping, experiences } = assignment;
    this.nClasses = order.length;
    this.nClassesPerExp = counts;
    this.classesOrderOriginalIds = order;
    this.classesOrder = order.map((label) => mapping.get(label)!);
    this.classMapping = Array.from({ length: largestLabel + 1 }, (_, label) =>
      remapping === 'none' ? label : (mapping.get(label) ?? -1),
    );
    this.originalClassesInExp = experiences.map(setOrder);
  }

  /** For the option `reproducibilityData`, with the same datasets. */
  getReproducibilityData(): NCReproducibilityData {
    const { order, counts, remapping } = this.assignment;
    return {
      classesOrderOriginalIds: [...order],
      nClassesPerExp: [...counts],
      classIdsFromZeroFromFirstExp: remapping === 'fromFirstExp',
      classIdsFromZeroInEachExp: remapping === 'inEachExp',
      hasTaskLabels: this.hasTaskLabels,
    };
  }
}

/**
 * New classes: each experience holds the samples of some classes, class by class (`nc_benchmark`). Classes, their order and
 * that of the samples equal the reference's for the same seed.
 *
 * Several datasets are taken together, with labels that go on from one to the next: the classes of the first are 0, 1, ...
 * Task labels that the datasets carry are replaced. Test samples of classes that are not in use are left out.
 * @throws ERR_INVALID_ARG_VALUE where classes do not divide evenly, stand twice or are unknown, labels are no classes, or
 * options exclude each other; ERR_INVALID_ARG_TYPE; ERR_LENGTH_MISMATCH; ERR_UNKNOWN_OPTION
 */
export function ncBenchmark(train: OneOrSeveral, test: OneOrSeveral, options: NCBenchmarkOptions): NCBenchmark {
  const parsed = parseOptions(operation, schema, options);
  refuseContradictions(parsed, Array.isArray(train));
  const given = datasetPairs(operation, train, test);
  if (parsed.oneDatasetPerExp) given.forEach((pair, i) => requireSamples(operation, pair.train.classes, i));
  const sources = parsed.oneDatasetPerExp ? given : [concatenated(operation, given)];
  const sourceOf = new Map(sources.flatMap((pair, source) => pair.train.classes.map((label) => [label, source])));
  const assignment = assignClasses(parsed, sources);
  const hasTaskLabels = parsed.reproducibilityData?.hasTaskLabels ?? parsed.taskLabels;

  const stream = (part: keyof DatasetPair) => {
    const { mapping } = assignment;
    const datasets = sources.map((pair) =>
      withFurtherTransforms(pair[part].labelled(mapping), parsed.trainTransform, parsed.evalTransform),
    );
    return assignment.experiences.map((members, i): ExperienceData => {
      const classes = setOrder(members);
      const source = oneSource(i, members, sourceOf);
      const { positions } = sources[source]![part];
      return {
        dataset: datasets[source]!.subset(classes.flatMap((label) => positions.get(label) ?? [])).withTaskLabels(
          hasTaskLabels ? i : 0,
        ),
        classes: classes.map((label) => mapping.get(label)!),
      };
    });
  };
  const streams = { train: stream('train'), test: stream('test') };
  const largestLabel = [...sourceOf.keys()].reduce((a, b) => Math.max(a, b));
  return new NCBenchmark(streams, assignment, hasTaskLabels, largestLabel);
}

type Parsed = z.output<typeof schema>;

function refuseContradictions(options: Parsed, several: boolean): void {
  const { oneDatasetPerExp, fixedClassOrder, perExpClasses } = options;
  const both = (a: string, b: string) => `${a} or ${b}, got both`;
  const wrong = [
    options.classIdsFromZeroFromFirstExp &&
      options.classIdsFromZeroInEachExp &&
      both('classIdsFromZeroFromFirstExp', 'classIdsFromZeroInEachExp'),
    oneDatasetPerExp && !several && 'several datasets with oneDatasetPerExp, got one',
    oneDatasetPerExp && fixedClassOrder && both('fixedClassOrder', 'oneDatasetPerExp'),
    oneDatasetPerExp && Object.keys(perExpClasses).length > 0 && both('perExpClasses', 'oneDatasetPerExp'),
  ].find(Boolean);
  if (wrong) throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected ${wrong}`);
}

function assignClasses(options: Parsed, sources: readonly DatasetPair[]): ClassAssignment {
  const data = options.reproducibilityData;
  const { classIdsFromZeroFromFirstExp, classIdsFromZeroInEachExp } = data ?? options;
  const remapping = classIdsFromZeroFromFirstExp ? 'fromFirstExp' : classIdsFromZeroInEachExp ? 'inEachExp' : 'none';
  const groups = sources.map(({ train }) => train.classes.sort((a, b) => a - b));
  const classes = groups.flat();
  const shuffled = (count: number) => {
    if (!options.shuffle) return [...Array(count).keys()];
    if (options.seed !== null) manualSeed(options.seed);
    return randomPermutation(count);
  };

  if (data) {
    const { classesOrderOriginalIds: order, nClassesPerExp: counts } = data;
    requireClasses(operation, 'reproducibilityData.classesOrderOriginalIds', order, classes);
    requireSum(operation, 'reproducibilityData.nClassesPerExp', counts, order.length);
    return new ClassAssignment(order, counts, remapping);
  }
  if (options.oneDatasetPerExp) {
    const order = shuffled(groups.length).map((i) => groups[i]!);
    return new ClassAssignment(
      order.flat(),
      order.map((group) => group.length),
      remapping,
    );
  }
  const fixed = options.fixedClassOrder;
  if (fixed) requireClasses(operation, 'fixedClassOrder', fixed, classes);
  const nExperiences = parseArgument(operation, 'nExperiences', positiveInteger, options.nExperiences);
  const counts = classCounts(operation, fixed ?? classes, nExperiences, options.perExpClasses);
  return new ClassAssignment(fixed ?? shuffled(classes.length).map((i) => classes[i]!), counts, remapping);
}

/** Which of the sources all classes of an experience come from. */
function oneSource(experience: number, classes: readonly number[], sourceOf: ReadonlyMap<number, number>): number {
  const [source, ...others] = new Set(classes.map((label) => sourceOf.get(label)!));
  if (others.length === 0) return source!;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected the classes of each experience to come from one dataset with oneDatasetPerExp, got several in experience ${experience}`,
  );
}
