import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { integer } from '../options';
import type { LRScheduler } from './lr-scheduler';
import type { Optimizer } from './optimizer';
import { parseState, requireForEachGroup } from './parse-state';
import { requireOptimizer } from './require-optimizer';

/** The options that every scheduler has, for its schema. */
export const schedulerOptions = { lastEpoch: integer.min(-1, 'an integer of at least -1').default(-1) };

/** An option of every scheduler. */
export interface SchedulerOptions {
  /** Goes on after this step, with the `initialLr` that the groups have; -1, the default, begins the schedule. */
  lastEpoch?: number;
}

/** What of a scheduler changes as it steps, under PyTorch's keys. */
export type LRSchedulerStateDict = {
  /** Steps made. */
  last_epoch: number;
  /** The learning rate of each group at the beginning of the schedule. */
  base_lrs: number[];
  /** Calls of `step`, the one of the constructor too. */
  _step_count: number;
  /** The learning rate of each group. */
  _last_lr: number[];
};

const numbers = z.array(z.number());
const stateSchema = z.object({
  last_epoch: z.int(),
  base_lrs: numbers,
  _step_count: z.int(),
  _last_lr: numbers,
});

/** @internal Number for each group; a single one stands for all. */
export function forEachGroup(
  operation: string,
  name: string,
  optimizer: Optimizer,
  given: number | readonly number[],
): number[] {
  const count = optimizer.paramGroups.length;
  if (typeof given === 'number') return Array.from({ length: count }, () => given);
  if (given.length === count) return [...given];
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected ${name} to be one number for each of ${count} parameter groups, got ${given.length}`,
  );
}

/**
 * What schedulers have in common (`torch.optim.lr_scheduler.LRScheduler`). To write one, extend it: call `begin()` at the
 * end of the constructor, and let `getLr` return the learning rates of step `lastEpoch`. Most compute them from those that
 * the groups have, as PyTorch does: what somebody changes in between counts on.
 */
export abstract class BaseLRScheduler implements LRScheduler {
  /** Whose learning rates are set. */
  readonly optimizer: Optimizer;
  /** Steps made. */
  lastEpoch: number;

  private initialLrs: number[];
  private lastLrs: number[] = [];
  private stepCount = 0;
  private beginning = false;

  /**
   * @param operation what error messages begin with
   * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE where `lastEpoch` is not -1 and a group has no `initialLr`
   */
  constructor(operation: string, optimizer: Optimizer, { lastEpoch = -1 }: SchedulerOptions = {}) {
    this.optimizer = requireOptimizer(operation, optimizer);
    this.initialLrs = optimizer.paramGroups.map((group, i) => {
      if (lastEpoch === -1) return (group.initialLr ??= group.lr);
      if (group.initialLr !== null) return group.initialLr;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${operation}: expected lastEpoch -1 or an initialLr in group ${i} (from optimizer.loadStateDict), ` +
          `got lastEpoch ${lastEpoch}`,
      );
    });
    this.lastEpoch = lastEpoch;
  }

  /** The learning rate of each parameter group before the first step. */
  get baseLrs(): readonly number[] {
    return this.initialLrs;
  }

  /** Sets the learning rates of the next epoch (or iteration). @throws ERR_BUSY while a job works with the optimizer */
  step(): void {
    this.take();
  }

  /** The learning rates that were set last. */
  getLastLr(): number[] {
    return [...this.lastLrs];
  }

  /** Begins the schedule anew, with its step 0, from the learning rates that the groups have now. */
  reset(): void {
    const before = this.lastEpoch;
    this.lastEpoch = -1;
    try {
      this.begin();
    } catch (error) {
      this.lastEpoch = before;
      throw error;
    }
  }

  /** What changes as it steps, in PyTorch's form; options are not part of it. */
  stateDict(): LRSchedulerStateDict {
    return {
      last_epoch: this.lastEpoch,
      base_lrs: [...this.initialLrs],
      _step_count: this.stepCount,
      _last_lr: [...this.lastLrs],
    };
  }

  /** Goes on from a state, of `stateDict` or of PyTorch; learning rates come with the optimizer's. @throws ERR_STATE_DICT */
  loadStateDict(stateDict: unknown): void {
    const state = parseState(stateSchema, stateDict);
    requireForEachGroup('base_lrs', state.base_lrs, this.optimizer.paramGroups.length);
    this.lastEpoch = state.last_epoch;
    this.initialLrs = state.base_lrs;
    this.stepCount = state._step_count;
    this.lastLrs = state._last_lr;
  }

  /** The learning rate of each group at `lastEpoch`. */
  protected abstract getLr(): number[];

  /** True in the step that a scheduler takes when it is made. */
  protected get isInitial(): boolean {
    return this.beginning;
  }

  /** Takes step 0 (or, after `lastEpoch`, the next). */
  protected begin(): void {
    this.stepCount = 0;
    this.beginning = true;
    try {
      this.take();
    } finally {
      this.beginning = false;
    }
  }

  /** The learning rates of the groups, times a factor. */
  protected scaled(factor: number): number[] {
    return this.optimizer.paramGroups.map(({ lr }) => lr * factor);
  }

  private take(): void {
    const { paramGroups } = this.optimizer;
    const before = paramGroups.map(({ lr }) => lr);
    this.lastEpoch++;
    try {
      this.getLr().forEach((lr, i) => (paramGroups[i]!.lr = lr));
    } catch (error) {
      this.lastEpoch--;
      paramGroups.forEach((group, i) => (group.lr = before[i]!));
      throw error;
    }
    this.stepCount++;
    this.lastLrs = paramGroups.map(({ lr }) => lr);
  }
}
