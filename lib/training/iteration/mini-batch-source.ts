import { DataLoader } from '../../data/data-loader';
import type { MiniBatch, MiniBatchSource } from '../../data/dataset';
import { describeInputs, haveLength, type Inputs, requireInputs } from '../../data/inputs';
import { ContinualTorchError, describeValue } from '../../errors';
import { goTo, positionOf } from '../../data/pass-position';
import type { NativeTrainingStep } from '../../native/types';
import { isStateful, type State } from '../../state';
import { ops } from '../../tensor/operators';
import { requireTensor, type Tensor } from '../../tensor/tensor';
import { callUser, isThenable } from '../../user-function';
import type { FetchMiniBatch } from './iteration-plan';

/** @internal A pass over the mini-batches of a source. */
export interface OpenSource {
  /** null where C++ gathers them. */
  fetch: FetchMiniBatch | null;
  /** Behind the mini-batch that was fetched last, for `begin` of another pass; null where the source can only be read again. */
  position: () => State | null;
  /**
   * Lets the source free what it holds. One that has been asked for a mini-batch and does not answer is told to end, and not
   * waited for.
   * @throws ERR_DATA_SOURCE where it fails
   */
  close(): Promise<void>;
}

/**
 * @internal Begins a pass whose mini-batches go to `take`.
 * @param begin what `position` of an earlier pass was; null: it begins at the beginning
 * @throws ERR_INVALID_ARG_TYPE; ERR_STATE_DICT where it cannot begin there
 */
export function openSource(
  dataloader: MiniBatchSource,
  strategy: { step: NativeTrainingStep; unlessAborted<T>(promise: PromiseLike<T>): PromiseLike<T> },
  take: (batch: MiniBatch<Inputs>) => void,
  begin: State | null = null,
): OpenSource {
  const pass = dataloader instanceof DataLoader ? dataloader.openNative() : null;
  if (pass) {
    if (begin !== null) goTo(pass, begin);
    strategy.step.load(pass);
    return { fetch: null, position: () => positionOf(pass), close: () => Promise.resolve() };
  }
  const { iterator, position } = explained(() => opened(dataloader, begin));
  if (spent.has(iterator)) throw spentSource();
  // A generator object is its own iterator: it gives nothing once it has come to its end.
  if ((iterator as unknown) === dataloader) spent.add(iterator);
  let isAsked = false;
  const hasAnswered = () => void (isAsked = false);
  return {
    position,
    fetch: () =>
      explained(async () => {
        const given = iterator.next();
        if (isThenable(given)) {
          isAsked = true;
          given.then(hasAnswered, hasAnswered);
        }
        const next: IteratorResult<unknown, unknown> = isThenable(given) ? await strategy.unlessAborted(given) : given;
        if (next.done) return false;
        take(next.value as MiniBatch<Inputs>);
        return true;
      }),
    close: () =>
      explained(async () => {
        const returned = iterator.return?.();
        if (!isAsked) await returned;
        else if (isThenable(returned)) returned.then(undefined, () => {}); // its turn comes behind what it owes
      }),
  };
}

const spent = new WeakSet<object>();

function spentSource(): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_DATA_SOURCE',
    'dataloader: expected something that each epoch can iterate anew, got a generator object that has been iterated before; ' +
      'give an object with a method [Symbol.asyncIterator] that makes one, or set dataloader again in beforeTrainingEpoch',
  );
}

/** A pass of mini-batches that JavaScript has a part in, and where it stands. */
function opened(dataloader: MiniBatchSource, begin: State | null): { iterator: Iterator<unknown> | AsyncIterator<unknown>; position: () => State | null } {
  const ofLoader = dataloader instanceof DataLoader ? dataloader.openAt(begin) : null;
  if (ofLoader) return ofLoader;
  if (!isStateful(dataloader)) return { iterator: iteratorOf(dataloader), position: () => null };
  if (begin !== null) dataloader.loadStateDict(begin);
  return { iterator: iteratorOf(dataloader), position: () => dataloader.stateDict() };
}

function iteratorOf(dataloader: MiniBatchSource): Iterator<unknown> | AsyncIterator<unknown> {
  if (typeof dataloader === 'object' && dataloader !== null) {
    if (Symbol.asyncIterator in dataloader) return dataloader[Symbol.asyncIterator]();
    if (Symbol.iterator in dataloader) return dataloader[Symbol.iterator]();
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `dataloader: expected a DataLoader or an iterable of mini-batches, got ${describeValue(dataloader)}`,
  );
}

function explained<T>(call: () => T): T {
  return callUser('ERR_DATA_SOURCE', 'dataloader: failed', call);
}

/** @internal A mini-batch, checked; a missing task label is 0. @throws ERR_INVALID_ARG_TYPE, ERR_LENGTH_MISMATCH */
export function requireMiniBatch(batch: unknown): MiniBatch<Inputs> {
  if (!Array.isArray(batch) || batch.length < 2 || batch.length > 3) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `mini-batch: expected [x, y] or [x, y, taskId], got ${describeValue(batch)}`,
    );
  }
  const x = requireInputs('x of the mini-batch: expected', batch[0]);
  const y = requireTensor('y of the mini-batch', batch[1]);
  const [count] = y.shape;
  if (count === undefined || !haveLength(x, count)) {
    const shape = (tensor: Tensor) => `[${tensor.shape.join(', ')}]`;
    throw new ContinualTorchError(
      'ERR_LENGTH_MISMATCH',
      `mini-batch: expected as many targets as inputs, got x ${describeInputs(x, shape)} and y ${shape(y)}`,
    );
  }
  const taskId = requireTensor('taskId of the mini-batch', batch[2] ?? ops.aten.zeros!([count], { dtype: 'int64', device: 'cpu' }));
  if (taskId.shape.length !== 1 || taskId.shape[0] !== count) {
    throw new ContinualTorchError(
      'ERR_LENGTH_MISMATCH',
      `mini-batch: expected a task label for each of ${count} samples, got taskId [${taskId.shape.join(', ')}]`,
    );
  }
  return [x, y, taskId];
}
