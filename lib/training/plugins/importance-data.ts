import { z } from 'zod';
import type { Dataset } from '../../data/dataset';
import type { Inputs } from '../../data/inputs';
import { IterableDataset } from '../../data/iterable-dataset';
import { TensorDataset } from '../../data/tensor-dataset';
import type { InputValues } from '../../data/values';
import { ContinualTorchError, describeValue } from '../../errors';
import type { AnyExperience } from '../../hooks/train-options';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';
import { callUser, isThenable } from '../../user-function';
import { first, SlidingWindow } from './sliding-window';
export { SlidingWindow } from './sliding-window';

/**
 * What importances can be measured on, since they need no labels: a dataset (its labels are not read); inputs `[N, ...]`; samples that
 * come one after the other, `x` each; the samples that came last. An iterator can be read once: a function gives one anew.
 */
export type UnlabelledData = Dataset | Inputs | AsyncIterable<InputValues> | Iterable<InputValues> | SlidingWindow;

/** Unlabelled data, or a function that says which for an experience (null in `updateImportance` outside of one). */
export type ImportanceData = UnlabelledData | ((experience: AnyExperience | null) => UnlabelledData | Promise<UnlabelledData>);

type AnyIterator = AsyncIterator<InputValues> | Iterator<InputValues>;

const kinds = 'a dataset, a Tensor, several by name or in an array, an iterable of samples, a SlidingWindow or a function';

export const importanceDataSchema = z.custom<ImportanceData>((value) => typeof value === 'function' || isUnlabelled(value), kinds);

function isUnlabelled(value: unknown): boolean {
  if (value instanceof TensorDataset || value instanceof IterableDataset || value instanceof SlidingWindow || value instanceof Tensor) return true;
  if (typeof value !== 'object' || value === null) return false;
  return isIterable(value) || Object.values(value).some((each) => each instanceof Tensor);
}

function isIterable(value: object): value is AsyncIterable<InputValues> | Iterable<InputValues> {
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** Data that is open for a pass. */
interface OpenData {
  dataset: TensorDataset | IterableDataset;
  /** Lets an iterator free what it holds. One that has been asked for a sample and does not answer is told to end, and not waited for. */
  close(): Promise<void>;
}

const nothingToClose = () => Promise.resolve();

/**
 * The data as a dataset.
 * @param operation who measures
 * @param name what the data is called there
 * @param isReadAgain whether it must be possible to open the dataset more than once
 * @throws ERR_INVALID_ARG_TYPE where it is none; ERR_DATA_SOURCE where a function fails; ERR_EMPTY_EXPERIENCE
 */
export async function datasetOf(
  operation: string,
  name: string,
  data: ImportanceData,
  experience: AnyExperience | null,
  isReadAgain: boolean,
): Promise<OpenData> {
  const said =
    typeof data === 'function'
      ? await callUser('ERR_DATA_SOURCE', `${operation}: ${name} failed`, () => data(experience))
      : data;
  const whole = (dataset: TensorDataset | IterableDataset): OpenData => ({ dataset, close: nothingToClose });
  if (said instanceof TensorDataset || said instanceof IterableDataset) return whole(said);
  if (said instanceof SlidingWindow) {
    const held = said.contents();
    if (held) return whole(unlabelled(held.x, held.taskIds));
    throw new ContinualTorchError('ERR_EMPTY_EXPERIENCE', `${operation}: expected samples in the SlidingWindow to measure importances on, got none`);
  }
  const labels = experience?.dataset.taskLabels ?? [];
  const taskLabel = labels.length === 1 ? labels[0]! : null;
  const isOneArray = Array.isArray(said) && said.length > 0 && said.every((each) => each instanceof Tensor);
  if (said instanceof Tensor || isOneArray) return whole(unlabelled(said, taskLabel));
  if (typeof said === 'object' && said !== null) {
    if (isIterable(said)) {
      const { open, close } = isReadAgain && isIterator(said) ? readAgain(said) : { open: () => samplesOf(said), close: nothingToClose };
      return { dataset: new IterableDataset(open, { taskLabel }), close };
    }
    if (isUnlabelled(said)) return whole(unlabelled(said as Inputs, taskLabel));
  }
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `${operation}: expected ${name} to be ${kinds}, got ${describeValue(said)}`);
}

/** Inputs as a dataset whose targets nobody reads. */
function unlabelled(x: Inputs, taskLabels: readonly number[] | number | null): TensorDataset {
  const y = ops.aten.zeros!([first(x).shape[0] ?? 0], { dtype: 'int64', device: 'cpu' }) as Tensor;
  return new TensorDataset(x as Tensor, y, { taskLabels });
}

function isIterator(value: object): value is AnyIterator {
  return typeof (value as { next?: unknown }).next === 'function';
}

/** Opens the samples of an iterator, which can be read once, for more than one pass: they are kept. */
function readAgain(iterator: AnyIterator): { open(): AsyncGenerator<[InputValues, number]>; close(): Promise<void> } {
  const kept: InputValues[] = [];
  let isAsked = false;
  return {
    async *open() {
      for (let i = 0; ; i++) {
        if (i === kept.length) {
          isAsked = true;
          const next = await iterator.next();
          isAsked = false;
          if (next.done) return;
          kept.push(next.value);
        }
        yield [kept[i]!, 0];
      }
    },
    async close() {
      try {
        const returned = iterator.return?.();
        if (!isAsked) await returned;
        else if (isThenable(returned)) returned.then(undefined, () => {}); // its turn comes behind what it owes
      } catch {
        // What was to be read of it has been read.
      }
    },
  };
}

async function* samplesOf(source: AsyncIterable<InputValues> | Iterable<InputValues>): AsyncGenerator<[InputValues, number]> {
  for await (const x of source) yield [x, 0];
}
