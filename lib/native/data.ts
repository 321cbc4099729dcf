/** The part of the addon's typed mirror that is of datasets and mini-batches. */

import type { NativeInputs, NativeTensor } from './values';

/** What happens to samples, in this order; as `TensorTransform`. */
export interface NativeTransform {
  pad: number;
  permutation: NativeTensor | null;
  toFloat: boolean;
  mean: number | null;
  std: number | null;
  draws: number;
}

/** Opaque: a dataset in memory. */
export interface NativeDataset {
  readonly __dataset: never;
}

/** One pass over a dataset. */
export interface NativeMiniBatches {
  length(): number;
  next(): [x: NativeInputs, y: NativeTensor, taskId: NativeTensor] | null;
  /** Behind the mini-batch that was given last. */
  position(): NativePassPosition;
  goTo(position: NativePassPosition): void;
}

/** In each group of samples: null where they come in their order, or no order has been drawn yet. */
export type NativePassPosition = (readonly [order: NativeTensor | null, next: number, hasEnded: boolean])[];
