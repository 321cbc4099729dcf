import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { instanceOf, parseOptions, positiveInteger } from '../options';
import { loadTogether, type State } from '../state';
import { BaseLRScheduler, type LRSchedulerStateDict } from './base-lr-scheduler';
import type { LRScheduler } from './lr-scheduler';
import type { Optimizer } from './optimizer';
import { parseState } from './parse-state';
import { requireOptimizer } from './require-optimizer';

const scheduler = instanceOf(BaseLRScheduler, 'a scheduler that needs no metrics');
const schema = z.object({
  schedulers: z.array(scheduler, 'an array of schedulers').min(1, 'at least one scheduler'),
  milestones: z.array(positiveInteger, 'an array of positive integers'),
});
const stateSchema = z.object({
  last_epoch: z.int(),
  _last_lr: z.array(z.number()),
  _schedulers: z.array(z.unknown()),
});

/** Options of `optim.SequentialLR`. */
export interface SequentialLROptions {
  /** All of this optimizer. */
  schedulers: readonly BaseLRScheduler[];
  /** The steps at which the second, third, ... takes over, in ascending order. */
  milestones: readonly number[];
}

/** What of the schedulers changes as they step, under PyTorch's keys. */
export type SequentialLRStateDict = {
  /** Steps made. */
  last_epoch: number;
  /** The learning rate of each group. */
  _last_lr: number[];
  /** Of each scheduler, in their order. */
  _schedulers: LRSchedulerStateDict[];
};

/**
 * One scheduler after another, each from its own step 0 and from the learning rates of the beginning: warm-up before a
 * cosine, for example (`torch.optim.lr_scheduler.SequentialLR`).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class SequentialLR implements LRScheduler {
  /** Whose learning rates are set. */
  readonly optimizer: Optimizer;
  /** The learning rates of the beginning, one for each group. */
  readonly baseLrs: readonly number[];
  /** Steps made. */
  lastEpoch = 0;

  private readonly schedulers: readonly BaseLRScheduler[];
  private readonly milestones: readonly number[];
  private lastLrs: number[] = [];

  constructor(optimizer: Optimizer, options: SequentialLROptions) {
    const operation = 'optim.SequentialLR';
    this.optimizer = requireOptimizer(operation, optimizer);
    const { schedulers, milestones } = parseOptions(operation, schema, options);
    const refuse = (expected: string, got: string) => {
      throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected ${expected}, got ${got}`);
    };
    if (schedulers.some((each) => each.optimizer !== optimizer)) refuse('schedulers of this optimizer', 'one of another');
    if (milestones.length !== schedulers.length - 1) {
      refuse(`${schedulers.length - 1} milestones for ${schedulers.length} schedulers`, String(milestones.length));
    }
    if (milestones.some((milestone, i) => i > 0 && milestone <= milestones[i - 1]!)) {
      refuse('milestones in ascending order', milestones.join(', '));
    }
    this.schedulers = schedulers;
    this.milestones = milestones;
    this.baseLrs = [...schedulers[0]!.baseLrs];
    this.reset();
  }

  /** Sets the learning rates of the next epoch (or iteration). @throws ERR_BUSY while a job works with the optimizer */
  step(): void {
    const next = this.lastEpoch + 1;
    const current = this.schedulers[this.milestones.filter((milestone) => milestone <= next).length]!;
    if (this.milestones.includes(next)) this.begin(current);
    else current.step();
    this.lastEpoch = next;
    this.lastLrs = current.getLastLr();
  }

  /** The learning rates that were set last. */
  getLastLr(): number[] {
    return [...this.lastLrs];
  }

  /** Begins anew with the first scheduler. */
  reset(): void {
    this.begin(this.schedulers[0]!);
    this.lastEpoch = 0;
    this.lastLrs = this.schedulers[0]!.getLastLr();
  }

  /** What changes as the schedulers step, in PyTorch's form; options are not part of it. */
  stateDict(): SequentialLRStateDict {
    return {
      last_epoch: this.lastEpoch,
      _last_lr: [...this.lastLrs],
      _schedulers: this.schedulers.map((each) => each.stateDict()),
    };
  }

  /** Goes on from a state, of `stateDict` or of PyTorch; learning rates come with the optimizer's. @throws ERR_STATE_DICT */
  loadStateDict(stateDict: unknown): void {
    const state = parseState(stateSchema, stateDict);
    if (state._schedulers.length !== this.schedulers.length) {
      throw new ContinualTorchError(
        'ERR_STATE_DICT',
        `loadStateDict: expected the state of ${this.schedulers.length} schedulers, got ${state._schedulers.length}`,
      );
    }
    loadTogether(this.schedulers.map((each, i) => [each, state._schedulers[i] as State]));
    this.lastEpoch = state.last_epoch;
    this.lastLrs = state._last_lr;
  }

  private begin(current: BaseLRScheduler): void {
    this.optimizer.paramGroups.forEach((group, i) => (group.lr = current.baseLrs[i] ?? group.lr));
    current.reset();
  }
}
