import { z } from 'zod';
import { SupervisedPlugin } from '../../hooks/plugin';
import type { Strategy } from '../../hooks/strategy';
import type { TrainOptions } from '../../hooks/train-options';
import { hasNativeTwin } from '../../hooks/twins';
import { boolean, nonNegativeNumber, parseOptions, unitInterval } from '../../options';
import type { Phase } from '../../phase';
import { anyNumber, anyState, byName, checkState, tensorState } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import { ImportancePass } from './importance-pass';
import { InstabilityWarning, penaltyUpdate, type PenaltyUpdate } from './penalty-update';
import { QuadraticPenalty, requireSameOptions } from './quadratic-penalty';

/** The option schema of `MASPlugin`, for strategies that add options of their own. */
export const masOptions = {
  lambdaReg: nonNegativeNumber.default(1),
  alpha: unitInterval.default(0.5),
  penaltyUpdate,
  verbose: boolean.default(false),
};
const schema = z.object(masOptions);
const names = {
  method: 'MAS',
  plugin: 'MASPlugin',
  weight: 'lambdaReg',
  noImportanceCode: 'ERR_MAS_NO_IMPORTANCE',
  shapeCode: 'ERR_MAS_SHAPE',
} as const;

const stateSchema = z.object({
  lambdaReg: anyNumber.optional(),
  alpha: anyNumber.optional(),
  penaltyUpdate: anyState.optional(),
  importance: byName(tensorState),
  anchor: byName(tensorState),
});

/** What a `MASPlugin` remembers. */
export type MASStateDict = {
  /** The weight of the penalty. */
  lambdaReg: number;
  /** The share of the old importances. */
  alpha: number;
  /** How the penalty reaches the parameters. */
  penaltyUpdate: PenaltyUpdate;
  /** Omega by parameter name; empty before the first experience has ended. */
  importance: Record<string, Tensor>;
  /** theta* by parameter name. */
  anchor: Record<string, Tensor>;
};

/** Options of `MASPlugin`. */
export interface MASPluginOptions {
  /** Weight of the penalty, at least 0. Default 1. */
  lambdaReg?: number;
  /** Share of the old importance when a new one is merged, in [0, 1]. Default 0.5. */
  alpha?: number;
  /**
   * `"gradient"`: the penalty is part of the loss. `"proximal"`: it is applied behind the optimizer's update, in closed form, and
   * is stable for any `lambdaReg`. Default `"gradient"`.
   */
  penaltyUpdate?: PenaltyUpdate;
  /** Shows progress over the importance pass on stderr. Default false. */
  verbose?: boolean;
}

/**
 * Memory Aware Synapses (Aljundi et al., "Memory Aware Synapses: Learning what (not) to forget", ECCV 2018,
 * arXiv 1711.09601), with the numbers of Avalanche's `MASPlugin`.
 *
 * After each experience the importance of every parameter is measured on its data, without labels (section 4.1, equation
 * 2, with a mini-batch's gradient in place of each sample's; F is the model in train mode, B the number of mini-batches):
 *
 *     Omega = 1/B sum_b | d/d theta  mean_{x in b} ||F(x)||^2 |
 *
 * and merged: `Omega <- alpha Omega_old + (1 - alpha) Omega`. From the second experience on the loss gets the penalty
 * (equation 4), theta* being the parameters at the end of the latest experience; no factor 1/2:
 *
 *     lambdaReg * sum Omega (theta - theta*)^2
 *
 * With `penaltyUpdate: 'proximal'` the loss stays as it is; behind the optimizer's update, eta being the learning rate of the
 * parameter's group (AdamW treats weight decay likewise),
 *
 *     theta <- (theta + 2 eta lambdaReg Omega theta*) / (1 + 2 eta lambdaReg Omega)
 *
 * With `'gradient'` a process warning (WARN_PENALTY_UNSTABLE) says once, at the beginning of an experience, where SGD's steps on the
 * penalty run away: 2 eta lambdaReg max(Omega) > 2, with momentum m 2 (1 + m), with Nesterov's 2 (1 + m) / (1 + 2 m).
 *
 * Outputs are [B, C], [B, C, ...] (norm over dimension 1, mean over the rest) or [B] (as [B, 1]). The mini-batches are
 * those of `trainMbSize` in the order of the data; `dropLast` given to `train` leaves out an incomplete last one here too,
 * unless it is the only one. A `forward` that the strategy overrides is used.
 *
 * Penalty and importance pass run on the compute thread. The pass leaves the model in train mode, moves BatchNorm's
 * running statistics once more for each mini-batch, and leaves the last mini-batch's gradients behind, as the reference's.
 *
 * @throws ERR_INVALID_ARG_VALUE for a negative or NaN `lambdaReg` or an `alpha` outside [0, 1]; ERR_UNKNOWN_OPTION; while
 * training ERR_MAS_NO_IMPORTANCE where the plugin joins a strategy that has trained before, ERR_CALL_ORDER where the model
 * changes while importances are measured, or where a hook is called outside of a training, ERR_EMPTY_EXPERIENCE where there
 * is no mini-batch to measure them on, ERR_IMPORTANCE where the model fails on one, ERR_MAS_SHAPE where a parameter has shrunk
 */
export class MASPlugin extends SupervisedPlugin {
  override readonly supportsDistributed = false;
  /** The weight of the penalty. */
  readonly lambdaReg: number;
  /** The share of the old importances where new ones are merged in. */
  readonly alpha: number;
  /** How the penalty reaches the parameters. */
  readonly penaltyUpdate: PenaltyUpdate;
  /** Whether the importance pass shows its progress on stderr; `onProgress` is told in any case. */
  readonly verbose: boolean;
  /** @internal */
  readonly penalty: QuadraticPenalty;
  readonly #pass: ImportancePass;
  readonly #instability: InstabilityWarning;
  /** Whether the memory was loaded: then it counts, whatever the strategy has trained. */
  #isLoaded = false;

  constructor(options?: MASPluginOptions) {
    super();
    const { lambdaReg, alpha, penaltyUpdate, verbose } = parseOptions('MASPlugin', schema, options);
    this.lambdaReg = lambdaReg;
    this.alpha = alpha;
    this.penaltyUpdate = penaltyUpdate;
    this.verbose = verbose;
    this.penalty = new QuadraticPenalty({ lambda: lambdaReg }, names);
    this.#pass = new ImportancePass('mas', { alpha }, this.penalty);
    this.#instability = new InstabilityWarning(this.penalty);
  }

  /**
   * Omega by parameter name, each in its parameter's shape and dtype, of half precision in float32 and of complex numbers
   * real; null before the first experience has ended. The memory itself, until the next experience makes another.
   * @throws ERR_BUSY while a job uses it
   */
  get importance(): Map<string, Tensor> | null {
    return this.penalty.importance;
  }

  /** theta* by parameter name, in its dtype; else as `importance`. */
  get params(): Map<string, Tensor> | null {
    return this.penalty.anchor;
  }

  /** Importances and anchors, the memory itself, and the options. @throws ERR_BUSY while a job uses it */
  stateDict(): MASStateDict {
    const { importance, anchor } = this.penalty.stateDict();
    const { lambdaReg, alpha, penaltyUpdate } = this;
    return { lambdaReg, alpha, penaltyUpdate, importance, anchor };
  }

  /**
   * Goes on with copies of what a state remembers: of `stateDict`, or of another model whose parameters have the same names. The
   * next experience is then charged for it and merged with it, also where it is the strategy's first; where parameters have
   * grown since, as heads do, their low indices are held. `lambdaReg`, `alpha` and `penaltyUpdate` may be left out.
   * @throws ERR_STATE_DICT, also where one of these is another; ERR_BUSY while a job uses the memory
   */
  loadStateDict(state: unknown): void {
    const { importance, anchor, ...options } = checkState('MASPlugin', stateSchema, state);
    const { lambdaReg, alpha, penaltyUpdate } = this;
    requireSameOptions('MASPlugin', { lambdaReg, alpha, penaltyUpdate }, options);
    this.penalty.loadStateDict({ importance, anchor });
    this.#isLoaded = Object.keys(importance).length > 0;
  }

  /**
   * Takes back what was merged of an experience that is learned again, or given up, before it has ended; and warns where the steps
   * on the penalty will run away.
   */
  override async beforeTrainingExp(strategy: Strategy): Promise<void> {
    this.#pass.begin(strategy);
    if (this.penaltyUpdate === 'gradient' && this.hasMemory(strategy)) await this.#instability.giveWhereDue(strategy);
  }

  /** Lets go what was remembered before the latest experience. */
  override afterTraining(): void {
    this.#pass.settle();
  }

  /** Adds the penalty to `strategy.loss`, in place; not during the first experience, nor where `penaltyUpdate` is `"proximal"`. */
  override async beforeBackward(strategy: Strategy): Promise<void> {
    await this.#apply('gradient', strategy);
  }

  /** Applies the penalty where `penaltyUpdate` is `"proximal"`; not during the first experience. */
  override async afterUpdate(strategy: Strategy): Promise<void> {
    await this.#apply('proximal', strategy);
  }

  /** Runs what this way of updating has to do. */
  async #apply(way: PenaltyUpdate, strategy: Strategy): Promise<void> {
    const phase = this.phaseOf(way, strategy);
    if (phase) await strategy.runNative([phase]);
  }

  /** @internal What this way of updating has to do at present. */
  phaseOf(way: PenaltyUpdate, strategy: Strategy): Phase | null {
    if (way !== this.penaltyUpdate || !this.hasMemory(strategy)) return null;
    return way === 'gradient' ? this.penalty.phase : this.penalty.proximal;
  }

  /** Measures the importance of the experience that has just been learned and merges it. */
  override async afterTrainingExp(strategy: Strategy, { dropLast }: TrainOptions = {}): Promise<void> {
    const { verbose } = this;
    await this.#pass.measure(strategy, { isFirst: !this.hasMemory(strategy), dropLast, verbose });
  }

  /** @internal Whether an earlier experience is to be remembered: of this strategy's, not of one that had the plugin before. */
  hasMemory({ clock }: Strategy): boolean {
    return clock.trainExpCounter > 0 || this.#isLoaded;
  }
}

hasNativeTwin<MASPlugin>(MASPlugin.prototype.beforeBackward, (plugin, strategy) => plugin.phaseOf('gradient', strategy));
hasNativeTwin<MASPlugin>(MASPlugin.prototype.afterUpdate, (plugin, strategy) => plugin.phaseOf('proximal', strategy));
