import { z } from 'zod';
import { instanceOf, nonNegativeNumber, parseArgument, parseOptions, positiveInteger } from '../options';
import type { LRScheduler } from './lr-scheduler';
import { Optimizer } from './optimizer';

const schema = z.object({ stepSize: positiveInteger, gamma: nonNegativeNumber.default(0.1) });
const optimizerSchema = instanceOf(Optimizer, 'an Optimizer (optim.SGD, optim.Adam, optim.AdamW)');

export interface StepLROptions {
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
export class StepLR implements LRScheduler {
  readonly optimizer: Optimizer;
  readonly baseLrs: readonly number[];
  readonly stepSize: number;
  readonly gamma: number;
  lastEpoch = 0;

  constructor(optimizer: Optimizer, options: StepLROptions) {
    this.optimizer = parseArgument('optim.StepLR', 'optimizer', optimizerSchema, optimizer);
    const { stepSize, gamma } = parseOptions('optim.StepLR', schema, options);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.baseLrs = optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** @throws ERR_BUSY while a job works with the optimizer */
  step(): void {
    this.lastEpoch++;
    if (this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0) return;
    for (const group of this.optimizer.paramGroups) group.lr *= this.gamma;
  }
}
