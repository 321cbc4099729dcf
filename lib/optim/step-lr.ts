import { z } from 'zod';
import { nonNegativeNumber, positiveInteger } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({ stepSize: positiveInteger, gamma: nonNegativeNumber.default(0.1), ...schedulerOptions });

/** Options of `optim.StepLR`. */
export interface StepLROptions extends SchedulerOptions {
  /** Steps from one decay to the next. */
  stepSize: number;
  /** What learning rates are multiplied by. Default 0.1. */
  gamma?: number;
}

/**
 * Multiplies the learning rate of every parameter group by `gamma` in every `stepSize`-th step, whatever it is by then
 * (`torch.optim.lr_scheduler.StepLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class StepLR extends FormulaLRScheduler {
  /** Steps from one decay to the next. */
  declare readonly stepSize: number;
  /** What learning rates are multiplied by there. */
  declare readonly gamma: number;

  constructor(optimizer: Optimizer, options: StepLROptions) {
    super('StepLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    return this.scaled(this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0 ? 1 : this.gamma);
  }
}
