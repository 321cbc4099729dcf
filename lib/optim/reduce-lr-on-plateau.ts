import { z } from 'zod';
import { belowOne, nonNegativeInteger, nonNegativeNumber, parseArgument, parseOptions } from '../options';
import { forEachGroup } from './base-lr-scheduler';
import type { LRScheduler } from './lr-scheduler';
import type { Optimizer } from './optimizer';
import { parseState } from './parse-state';
import { requireOptimizer } from './require-optimizer';

const schema = z.object({
  mode: z.enum(['min', 'max'], '"min" or "max"').default('min'),
  factor: belowOne.default(0.1),
  patience: nonNegativeInteger.default(10),
  threshold: z.number('a number').default(1e-4),
  thresholdMode: z.enum(['rel', 'abs'], '"rel" or "abs"').default('rel'),
  cooldown: nonNegativeInteger.default(0),
  minLr: z
    .union([nonNegativeNumber, z.array(nonNegativeNumber)], 'a number of at least 0, or an array of such numbers')
    .default(0),
  eps: nonNegativeNumber.default(1e-8),
});
const metric = z.custom<number>((value) => typeof value === 'number', 'a number');

/** Options of `optim.ReduceLROnPlateau`. */
export interface ReduceLROnPlateauOptions {
  /** Whether a lower or a higher metric is better. Default "min". */
  mode?: 'min' | 'max';
  /** What learning rates are multiplied by, in [0, 1). Default 0.1. */
  factor?: number;
  /** How many steps without improvement are borne. Default 10. */
  patience?: number;
  /** By how much a metric must be better to count. Default 1e-4. */
  threshold?: number;
  /** "rel": `best (1 - threshold)`, or `best (1 + threshold)` with mode "max"; "abs": `best -+ threshold`. Default "rel". */
  thresholdMode?: 'rel' | 'abs';
  /** Steps after a decay that do not count as bad. Default 0. */
  cooldown?: number;
  /** No learning rate falls below, one for all groups or one for each. Default 0. */
  minLr?: number | readonly number[];
  /** A decay by no more than this is not made. Default 1e-8. */
  eps?: number;
}

/** What of the scheduler changes as it steps, under PyTorch's keys. */
export type ReduceLROnPlateauStateDict = {
  /** Steps made. */
  last_epoch: number;
  /** The best value of the metric so far. */
  best: number;
  /** Steps since then. */
  num_bad_epochs: number;
  /** Steps that are still left out after the last decay. */
  cooldown_counter: number;
  /** The learning rate of each group. */
  _last_lr: number[];
};

const stateSchema = z.object({
  last_epoch: z.int(),
  best: metric,
  num_bad_epochs: z.int(),
  cooldown_counter: z.int(),
  _last_lr: z.array(z.number()),
});

/**
 * Multiplies learning rates by `factor` when a metric has not improved for more than `patience` steps
 * (`torch.optim.lr_scheduler.ReduceLROnPlateau`). In a strategy: `LRSchedulerPlugin` with `metric`.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class ReduceLROnPlateau implements LRScheduler {
  /** Whose learning rates are set. */
  readonly optimizer: Optimizer;
  /** The learning rates of the beginning, one for each group. */
  readonly baseLrs: readonly number[];
  /** `step` takes the value of the metric. */
  readonly needsMetrics = true;
  /** Steps made. */
  lastEpoch = 0;

  private readonly options: z.output<typeof schema>;
  private best = 0;
  private badEpochs = 0;
  private cooldownCounter = 0;
  private lastLrs: number[];

  constructor(optimizer: Optimizer, options?: ReduceLROnPlateauOptions) {
    const operation = 'optim.ReduceLROnPlateau';
    this.optimizer = requireOptimizer(operation, optimizer);
    this.options = parseOptions(operation, schema, options);
    forEachGroup(operation, 'minLr', optimizer, this.options.minLr);
    this.baseLrs = optimizer.paramGroups.map(({ lr }) => lr);
    this.lastLrs = [...this.baseLrs];
    this.reset();
  }

  /**
   * Takes note of the metric, and decays learning rates where it is time. NaN is no improvement.
   * @throws ERR_INVALID_ARG_TYPE; ERR_BUSY while a job works with the optimizer
   */
  step(metrics?: number): void {
    const current = parseArgument('optim.ReduceLROnPlateau', 'metrics', metric, metrics);
    this.lastEpoch++;
    if (this.isBetter(current)) {
      this.best = current;
      this.badEpochs = 0;
    } else {
      this.badEpochs++;
    }
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.badEpochs = 0;
    }
    if (this.badEpochs > this.options.patience) {
      this.reduce();
      this.cooldownCounter = this.options.cooldown;
      this.badEpochs = 0;
    }
    this.lastLrs = this.optimizer.paramGroups.map(({ lr }) => lr);
  }

  /** The learning rates after the last step. */
  getLastLr(): number[] {
    return [...this.lastLrs];
  }

  /** Forgets the best metric, bad steps and cooldown. */
  reset(): void {
    this.best = this.options.mode === 'min' ? Infinity : -Infinity;
    this.cooldownCounter = 0;
    this.badEpochs = 0;
  }

  /** What changes as it steps, in PyTorch's form; options are not part of it. */
  stateDict(): ReduceLROnPlateauStateDict {
    return {
      last_epoch: this.lastEpoch,
      best: this.best,
      num_bad_epochs: this.badEpochs,
      cooldown_counter: this.cooldownCounter,
      _last_lr: [...this.lastLrs],
    };
  }

  /** Goes on from a state, of `stateDict` or of PyTorch; learning rates come with the optimizer's. @throws ERR_STATE_DICT */
  loadStateDict(stateDict: unknown): void {
    const state = parseState(stateSchema, stateDict);
    this.lastEpoch = state.last_epoch;
    this.best = state.best;
    this.badEpochs = state.num_bad_epochs;
    this.cooldownCounter = state.cooldown_counter;
    this.lastLrs = state._last_lr;
  }

  private isBetter(current: number): boolean {
    const { mode, threshold, thresholdMode } = this.options;
    if (thresholdMode === 'rel') {
      return mode === 'min' ? current < this.best * (1 - threshold) : current > this.best * (threshold + 1);
    }
    return mode === 'min' ? current < this.best - threshold : current > this.best + threshold;
  }

  private reduce(): void {
    const { factor, minLr, eps } = this.options;
    const lowest = forEachGroup('optim.ReduceLROnPlateau', 'minLr', this.optimizer, minLr);
    this.optimizer.paramGroups.forEach((group, i) => {
      const next = Math.max(group.lr * factor, lowest[i]!);
      if (group.lr - next > eps) group.lr = next;
    });
  }
}
