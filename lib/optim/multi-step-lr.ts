import { z } from 'zod';
import { nonNegativeInteger, nonNegativeNumber } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({
  milestones: z.array(nonNegativeInteger, 'an array of integers of at least 0'),
  gamma: nonNegativeNumber.default(0.1),
  ...schedulerOptions,
});

/** Options of `optim.MultiStepLR`. */
export interface MultiStepLROptions extends SchedulerOptions {
  /** The steps in which learning rates decay; one that stands twice counts twice. */
  milestones: readonly number[];
  /** What learning rates are multiplied by. Default 0.1. */
  gamma?: number;
}

/**
 * Multiplies the learning rate of every parameter group by `gamma` at each milestone, whatever it is by then
 * (`torch.optim.lr_scheduler.MultiStepLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class MultiStepLR extends FormulaLRScheduler {
  /** The steps at which learning rates fall. */
  declare readonly milestones: readonly number[];
  /** What they are multiplied by there. */
  declare readonly gamma: number;

  constructor(optimizer: Optimizer, options: MultiStepLROptions) {
    super('MultiStepLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    return this.scaled(this.gamma ** this.milestones.filter((milestone) => milestone === this.lastEpoch).length);
  }
}
