import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import { nonNegativeNumber, parseOptions } from '../../options';
import { BegunExperience } from './begun-experience';
import { PenaltyPlugin } from './penalty-plugin';
import { penaltyUpdate, type PenaltyUpdate } from './penalty-update';
import { namesOf, QuadraticPenalty, type QuadraticPenaltyStateDict } from './quadratic-penalty';

/** The option schema of `L2Plugin`, for strategies that add options of their own. */
export const l2Options = { lambda: nonNegativeNumber.default(1), penaltyUpdate };
const schema = z.object(l2Options);

const names = namesOf('L2', 'L2Plugin', 'lambda');

/** Options of `L2Plugin`. */
export interface L2PluginOptions {
  /** Weight of the penalty, at least 0. Default 1. */
  lambda?: number;
  /** As in `MASPlugin`. Default `"gradient"`. */
  penaltyUpdate?: PenaltyUpdate;
}

/**
 * The baseline of methods of importance (Hsu et al., arXiv 1810.12488): every parameter matters alike, and is held where the latest
 * experience left it. From the second experience on the loss gets, without a factor 1/2,
 *
 *     lambda * sum (theta - theta*)^2
 *
 * It is no weight decay, which pulls to 0. What a model has grown is held from the end of its first experience on.
 *
 * @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_PENALTY_NO_IMPORTANCE where the plugin
 * joins a strategy that has trained before, ERR_PENALTY_SHAPE where a parameter has shrunk
 */
export class L2Plugin extends PenaltyPlugin {
  constructor(options?: L2PluginOptions) {
    const { lambda, penaltyUpdate } = parseOptions('L2Plugin', schema, options);
    const penalty = new QuadraticPenalty({ lambda }, names);
    super(penalty, new BegunExperience(penalty.handle), penaltyUpdate);
  }

  /** The weight of the penalty. */
  get lambda(): number {
    return this.penalty.lambda;
  }

  /** Anchors, the memory itself, and `lambda`. @throws ERR_BUSY while a job uses it */
  stateDict(): QuadraticPenaltyStateDict {
    return this.penalty.stateDict();
  }

  /** Goes on with copies of what a state remembers. @throws ERR_STATE_DICT, also where `lambda` is another; ERR_BUSY */
  loadStateDict(state: unknown): void {
    this.penalty.loadStateDict(state);
    this.memoryIsLoaded();
  }

  /** @internal */
  protected override startOver(): void {
    this.penalty.set(new Map(), new Map());
  }

  /** Anchors all parameters where they are. */
  override async afterTrainingExp(strategy: Strategy): Promise<void> {
    await strategy.runNative([this.penalty.handle.uniform('afterTrainingExp')]);
    this.begun.measured(strategy);
  }
}
