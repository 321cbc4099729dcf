import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import { CrossEntropyLoss } from '../../nn/losses';
import { boolean, nonNegativeNumber, parseOptions } from '../../options';
import { anyNumber, anyState, arrayOf, byName, checkState, object, tensorState } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import { ImportanceHistory, type MeasuredImportance } from './importance-history';
import { ImportancePass } from './importance-pass';
import { PenaltyPlugin } from './penalty-plugin';
import { penaltyUpdate, type PenaltyUpdate } from './penalty-update';
import { namesOf, QuadraticPenalty, requireSameOptions } from './quadratic-penalty';

/** The option schema of `EWCPlugin`, for strategies that add options of their own. */
export const ewcOptions = {
  ewcLambda: nonNegativeNumber,
  mode: z.enum(['separate', 'online'], '"separate" or "online"').default('separate'),
  decayFactor: nonNegativeNumber.nullable().default(null),
  keepImportanceData: boolean.default(false),
  labels: z.enum(['true', 'predicted'], '"true" or "predicted"').default('true'),
  granularity: z.enum(['batch', 'sample'], '"batch" or "sample"').default('batch'),
  outputs: z.enum(['all', 'seen'], '"all" or "seen"').default('all'),
  penaltyUpdate,
  verbose: boolean.default(false),
};
const schema = z.object(ewcOptions);
const stateSchema = z.object({
  ewcLambda: anyNumber.optional(),
  mode: anyState.optional(),
  decayFactor: anyState.optional(),
  labels: anyState.optional(),
  granularity: anyState.optional(),
  outputs: anyState.optional(),
  penaltyUpdate: anyState.optional(),
  importance: byName(tensorState),
  anchor: byName(tensorState),
  offset: byName(z.number('a finite number')).optional(),
  history: arrayOf(object({ experience: anyNumber.nullable(), importance: byName(tensorState) })).optional(),
});

const names = namesOf('EWC', 'EWCPlugin', 'ewcLambda');

/** Options of `EWCPlugin`. */
export interface EWCPluginOptions {
  /** Weight of the penalty, at least 0. */
  ewcLambda: number;
  /** Whether the penalties of all past experiences are added up, or one is kept whose importances decay. Default `"separate"`. */
  mode?: 'separate' | 'online';
  /** Share of the old importances, at least 0: needed with `"online"`, and refused without. Default null. */
  decayFactor?: number | null;
  /** Whether the importance of each experience is kept too, for `history`. It takes the memory of the parameters each time. Default false. */
  keepImportanceData?: boolean;
  /** Labels of the loss that is differentiated: those of the data, or the class that the model predicts. Default `"true"`. */
  labels?: 'true' | 'predicted';
  /** `"sample"`: the mean of the squares of each sample's gradient, the Fisher information; `"batch"`: of each mini-batch's. Default `"batch"`. */
  granularity?: 'batch' | 'sample';
  /** With predicted labels: whether outputs count whose classes have not been seen yet. Default `"all"`. */
  outputs?: 'all' | 'seen';
  /** As in `MASPlugin`. Default `"gradient"`. */
  penaltyUpdate?: PenaltyUpdate;
  /** Shows progress over the importance pass on stderr. Default false. */
  verbose?: boolean;
}

/** What an `EWCPlugin` remembers. */
export type EWCStateDict = {
  /** Options. */
  ewcLambda: number;
  /** Options. */
  mode: string;
  /** Options. */
  decayFactor: number | null;
  /** Options. */
  labels: string;
  /** Options. */
  granularity: string;
  /** Options. */
  outputs: string;
  /** Options. */
  penaltyUpdate: PenaltyUpdate;
  /** By parameter name; empty before the first experience has ended. */
  importance: Record<string, Tensor>;
  /** By parameter name. */
  anchor: Record<string, Tensor>;
  /** By parameter name: what the sum of several penalties is at its minimum, where that is not 0. */
  offset?: Record<string, number>;
  /** With `keepImportanceData`: of each experience what was measured. */
  history?: {
    /** How many experiences had been learned before. */
    experience: number | null;
    /** By parameter name. */
    importance: Record<string, Tensor>;
  }[];
};

/**
 * Elastic Weight Consolidation (Kirkpatrick et al., "Overcoming catastrophic forgetting in neural networks", PNAS 2017, arXiv
 * 1612.00796; online: Schwarz et al., ICML 2018, arXiv 1805.06370), unless told otherwise with the numbers of Avalanche's
 * `EWCPlugin`.
 *
 * After each experience, in eval mode, L being the criterion's value of a mini-batch with the labels of the data, and B the
 * number of mini-batches:
 *
 *     F = 1/B sum_b (d L(b) / d theta)^2
 *
 * With `granularity: 'sample'` F = 1/N sum_k (d L(x_k) / d theta)^2, exact, whatever the mini-batch; L is then the mean of its
 * samples' losses (a `CrossEntropyLoss` of another kind is refused). With `labels: 'predicted'` L is the cross entropy with the class of the largest output. From the second
 * experience on the loss gets, without a factor 1/2,
 *
 *     separate:  ewcLambda * sum_i sum F_i (theta - theta_i)^2      over all past experiences i
 *     online:    ewcLambda * sum Omega (theta - theta*)^2,          Omega <- decayFactor * Omega + F,  theta* the latest parameters
 *
 * A sum of quadratics is a quadratic: `"separate"` costs memory and time of one penalty, whatever the number of experiences. Its
 * `importance` is sum F_i, its `params` where the sum is smallest. Where a head grows, its new rows are free until they have been
 * measured; parameters that have left the model are charged nothing.
 *
 * @throws ERR_INVALID_ARG_VALUE for a negative or NaN `ewcLambda`, for `"online"` without `decayFactor` or `"separate"` with one;
 * ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_PENALTY_NO_IMPORTANCE where the plugin joins a strategy that has
 * trained before, ERR_PENALTY_SHAPE where a parameter has shrunk, ERR_PENALTY_HISTORY where a history does not fit into memory, and
 * as in `MASPlugin` ERR_CALL_ORDER, ERR_EMPTY_EXPERIENCE, ERR_IMPORTANCE (NaN among it), ERR_SAMPLES_MEET
 */
export class EWCPlugin extends PenaltyPlugin {
  /** The weight of the penalty. */
  readonly ewcLambda: number;
  /** How the penalties of several experiences become one. */
  readonly mode: 'separate' | 'online';
  /** The share of the old importances; null with `"separate"`. */
  readonly decayFactor: number | null;
  readonly #options: z.output<typeof schema>;
  readonly #pass: ImportancePass;
  readonly #history: ImportanceHistory | null;

  constructor(options: EWCPluginOptions) {
    const parsed = parseOptions('EWCPlugin', schema, options);
    const { ewcLambda, mode, decayFactor, labels, granularity } = parsed;
    requireDecayOf(mode, decayFactor);
    const penalty = new QuadraticPenalty({ lambda: ewcLambda }, names);
    const pass = new ImportancePass('ewc', { mode, decay: decayFactor ?? 1, labels, granularity }, penalty);
    super(penalty, pass.begun, parsed.penaltyUpdate);
    this.ewcLambda = ewcLambda;
    this.mode = mode;
    this.decayFactor = decayFactor;
    this.#options = parsed;
    this.#pass = pass;
    this.#history = parsed.keepImportanceData ? new ImportanceHistory('EWCPlugin', 'keepImportanceData') : null;
  }

  /** With `keepImportanceData` what was measured of each experience; else empty. */
  get history(): readonly MeasuredImportance[] {
    return this.#history?.entries ?? [];
  }

  /** Importances and anchors, the memory itself, and the options. @throws ERR_BUSY while a job uses it */
  stateDict(): EWCStateDict {
    const { lambda: _, ...memory } = this.penalty.stateDict();
    return { ...this.#plainOptions(), ...memory, ...(this.#history && { history: this.#history.stateDict() }) };
  }

  /** As in `MASPlugin`. @throws ERR_STATE_DICT, also where an option is another; ERR_BUSY while a job uses the memory */
  loadStateDict(state: unknown): void {
    const { importance, anchor, offset, history, ...options } = checkState('EWCPlugin', stateSchema, state);
    requireSameOptions('EWCPlugin', this.#plainOptions(), options);
    this.penalty.loadStateDict({ importance, anchor, ...(offset && { offset }) });
    this.#history?.loadStateDict(history ?? []);
    this.memoryIsLoaded();
  }

  /** Takes back what was measured of an experience that is learned again before it has ended. */
  override async beforeTrainingExp(strategy: Strategy): Promise<void> {
    if (this.#options.granularity === 'sample' && this.#options.labels === 'true') requireMeanOfSamples(strategy.lossFunction);
    this.#history?.dropFrom(strategy.clock.trainExpCounter);
    await super.beforeTrainingExp(strategy);
  }

  /** Measures the importance of the experience that has just been learned, and consolidates it. */
  override async afterTrainingExp(strategy: Strategy): Promise<void> {
    const { labels, outputs, verbose } = this.#options;
    const history = this.#history;
    history?.requireRoom(strategy.model);
    const measured = await this.#pass.measure(strategy, {
      ...{ isFirst: !this.hasMemory(strategy), mode: 'eval', restoreMode: true, criterion: labels === 'true', verbose },
      ...{ keepMeasured: history !== null, rule: outputs === 'seen' ? { outputs: strategy.experience?.classesSeenSoFar ?? [] } : {} },
    });
    if (measured) history?.add(strategy.clock.trainExpCounter, measured);
  }

  /** What a state is compared with. */
  #plainOptions() {
    const { ewcLambda, mode, decayFactor, labels, granularity, outputs } = this.#options;
    return { ewcLambda, mode, decayFactor, labels, granularity, outputs, penaltyUpdate: this.penaltyUpdate };
  }
}

/** Where each sample's loss is to be told from that of the mini-batch. */
function requireMeanOfSamples(criterion: unknown): void {
  if (!(criterion instanceof CrossEntropyLoss) || (criterion.reduction === 'mean' && criterion.weight === null)) return;
  const got = criterion.reduction === 'mean' ? 'a CrossEntropyLoss with weights of classes' : `one with reduction "${criterion.reduction}"`;
  throw new ContinualTorchError('ERR_IMPORTANCE', `EWCPlugin: expected a criterion that is the mean of its samples' losses with granularity "sample", got ${got}`);
}

function requireDecayOf(mode: 'separate' | 'online', decayFactor: number | null): void {
  if ((mode === 'online') === (decayFactor !== null)) return;
  const expected = mode === 'online' ? 'decayFactor with mode "online"' : 'no decayFactor with mode "separate"';
  throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `EWCPlugin: expected ${expected}, got ${decayFactor ?? 'none'}`);
}
