import { DataLoader } from '../../data/data-loader';
import type { MiniBatch } from '../../data/dataset';
import { ContinualTorchError, describeValue } from '../../errors';
import type { NativeTrainingStep } from '../../native/types';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';
import type { FetchMiniBatch } from './iteration-plan';

/** What a strategy iterates over: a `DataLoader`, or anything that gives mini-batches; a missing task label is 0. */
export type MiniBatchSource = (AsyncIterable<MiniBatch | [Tensor, Tensor]> | Iterable<MiniBatch | [Tensor, Tensor]>) & {
  /** Number of mini-batches, where it is known. */
  readonly length?: number;
};

/** Where mini-batches come from JavaScript, their iterator; null where C++ gathers them. */
export function openLoader(
  dataloader: MiniBatchSource,
  step: NativeTrainingStep,
): Iterator<unknown> | AsyncIterator<unknown> | null {
  const pass = dataloader instanceof DataLoader ? dataloader.openNative() : null;
  if (pass) {
    step.load(pass);
    return null;
  }
  if (typeof dataloader === 'object' && dataloader !== null) {
    if (Symbol.asyncIterator in dataloader) return dataloader[Symbol.asyncIterator]();
    if (Symbol.iterator in dataloader) return dataloader[Symbol.iterator]();
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `dataloader: expected a DataLoader or an iterable of mini-batches, got ${describeValue(dataloader)}`,
  );
}

/** Hands each mini-batch that the iterator gives to `take`. */
export function fetchFrom(
  iterator: Iterator<unknown> | AsyncIterator<unknown>,
  take: (batch: MiniBatch) => void,
): FetchMiniBatch {
  return async () => {
    try {
      const next: IteratorResult<unknown, unknown> = await iterator.next();
      if (next.done) return false;
      take(next.value as MiniBatch);
      return true;
    } catch (cause) {
      if (cause instanceof ContinualTorchError) throw cause;
      throw new ContinualTorchError(
        'ERR_DATA_SOURCE',
        `dataloader: failed: ${cause instanceof Error ? cause.message : describeValue(cause)}`,
        { cause },
      );
    }
  };
}

/** A mini-batch, checked; a missing task label is 0. @throws ERR_INVALID_ARG_TYPE, ERR_LENGTH_MISMATCH */
export function requireMiniBatch(batch: unknown): MiniBatch {
  if (!Array.isArray(batch) || batch.length < 2 || batch.length > 3) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `mini-batch: expected [x, y] or [x, y, taskId], got ${describeValue(batch)}`,
    );
  }
  const x = requireTensor('x of the mini-batch', batch[0]);
  const y = requireTensor('y of the mini-batch', batch[1]);
  const [count] = x.shape;
  if (count === undefined || y.shape[0] !== count) {
    throw new ContinualTorchError(
      'ERR_LENGTH_MISMATCH',
      `mini-batch: expected as many targets as inputs, got x [${x.shape.join(', ')}] and y [${y.shape.join(', ')}]`,
    );
  }
  const taskId: unknown = batch[2] ?? ops.aten.zeros!([count], { dtype: 'int64' });
  return [x, y, requireTensor('taskId of the mini-batch', taskId)];
}

/** @throws ERR_INVALID_ARG_TYPE for anything but a tensor */
export function requireTensor(operation: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected a Tensor, got ${describeValue(value)}`,
  );
}
