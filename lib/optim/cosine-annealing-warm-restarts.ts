import { z } from 'zod';
import { nonNegativeNumber, parseOptions, positiveInteger } from '../options';
import { BaseLRScheduler, schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
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
export class CosineAnnealingWarmRestarts extends BaseLRScheduler {
  /** Steps until the first restart. */
  readonly t0: number;
  /** What the number of steps is multiplied by at each restart. */
  readonly tMult: number;
  /** The smallest learning rate. */
  readonly etaMin: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    const { t0, tMult, etaMin, ...rest } = parseOptions('optim.CosineAnnealingWarmRestarts', schema, options);
    super('optim.CosineAnnealingWarmRestarts', optimizer, rest);
    this.t0 = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.begin();
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
