import { ContinualTorchError, describeValue } from '../errors';
import type { NativeIndex } from '../native/types';
import { nullableInteger, parseArgument } from '../options';
import { tensor } from './creation';
import { Tensor } from './tensor';

/** Every `step`-th position from `start` up to, not including, `stop`, as Python's `start:stop:step`. */
export class Slice {
  constructor(
    /** The first position; null: from the beginning. */
    readonly start: number | null,
    /** The position behind the last; null: to the end. */
    readonly stop: number | null,
    /** From one position to the next; null: 1. */
    readonly step: number | null,
  ) {}
}

/**
 * Python's `slice`: `slice(5)` is `:5`, `slice(1, 5)` is `1:5`, `slice(null, null, 2)` is `::2`. Negative bounds count from
 * the end; the step is positive.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function slice(...bounds: [stop?: number | null] | [start: number | null, stop: number | null, step?: number | null]): Slice {
  const [start, stop, step] = bounds.length < 2 ? [null, bounds[0], null] : bounds;
  const bound = (name: string, value: unknown) => parseArgument('slice', name, nullableInteger, value ?? null);
  return new Slice(bound('start', start), bound('stop', stop), bound('step', step));
}

/**
 * One index of `Tensor.index`: a position, a slice, null (a new dimension of size 1), '...' (all dimensions in between), a
 * boolean, an integer tensor of positions or a bool tensor as a mask; arrays stand for tensors.
 */
export type TensorIndex = number | Slice | null | '...' | boolean | Tensor | readonly (number | boolean)[];

/** @internal The indices of a call as C++ takes them; the tensors among them must outlive the call. */
export function toNativeIndices(operation: string, given: unknown): NativeIndex[] {
  const indices: readonly unknown[] = Array.isArray(given) ? given : [given];
  return indices.map((index, i): NativeIndex => {
    if (index instanceof Tensor) return index.handle;
    if (index instanceof Slice) return [index.start, index.stop, index.step];
    if (index === null || index === '...' || typeof index === 'boolean') return index;
    if (typeof index === 'number' && Number.isSafeInteger(index)) return index;
    if (Array.isArray(index)) return tensor(index as number[], { dtype: index.some(isBoolean) ? 'bool' : 'int64', device: 'cpu' }).handle;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected an integer, slice(...), null, "...", a boolean, a Tensor or an array as each index, got ${describeValue(index)} at ${i}`,
    );
  });
}

const isBoolean = (value: unknown) => typeof value === 'boolean';
