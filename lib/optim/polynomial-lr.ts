import { z } from 'zod';
import { nonNegativeNumber, positiveInteger } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
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
export class PolynomialLR extends FormulaLRScheduler {
  /** Steps until the learning rates are 0. */
  declare readonly totalIters: number;
  /** The power of what is left of the steps. */
  declare readonly power: number;

  constructor(optimizer: Optimizer, options?: PolynomialLROptions) {
    super('PolynomialLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    const { totalIters, lastEpoch } = this;
    if (this.isInitial || lastEpoch > totalIters) return this.scaled(1);
    return this.scaled(((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** this.power);
  }
}
