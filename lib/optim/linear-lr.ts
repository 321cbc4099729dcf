import { z } from 'zod';
import { nonNegativeInteger, unitInterval } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({
  startFactor: unitInterval.positive('a number in (0, 1]').default(1 / 3),
  endFactor: unitInterval.default(1),
  totalIters: nonNegativeInteger.default(5),
  ...schedulerOptions,
});

/** Options of `optim.LinearLR`. */
export interface LinearLROptions extends SchedulerOptions {
  /** What learning rates are multiplied by in step 0. Default 1/3. */
  startFactor?: number;
  /** What they are multiplied by from step `totalIters` on. Default 1. */
  endFactor?: number;
  /** Default 5. */
  totalIters?: number;
}

/**
 * Moves the factor of learning rates evenly from `startFactor` to `endFactor` in `totalIters` steps
 * (`torch.optim.lr_scheduler.LinearLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class LinearLR extends FormulaLRScheduler {
  /** What learning rates are multiplied by at first. */
  declare readonly startFactor: number;
  /** What they are multiplied by in the end. */
  declare readonly endFactor: number;
  /** Steps from the one to the other. */
  declare readonly totalIters: number;

  constructor(optimizer: Optimizer, options?: LinearLROptions) {
    super('LinearLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    if (lastEpoch === 0) return this.scaled(startFactor);
    if (this.isInitial || lastEpoch > totalIters) return this.scaled(1);
    const rise = endFactor - startFactor;
    return this.scaled(1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise));
  }
}
