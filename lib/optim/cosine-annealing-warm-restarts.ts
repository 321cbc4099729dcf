import { z } from 'zod';
import { nonNegativeNumber, positiveInteger } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({
  t0: positiveInteger,
  tMult: positiveInteger.default(1),
  etaMin: nonNegativeNumber.default(0),
  ...schedulerOptions,
});

/** Options of `optim.CosineAnnealingWarmRestarts`. */
export interface CosineAnnealingWarmRestartsOptions extends SchedulerOptions {
  /** Steps of the first cycle (`T_0`). */
  t0: number;
  /** How many times as long each cycle is as the one before (`T_mult`). Default 1. */
  tMult?: number;
  /** The lowest learning rate. Default 0. */
  etaMin?: number;
}

/**
 * Lets learning rates fall along half a cosine, again and again (`torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`):
 * `etaMin + (lr_0 - etaMin) (1 + cos(pi t / T)) / 2` in step `t` of a cycle of `T` steps.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class CosineAnnealingWarmRestarts extends FormulaLRScheduler {
  /** Steps until the first restart. */
  declare readonly t0: number;
  /** What the number of steps is multiplied by at each restart. */
  declare readonly tMult: number;
  /** The smallest learning rate. */
  declare readonly etaMin: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    super('CosineAnnealingWarmRestarts', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    let length = this.t0;
    let done = this.lastEpoch;
    if (this.tMult === 1) done %= length;
    else for (; done >= length; length *= this.tMult) done -= length;
    return this.baseLrs.map(
      (lr) => this.etaMin + ((lr - this.etaMin) * (1 + Math.cos((Math.PI * done) / length))) / 2,
    );
  }
}
