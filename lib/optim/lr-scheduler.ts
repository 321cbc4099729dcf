import type { Optimizer } from './optimizer';

/**
 * Changes the learning rates of an optimizer as training goes on. One of your own needs `stateDict` and `loadStateDict` to go on
 * from a checkpoint where it knows more than `lastEpoch`.
 */
export interface LRScheduler {
  /** Whose learning rates are set. */
  readonly optimizer: Optimizer;
  /** The learning rate of each parameter group before the first step. */
  readonly baseLrs: readonly number[];
  /** How many steps were taken; 0 begins the schedule anew. */
  lastEpoch: number;
  /** Whether `step` needs the value of a metric. Default false. */
  readonly needsMetrics?: boolean;
  /** Sets the learning rates for the next epoch (or iteration). */
  step(metrics?: number): void;
  /** Forgets what `step` has seen of the metric. */
  reset?(): void;
}
