import { z } from 'zod';
import { withFurtherTransforms } from '../data/compose-transforms';
import { ContinualTorchError } from '../errors';
import { boolean, nonNegativeInteger, parseArgument, parseOptions, positiveInteger, seed } from '../options';
import { manualSeed } from '../random';
import type { ClassifiedData } from './classified-data';
import { concatenated, datasetPairs, type OneOrSeveral } from './dataset-pairs';
import { type BenchmarkTransforms, transformOptions } from './nc-benchmark';
import { luckyPlaces, requireEnough, requireSamples, shuffled } from './shares';
import { Benchmark, type ExperienceData } from './stream';

const operation = 'niBenchmark';
const assignmentSchema = z.array(
  z.array(nonNegativeInteger, 'an array of positions of samples'),
  'an array, for each experience an array of positions of samples',
);
const schema = z.object({
  nExperiences: positiveInteger.optional(),
  taskLabels: boolean.default(false),
  shuffle: boolean.default(true),
  seed: seed.nullable().default(null),
  balanceExperiences: boolean.default(false),
  minClassPatternsInExp: nonNegativeInteger.default(0),
  fixedExpAssignment: assignmentSchema.nullable().default(null),
  ...transformOptions,
  reproducibilityData: z
    .strictObject(
      { expsPatternsAssignment: assignmentSchema, hasTaskLabels: boolean },
      'what getReproducibilityData returned',
    )
    .nullable()
    .default(null),
});

/** What makes the same split of the same data again; plain JSON. */
export interface NIReproducibilityData {
  /** For each training experience the positions of its samples in the data. */
  expsPatternsAssignment: number[][];
  /** Whether each experience has a task label of its own. */
  hasTaskLabels: boolean;
}

/** Options of `niBenchmark`. */
export interface NIBenchmarkOptions extends BenchmarkTransforms {
  /** Number of experiences; required unless `fixedExpAssignment` or `reproducibilityData` say it. */
  nExperiences?: number;
  /** Task label = index of the training experience. Default false: 0 everywhere; that of the test is 0 always. */
  taskLabels?: boolean;
  /** Assigns samples at random. Default true; false: in the order of the data. */
  shuffle?: boolean;
  /** Seeds the default generator first. Default null: the generator goes on as it is. */
  seed?: number | null;
  /** Spreads the samples of each class evenly. Default false. */
  balanceExperiences?: boolean;
  /** Samples of each class that every experience gets at least. Default 0. */
  minClassPatternsInExp?: number;
  /** For each experience the positions of its samples, in this order. Default null. */
  fixedExpAssignment?: readonly (readonly number[])[] | null;
  /** Instead of every other option but the transforms. Default null. */
  reproducibilityData?: NIReproducibilityData | null;
}

/** A benchmark whose experiences hold samples of all classes. */
export class NIBenchmark extends Benchmark {
  /** @internal */
  constructor(
    streams: Record<string, readonly ExperienceData[]>,
    /** For each training experience the positions of its samples in the data. */
    readonly trainExpsPatternsAssignment: readonly (readonly number[])[],
    private readonly hasTaskLabels: boolean,
  ) {
    super(streams);
  }

  /** For the option `reproducibilityData`, with the same datasets. */
  getReproducibilityData(): NIReproducibilityData {
    return {
      expsPatternsAssignment: this.trainExpsPatternsAssignment.map((positions) => [...positions]),
      hasTaskLabels: this.hasTaskLabels,
    };
  }
}

/**
 * New instances: each experience holds other samples of the same classes (`ni_benchmark`); the test stream is one
 * experience, the whole test data. The assignment equals the reference's for the same seed. Several datasets are taken
 * together as in `ncBenchmark`.
 *
 * Where `minClassPatternsInExp` is given without `balanceExperiences`, which fails in the reference, every experience first
 * gets that many of each class, and the rest is assigned as without it.
 * @throws ERR_INVALID_ARG_VALUE where there are too few samples, or labels are no classes; ERR_INDEX_RANGE for positions
 * beyond the data; ERR_INVALID_ARG_TYPE; ERR_LENGTH_MISMATCH; ERR_UNKNOWN_OPTION
 */
export function niBenchmark(train: OneOrSeveral, test: OneOrSeveral, options: NIBenchmarkOptions): NIBenchmark {
  const parsed = parseOptions(operation, schema, options);
  const pair = concatenated(operation, datasetPairs(operation, train, test));
  const hasTaskLabels = parsed.reproducibilityData?.hasTaskLabels ?? parsed.taskLabels;
  const assignment = assign(parsed, pair.train);
  assignment.forEach((positions, i) => requireSamples(operation, positions, i));
  const ready = (data: ClassifiedData, labels: ReadonlyMap<number, number>) =>
    withFurtherTransforms(data.labelled(labels), parsed.trainTransform, parsed.evalTransform);

  const same = new Map([...pair.train.classes, ...pair.test.classes].map((label) => [label, label]));
  const data = ready(pair.train, same);
  const experiences = assignment.map((positions, i) => {
    const dataset = data.subset(positions).withTaskLabels(hasTaskLabels ? i : 0);
    return { dataset, classes: [...new Set(dataset.labels())] };
  });
  const whole = { dataset: ready(pair.test, same).withTaskLabels(0), classes: pair.test.classes };
  return new NIBenchmark({ train: experiences, test: [whole] }, assignment, hasTaskLabels);
}

type Parsed = z.output<typeof schema>;

function assign(options: Parsed, { data, positions: byClass }: ClassifiedData): number[][] {
  const given = options.reproducibilityData?.expsPatternsAssignment ?? options.fixedExpAssignment;
  if (given) {
    requireLength(options, given);
    return given;
  }
  const { shuffle, minClassPatternsInExp: least } = options;
  const nExperiences = parseArgument(operation, 'nExperiences', positiveInteger, options.nExperiences);
  const classes = [...byClass].sort(([a], [b]) => a - b).map(([, positions]) => positions);
  requireEnough(operation, 'nExperiences', nExperiences, least, classes);
  if (options.seed !== null) manualSeed(options.seed);
  const ofClass = classes.map((positions) => shuffled(positions, shuffle));
  return options.balanceExperiences
    ? balanced(ofClass, nExperiences, shuffle)
    : leastAndRest(ofClass, nExperiences, least, data.length, shuffle);
}

/** The samples of each class spread evenly; those left over go one by one to random experiences, or to the first. */
function balanced(ofClass: number[][], nExperiences: number, shuffle: boolean): number[][] {
  const sizes = ofClass.map((positions) => {
    const lucky = new Set(luckyPlaces(nExperiences, positions.length % nExperiences, shuffle));
    const share = Math.floor(positions.length / nExperiences);
    return Array.from({ length: nExperiences }, (_, i) => share + (lucky.has(i) ? 1 : 0));
  });
  const next = ofClass.map(() => 0);
  return Array.from({ length: nExperiences }, (_, i) =>
    ofClass.flatMap((positions, c) => positions.slice(next[c], (next[c]! += sizes[c]![i]!))),
  );
}

/** The same number of each class for every experience, then an equal share of all the rest. */
function leastAndRest(
  ofClass: number[][],
  nExperiences: number,
  least: number,
  length: number,
  shuffle: boolean,
): number[][] {
  const experiences = Array.from({ length: nExperiences }, (_, i) =>
    ofClass.flatMap((positions) => positions.slice(i * least, (i + 1) * least)),
  );
  const taken = new Set(experiences.flat());
  const rest = shuffled(
    [...Array(length).keys()].filter((position) => !taken.has(position)),
    shuffle,
  );
  const share = Math.floor(rest.length / nExperiences);
  experiences.forEach((experience, i) => experience.push(...rest.slice(i * share, (i + 1) * share)));
  const left = rest.slice(nExperiences * share);
  luckyPlaces(nExperiences, left.length, shuffle).forEach((place, i) => experiences[place]!.push(left[i]!));
  return experiences;
}

function requireLength({ nExperiences, reproducibilityData }: Parsed, assignment: readonly unknown[]): void {
  if (assignment.length > 0 && (reproducibilityData || (nExperiences ?? assignment.length) === assignment.length))
    return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected positions for ${nExperiences ?? 'one or more'} experiences, got ${assignment.length}`,
  );
}
