import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { parseArgument, parseOptions } from '../options';
import { callUserAtOnce } from '../user-function';
import { BaseLRScheduler, schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import type { Optimizer } from './optimizer';

/** The factor of the learning rate after so many steps. */
export type LRLambda = (epoch: number) => number;
const schema = z.object(schedulerOptions);
const lambda = z.custom<LRLambda>((value) => typeof value === 'function', 'a function, or an array of functions');
const lambdas = z.union([lambda, z.array(lambda)], 'a function, or an array of functions');

/**
 * Multiplies the learning rates of the beginning by what a function of the step gives, one function for all groups or one
 * for each (`torch.optim.lr_scheduler.LambdaLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_CALLBACK, as `step`, where a function fails
 */
export class LambdaLR extends BaseLRScheduler {
  /** The functions, one for each group. */
  readonly lrLambdas: readonly LRLambda[];

  constructor(optimizer: Optimizer, lrLambda: LRLambda | readonly LRLambda[], options?: SchedulerOptions) {
    super('optim.LambdaLR', optimizer, parseOptions('optim.LambdaLR', schema, options));
    const given = parseArgument('optim.LambdaLR', 'lrLambda', lambdas, lrLambda);
    this.lrLambdas = typeof given === 'function' ? this.baseLrs.map(() => given) : given;
    const [count, groups] = [this.lrLambdas.length, this.baseLrs.length];
    if (count !== groups) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `optim.LambdaLR: expected lrLambda to be a function for each of ${groups} parameter groups, got ${count}`,
      );
    }
    this.begin();
  }

  protected override getLr(): number[] {
    const factor = (i: number) =>
      callUserAtOnce('ERR_CALLBACK', 'optim.LambdaLR: lrLambda failed', () => this.lrLambdas[i]!(this.lastEpoch));
    return this.baseLrs.map((lr, i) => lr * factor(i));
  }
}
