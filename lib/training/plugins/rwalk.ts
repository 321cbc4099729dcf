import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import { native } from '../../native/binding';
import type { NativeRiemannianWalk } from '../../native/types';
import { nativeModule } from '../../nn/module';
import { nonNegativeNumber, parseOptions, positiveInteger, unitInterval } from '../../options';
import { Phase } from '../../phase';
import { anyState, byName, checkState, tensorState } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import { callUserAtOnce } from '../../user-function';
import { passOver } from '../iteration/plugin-pass';
import { PathPlugin } from './path-plugin';
import { namesOf, QuadraticPenalty, requireSameOptions } from './quadratic-penalty';

/** The option schema of `RWalkPlugin`, for strategies that add options of their own. */
export const rwalkOptions = {
  ewcLambda: nonNegativeNumber.default(0.1),
  ewcAlpha: unitInterval.default(0.9),
  deltaT: positiveInteger.default(10),
};
const schema = z.object(rwalkOptions);
const memory = byName(tensorState);
const stateSchema = z.object({
  ewcLambda: anyState.optional(),
  ewcAlpha: anyState.optional(),
  deltaT: anyState.optional(),
  ...{ importance: memory, anchor: memory, fisher: memory, loss: memory, scores: memory, from: memory, totalScores: memory },
});

/** Options of `RWalkPlugin`. */
export interface RWalkPluginOptions {
  /** Weight of the penalty, at least 0. Default 0.1. */
  ewcLambda?: number;
  /** Share of the new in the moving average of the Fisher information, in [0, 1]. Default 0.9. */
  ewcAlpha?: number;
  /** How many iterations lie between two scores, at least 1. Default 10. */
  deltaT?: number;
}

/** What an `RWalkPlugin` remembers. */
export type RWalkStateDict = {
  /** Options. */
  ewcLambda: number;
  /** Options. */
  ewcAlpha: number;
  /** Options. */
  deltaT: number;
  /** By parameter name: `importance` and `anchor` of the penalty, and what is measured along the way. */
  [memory: string]: Record<string, Tensor> | number;
};

/**
 * Riemannian Walk (Chaudhry et al., "Riemannian Walk for Incremental Learning: Understanding Forgetting and Intransigence", ECCV 2018,
 * arXiv 1801.10112), with the numbers of Avalanche's `RWalkPlugin`.
 *
 * Before each iteration g is the gradient of the criterion alone on its mini-batch, and in each iteration (equations 6 and 7)
 *
 *     F <- ewcAlpha g^2 + (1 - ewcAlpha) F,    l <- l - g (theta_new - theta_old)
 *
 * every `deltaT` iterations, theta' being what the parameters were the last time,
 *
 *     s <- s + l / (F/2 (theta - theta')^2 + eps),    l <- 0
 *
 * and behind an experience, scores of later ones being averaged with the earlier,
 *
 *     S = s, later (S + s) / 2,    Omega = F / max(F) + relu(S) / max(S),    theta* = theta
 *
 * From the second experience on the loss gets `ewcLambda * sum Omega (theta - theta*)^2` (equation 8). As with the reference, the model
 * is in eval mode from the first iteration of each call of `train` on: dropout and BatchNorm's statistics stand still. Parameters that
 * have come after the first experience, heads for example, get no penalty. A maximum of 0, where no score has been taken yet, leaves its
 * term out; the reference then has NaN. Each iteration costs a forward and a backward pass more.
 *
 * @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_PENALTY_SHAPE where a parameter has shrunk,
 * ERR_FORWARD, ERR_CRITERION
 */
export class RWalkPlugin extends PathPlugin {
  /** The weight of the penalty. */
  readonly ewcLambda: number;
  /** The share of the new in the moving average. */
  readonly ewcAlpha: number;
  /** Iterations between two scores. */
  readonly deltaT: number;
  readonly #walk: NativeRiemannianWalk;

  constructor(options?: RWalkPluginOptions) {
    const { ewcLambda, ewcAlpha, deltaT } = parseOptions('RWalkPlugin', schema, options);
    const penalty = new QuadraticPenalty({ lambda: ewcLambda }, namesOf('RWalk', 'RWalkPlugin', 'ewcLambda'));
    const walk = native.createRiemannianWalk(penalty.handle, ewcAlpha);
    super(penalty, walk);
    this.#walk = walk;
    this.ewcLambda = ewcLambda;
    this.ewcAlpha = ewcAlpha;
    this.deltaT = deltaT;
  }

  /** All that is measured, the memory itself, and the options. @throws ERR_BUSY while a job uses it */
  stateDict(): RWalkStateDict {
    const { ewcLambda, ewcAlpha, deltaT } = this;
    return { ewcLambda, ewcAlpha, deltaT, ...this.memory() };
  }

  /** Goes on with copies of what a state remembers. @throws ERR_STATE_DICT, also where an option is another; ERR_BUSY */
  loadStateDict(state: unknown): void {
    const { ewcLambda, ewcAlpha, deltaT, ...memory } = checkState('RWalkPlugin', stateSchema, state);
    requireSameOptions('RWalkPlugin', { ewcLambda: this.ewcLambda, ewcAlpha: this.ewcAlpha, deltaT: this.deltaT }, { ewcLambda, ewcAlpha, deltaT });
    this.loadMemory(memory);
  }

  /** Way and scores begin anew with each call of `train`. */
  override beforeTraining({ model }: Strategy): void {
    this.#walk.startAnew(nativeModule(model).namedParameters());
  }

  /** The way goes on. */
  override async beforeTrainingExp(strategy: Strategy): Promise<void> {
    await super.beforeTrainingExp(strategy);
    await strategy.runNative([this.#walk.begin]);
  }

  /** The gradient of the criterion alone. */
  override async beforeTrainingIteration(strategy: Strategy): Promise<void> {
    const { model, mbInputs, mbY, mbTaskId } = strategy;
    callUserAtOnce('ERR_CALLBACK', 'RWalkPlugin: eval of the model failed', () => model.eval());
    await passOver(strategy, [[mbInputs!, mbY!, mbTaskId!]], { criterion: true, steps: [Phase.backward, this.#walk.before] });
  }

  /** What the update has gained. */
  override async afterTrainingIteration(strategy: Strategy): Promise<void> {
    const isScored = (strategy.clock.trainIterations + 1) % this.deltaT === 0;
    await strategy.runNative([isScored ? this.#walk.score : this.#walk.after]);
  }
}
