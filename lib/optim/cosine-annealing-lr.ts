import { z } from 'zod';
import { nonNegativeNumber, positiveInteger } from '../options';
import { schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import { FormulaLRScheduler } from './formula-lr-scheduler';
import type { Optimizer } from './optimizer';

const schema = z.object({ tMax: positiveInteger, etaMin: nonNegativeNumber.default(0), ...schedulerOptions });

/** Options of `optim.CosineAnnealingLR`. */
export interface CosineAnnealingLROptions extends SchedulerOptions {
  /** Steps from the learning rate at the beginning to the lowest; after as many again it is back (`T_max`). */
  tMax: number;
  /** The lowest learning rate. Default 0. */
  etaMin?: number;
}

/**
 * Lets learning rates fall and rise along a cosine (`torch.optim.lr_scheduler.CosineAnnealingLR`):
 * `lr_t = etaMin + (lr_(t-1) - etaMin) (1 + cos(pi t / tMax)) / (1 + cos(pi (t - 1) / tMax))`, which is
 * `etaMin + (lr_0 - etaMin) (1 + cos(pi t / tMax)) / 2` where nobody else changes them.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class CosineAnnealingLR extends FormulaLRScheduler {
  /** Steps from the largest to the smallest learning rate. */
  declare readonly tMax: number;
  /** The smallest learning rate. */
  declare readonly etaMin: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingLROptions) {
    super('CosineAnnealingLR', schema, optimizer, options);
  }

  protected override getLr(): number[] {
    const { tMax, etaMin, lastEpoch, baseLrs, optimizer } = this;
    if (this.isInitial) return this.scaled(1);
    // The step after the lowest point: there the ratio of the cosines has no value.
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      return optimizer.paramGroups.map(
        ({ lr }, i) => lr + ((baseLrs[i]! - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2,
      );
    }
    const ratio =
      (1 + Math.cos((Math.PI * lastEpoch) / tMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / tMax));
    return optimizer.paramGroups.map(({ lr }) => ratio * (lr - etaMin) + etaMin);
  }
}
