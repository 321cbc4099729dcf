import { z } from 'zod';
import { nonNegativeInteger, unitInterval } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({
  factor: unitInterval.positive('a number in (0, 1]').default(1 / 3),
  totalIters: nonNegativeInteger.default(5),
  ...schedulerOptions,
});

/** Options of `optim.ConstantLR`. */
export interface ConstantLROptions extends SchedulerOptions {
  /** Above 0. Default 1/3. */
  factor?: number;
  /** Default 5. */
  totalIters?: number;
}

/**
 * Multiplies learning rates by `factor`, and takes that back in step `totalIters`
 * (`torch.optim.lr_scheduler.ConstantLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class ConstantLR extends FormulaLRScheduler {
  /** What learning rates are multiplied by until `totalIters`. */
  declare readonly factor: number;
  /** Steps until then. */
  declare readonly totalIters: number;

  constructor(optimizer: Optimizer, options?: ConstantLROptions) {
    super('ConstantLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    if (this.lastEpoch === 0) return this.scaled(this.factor);
    return this.scaled(this.lastEpoch === this.totalIters ? 1 / this.factor : 1);
  }
}
