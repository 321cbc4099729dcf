import { z } from 'zod';
import { nonNegativeNumber } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({ gamma: nonNegativeNumber, ...schedulerOptions });

/** Options of `optim.ExponentialLR`. */
export interface ExponentialLROptions extends SchedulerOptions {
  /** What learning rates are multiplied by in every step. */
  gamma: number;
}

/**
 * Multiplies the learning rate of every parameter group by `gamma` in every step
 * (`torch.optim.lr_scheduler.ExponentialLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class ExponentialLR extends FormulaLRScheduler {
  /** What learning rates are multiplied by at each step. */
  declare readonly gamma: number;

  constructor(optimizer: Optimizer, options: ExponentialLROptions) {
    super('ExponentialLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    return this.scaled(this.isInitial ? 1 : this.gamma);
  }
}
