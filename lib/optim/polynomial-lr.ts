import { z } from 'zod';
import { nonNegativeNumber, parseOptions, positiveInteger } from '../options';
import { BaseLRScheduler, schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({
  totalIters: positiveInteger.default(5),
  power: nonNegativeNumber.default(1),
  ...schedulerOptions,
});

/** Options of `optim.PolynomialLR`. */
export interface PolynomialLROptions extends SchedulerOptions {
  /** Steps until learning rates are 0. Default 5. */
  totalIters?: number;
  /** Default 1. */
  power?: number;
}

/**
 * Lets learning rates fall to 0 in `totalIters` steps: `lr_t = lr_0 (1 - t / totalIters)^power`, computed from one step to
 * the next (`torch.optim.lr_scheduler.PolynomialLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class PolynomialLR extends BaseLRScheduler {
  /** Steps until the learning rates are 0. */
  readonly totalIters: number;
  /** The power of what is left of the steps. */
  readonly power: number;

  constructor(optimizer: Optimizer, options?: PolynomialLROptions) {
    const { totalIters, power, ...rest } = parseOptions('optim.PolynomialLR', schema, options);
    super('optim.PolynomialLR', optimizer, rest);
    this.totalIters = totalIters;
    this.power = power;
    this.begin();
  }

  protected override getLr(): number[] {
    const { totalIters, lastEpoch } = this;
    if (this.isInitial || lastEpoch > totalIters) return this.scaled(1);
    return this.scaled(((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** this.power);
  }
}
