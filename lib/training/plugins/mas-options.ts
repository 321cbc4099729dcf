import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import { boolean, nonNegativeNumber, positiveInteger, unitInterval } from '../../options';
import type { Tensor } from '../../tensor/tensor';
import { type ImportanceData, importanceDataSchema, SlidingWindow } from './importance-data';
import { penaltyUpdate, type PenaltyUpdate } from './penalty-update';

const presetNames = ['avalanche', 'facil', 'original2018', 'paper', 'hsu2018', 'capymoa'] as const satisfies readonly MASPreset[];
const objectives = ['meanSquaredNorm', 'meanSquares', 'meanNorm', 'sumSquares', 'sumAbs', 'perOutput'] as const satisfies readonly MASObjective[];

/** A published variant of MAS; `docs/mas.md` has the equations of each. */
export type MASPreset = 'avalanche' | 'facil' | 'original2018' | 'paper' | 'hsu2018' | 'capymoa';

/**
 * What is differentiated, F(x) being the outputs of a sample, C of them:
 * `meanSquaredNorm` mean_x ||F(x)||^2, `meanSquares` the same over C, `meanNorm` mean_x ||F(x)||, `sumSquares` and `sumAbs` the sum of
 * F^2 and |F| over the mini-batch, `perOutput` mean_x F_c(x) of each output c, the magnitudes of their gradients added up.
 */
export type MASObjective = 'meanSquaredNorm' | 'meanSquares' | 'meanNorm' | 'sumSquares' | 'sumAbs' | 'perOutput';

/** Which parameters are held. */
export type IncludeParameter = (name: string, parameter: Tensor) => boolean;

const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, values.map((value) => `"${value}"`).join(values.length === 2 ? ' or ' : ', '));
const include = z.custom<IncludeParameter>((value) => typeof value === 'function', 'a function');

/** What a preset says, and an option may say otherwise. */
const variantOptions = {
  alpha: z.union([unitInterval, z.literal('classCount')], 'a number in [0, 1] or "classCount"').optional(),
  objective: oneOf(objectives).optional(),
  granularity: oneOf(['batch', 'sample']).optional(),
  weighting: oneOf(['perBatch', 'perSample']).optional(),
  lastBatch: oneOf(['include', 'drop']).optional(),
  shuffle: boolean.optional(),
  batchSize: positiveInteger.nullable().optional(),
  maxSamples: positiveInteger.nullable().optional(),
  mode: oneOf(['train', 'eval']).optional(),
  restoreMode: boolean.optional(),
  clearGrads: boolean.optional(),
  include: include.optional(),
  outputs: oneOf(['all', 'seen']).optional(),
  penaltyScale: z.union([z.literal(1), z.literal(0.5)], '1 or 0.5').optional(),
  merge: oneOf(['blend', 'sum']).optional(),
  firstExperience: oneOf(['replace', 'blend']).optional(),
  newParams: oneOf(['full', 'blend']).optional(),
  unseenHeads: oneOf(['decay', 'keep']).optional(),
};

/** The option schema of `MASPlugin`, for strategies that add options of their own. */
export const masOptions = {
  lambdaReg: nonNegativeNumber.default(1),
  preset: oneOf(presetNames).default('avalanche'),
  ...variantOptions,
  normalize: oneOf(['mean', 'max']).nullable().default(null),
  importanceData: importanceDataSchema.optional(),
  keepHistory: boolean.default(false),
  penaltyUpdate,
  verbose: boolean.default(false),
};

/** Options of `MASPlugin`. Those from `alpha` to `unseenHeads` are what the preset says unless they are given. */
export interface MASPluginOptions {
  /** Weight of the penalty, at least 0. Default 1. */
  lambdaReg?: number;
  /** Whose variant it is. Default `"avalanche"`. */
  preset?: MASPreset;
  /**
   * Share of the old importance when a new one is merged, in [0, 1]; `"classCount"`: the share of the classes seen so far that are
   * of earlier experiences, 0.5 outside of an experience. Default 0.5.
   */
  alpha?: number | 'classCount';
  /** What is differentiated. */
  objective?: MASObjective;
  /** `"sample"`: the mean of the magnitudes of each sample's gradient, as the paper defines it; `"batch"`: of each mini-batch's. */
  granularity?: 'batch' | 'sample';
  /** Whether each mini-batch counts as much, or as its samples. */
  weighting?: 'perBatch' | 'perSample';
  /** Whether an incomplete last mini-batch is left out, unless it is the only one. Default with `"avalanche"`: as in training. */
  lastBatch?: 'include' | 'drop';
  /** Whether the data is shuffled. */
  shuffle?: boolean;
  /** Samples in a mini-batch; null: `trainMbSize`. */
  batchSize?: number | null;
  /** How many samples are measured at most; null: all. */
  maxSamples?: number | null;
  /** The mode of the model in the pass. */
  mode?: 'train' | 'eval';
  /** Whether each module is put back into the mode in which it was. */
  restoreMode?: boolean;
  /**
   * After the pass: true: parameters have no gradients; false: those of its last mini-batch. Default with `"avalanche"`, `"facil"` and
   * `"capymoa"`: false; with the others those of before the pass.
   */
  clearGrads?: boolean;
  /** Which parameters are held. */
  include?: IncludeParameter;
  /** Whether outputs count whose classes have not been seen yet; where classes are no outputs, as with a head for each task, all do. */
  outputs?: 'all' | 'seen';
  /** A factor of the penalty. */
  penaltyScale?: 1 | 0.5;
  /** How importances of experiences become one: `"blend"`: alpha old + (1 - alpha) new; `"sum"`: old + new. */
  merge?: 'blend' | 'sum';
  /** The first importance as it is, or blended with zeros: (1 - alpha) new. */
  firstExperience?: 'replace' | 'blend';
  /** Likewise that of parameters that join later. */
  newParams?: 'full' | 'blend';
  /** Whether parameters that a pass has not reached, as heads of other tasks, lose importance in the merge. */
  unseenHeads?: 'decay' | 'keep';
  /**
   * Divides what a pass has measured by its mean or its largest element over all parameters, so that one `lambdaReg` means the same
   * for other models and variants. Default null: as it is.
   */
  normalize?: 'mean' | 'max' | null;
  /** What importances are measured on, labelled or not. Default: the experience's own data, with `"capymoa"` the last 256 samples. */
  importanceData?: ImportanceData;
  /** Whether the importance of each experience is kept too, for `report`. It takes the memory of the parameters each time. Default false. */
  keepHistory?: boolean;
  /**
   * `"gradient"`: the penalty is part of the loss. `"proximal"`: it is applied behind the optimizer's update, in closed form, and
   * is stable for any `lambdaReg`. Default `"gradient"`.
   */
  penaltyUpdate?: PenaltyUpdate;
  /** Shows progress over the importance pass on stderr. Default false. */
  verbose?: boolean;
}

/** What is held by default: everything, what is trained, or what is trained and no output layer. */
export type DefaultInclude = 'all' | 'trained' | 'features';

/** A variant, each of its options said. */
export interface Variant {
  alpha: number | 'classCount';
  objective: MASObjective;
  granularity: 'batch' | 'sample';
  weighting: 'perBatch' | 'perSample';
  /** `training`: as the training left out its own. */
  lastBatch: 'include' | 'drop' | 'training';
  shuffle: boolean;
  batchSize: number | null;
  maxSamples: number | null;
  mode: 'train' | 'eval';
  restoreMode: boolean;
  /** What gradients there are behind the pass. */
  gradients: 'of the pass' | 'none' | 'as before';
  include: IncludeParameter | DefaultInclude;
  outputs: 'all' | 'seen';
  penaltyScale: 1 | 0.5;
  merge: 'blend' | 'sum';
  firstExperience: 'replace' | 'blend';
  newParams: 'full' | 'blend';
  unseenHeads: 'decay' | 'keep';
}

const avalanche: Variant = {
  alpha: 0.5,
  objective: 'meanSquaredNorm',
  granularity: 'batch',
  weighting: 'perBatch',
  lastBatch: 'training',
  shuffle: false,
  batchSize: null,
  maxSamples: null,
  mode: 'train',
  restoreMode: false,
  gradients: 'of the pass',
  include: 'all',
  outputs: 'all',
  penaltyScale: 1,
  merge: 'blend',
  firstExperience: 'replace',
  newParams: 'full',
  unseenHeads: 'decay',
};
const inEvalMode = { mode: 'eval', restoreMode: true, gradients: 'as before', lastBatch: 'include', merge: 'sum' } as const;

const presets: Record<MASPreset, Variant> = {
  avalanche,
  facil: {
    ...avalanche,
    objective: 'meanNorm',
    weighting: 'perSample',
    lastBatch: 'drop',
    shuffle: true,
    include: 'features',
    penaltyScale: 0.5,
    firstExperience: 'blend',
    newParams: 'blend',
  },
  original2018: { ...avalanche, ...inEvalMode, batchSize: 200 },
  paper: { ...avalanche, ...inEvalMode, granularity: 'sample', weighting: 'perSample' },
  hsu2018: { ...avalanche, ...inEvalMode, objective: 'meanSquares', shuffle: true, outputs: 'seen' },
  capymoa: {
    ...avalanche,
    lastBatch: 'include',
    batchSize: 32,
    include: 'trained',
    penaltyScale: 0.5,
    firstExperience: 'blend',
    newParams: 'blend',
  },
};
const windowOfCapymoa = 256;

/**
 * What the options come to.
 * @throws ERR_INVALID_ARG_VALUE where two of them contradict each other
 */
export function variantOf(options: MASPluginOptions & { preset: MASPreset }): Variant & { data: ImportanceData | null } {
  const { preset, clearGrads, importanceData } = options;
  const isGiven = ([name, value]: [string, unknown]) => name in avalanche && value !== undefined;
  const given = Object.fromEntries(Object.entries(options).filter(isGiven)) as Partial<Variant>;
  const variant: Variant = { ...presets[preset], ...given };
  if (clearGrads !== undefined) variant.gradients = clearGrads ? 'none' : 'of the pass';
  const data = importanceData ?? (preset === 'capymoa' ? new SlidingWindow(windowOfCapymoa) : null);
  const { alpha, merge, firstExperience, newParams, granularity, weighting, batchSize } = variant;
  const usesAlpha = merge === 'blend' || firstExperience === 'blend' || newParams === 'blend';
  if (given.alpha !== undefined && !usesAlpha) {
    throw contradiction(`no alpha with merge "sum", where old and new importances are added`, `alpha ${alpha}`);
  }
  if (granularity === 'sample') {
    if (given.weighting === 'perBatch') throw contradiction('weighting "perSample" with granularity "sample"', `"${weighting}"`);
    if (given.lastBatch === 'drop') throw contradiction('lastBatch "include" with granularity "sample", where none is incomplete', '"drop"');
    variant.weighting = 'perSample';
    variant.lastBatch = 'include';
  }
  if (data instanceof SlidingWindow && batchSize !== null && batchSize > data.size) {
    throw contradiction(`a window of at least batchSize ${batchSize}`, `one of ${data.size}`);
  }
  return { ...variant, data };
}

function contradiction(expected: string, got: string): ContinualTorchError {
  return new ContinualTorchError('ERR_INVALID_ARG_VALUE', `MASPlugin: expected ${expected}, got ${got}`);
}
