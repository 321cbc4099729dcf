import type { Tensor } from '../tensor/tensor';
import type { Inputs } from './inputs';

/** Inputs `[B, ...]`, targets `[B]` or `[B, ...]`, and task labels, int64 `[B]`. `X`: one tensor unless you say other. */
export type MiniBatch<X extends Inputs = Tensor> = [x: X, y: Tensor, taskId: Tensor];

/** What a strategy iterates over: a `DataLoader`, or anything that gives mini-batches; a missing task label is 0. */
export type MiniBatchSource = (
  | AsyncIterable<MiniBatch<Inputs> | [x: Inputs, y: Tensor]>
  | Iterable<MiniBatch<Inputs> | [x: Inputs, y: Tensor]>
) & {
  /** Number of mini-batches, where it is known. */
  readonly length?: number;
};

/**
 * Samples with targets and task labels: `TensorDataset` in memory, `IterableDataset` from a source. Each has two groups of
 * transforms, for training and for evaluation; `train()` and `eval()` are views of the same samples with one or the other.
 */
export interface Dataset {
  /** Number of samples; undefined where the source does not say. */
  readonly length: number | undefined;
  /** Distinct task labels; none where the data carries none (mini-batches then say 0). */
  readonly taskLabels: readonly number[];
  /** Distinct class labels, ascending; none where targets are not class labels or the source does not say. */
  readonly classes: readonly number[];
  /** The same samples with the transforms of training: a view. */
  train(): Dataset;
  /** The same samples with the transforms of evaluation: a view. */
  eval(): Dataset;
  /** The same samples with this task label for all of them, or one for each sample. */
  withTaskLabels(taskLabels: number | readonly number[]): Dataset;
}
