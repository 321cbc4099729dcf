import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import type { NativeTransform } from '../native/types';
import { boolean, instanceOf, nonNegativeInteger } from '../options';
import { elementCount } from '../tensor/element-count';
import { Tensor } from '../tensor/tensor';
import { callUser } from '../user-function';
import { type Inputs, kindOfInputs, requireInputs } from './inputs';

/** What happens to the inputs of a mini-batch when it is gathered, in this order, on the compute thread. */
export interface TensorTransform {
  /**
   * So many zeros at each side of the last two dimensions (`torchvision.transforms.Pad`): [..., rows, columns] becomes
   * [..., rows + 2 pad, columns + 2 pad]. Default 0. What follows is done to the zeros too: a permutation moves them, and normalised
   * they are -mean / std.
   */
  pad?: number;
  /** int64 [features], `pad` counted in: the flattened sample's features become `x[permutation]`, 0 where that is -1. */
  permutation?: Tensor;
  /** Integers in [0, 255] become float32 in [0, 1]. */
  toFloat?: boolean;
  /** `(x - mean) / std` */
  normalize?: {
    /** What is taken off. */
    mean: number;
    /** What the rest is divided by. */
    std: number;
  };
  /** @internal Random numbers that the reference's transform draws for each sample, so that later draws are the same. */
  draws?: number;
}

/**
 * Inputs `[B, ...]` of a mini-batch to what the model gets, `[B, ...]`; runs on the JavaScript thread. `X`: one tensor unless
 * you say other; what it returns may be other inputs. As a method's, its parameter is not compared strictly, so that it may
 * name its inputs.
 */
export type TransformFunction<X extends Inputs = Tensor> = {
  /** From the inputs of a mini-batch to those of the model. */
  transform(x: X): Inputs | Promise<Inputs>;
}['transform'];

/** A transform of the inputs of a dataset; of several inputs it is a function. */
export type Transform<X extends Inputs = Tensor> = TensorTransform | TransformFunction<X>;

/** A transform of whatever inputs. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- of one tensor, or of several
export type AnyTransform = Transform<any>;

const finite = z.number('a number');
const widestFrame = 65536;

export const transformSchema = z.union(
  [
    z.custom<TransformFunction<never>>((value) => typeof value === 'function'),
    z.strictObject({
      pad: nonNegativeInteger.max(widestFrame, `an integer in [0, ${widestFrame}]`).optional(),
      permutation: instanceOf(Tensor, 'an int64 Tensor').optional(),
      toFloat: boolean.optional(),
      normalize: z.object({ mean: finite, std: finite.positive() }).optional(),
      draws: nonNegativeInteger.optional(),
    }),
  ],
  `a function of the inputs or an object { pad, permutation, toFloat, normalize: { mean, std } } with an integer pad in [0, ${widestFrame}] and a positive std`,
);

/** Refuses a transform that does not fit the data. */
export function checkTransform(operation: string, transform: AnyTransform, x: Inputs): void {
  if (typeof transform === 'function') return;
  if (!(x instanceof Tensor)) {
    if (Object.values(transform).every((stage) => !stage)) return;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected transform to be a function of all inputs, because x is ${kindOfInputs(x)}, got an object`,
    );
  }
  const sampleShape = x.shape.slice(1);
  const pad = transform.pad ?? 0;
  if (pad > 0 && sampleShape.length < 2) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected samples [..., rows, columns] where transform.pad is given, got [${sampleShape.join(', ')}]`,
    );
  }
  const features = elementCount(sampleShape.map((size, d) => (d < sampleShape.length - 2 ? size : size + 2 * pad)));
  requireIndices(operation, 'transform.permutation', transform.permutation ?? null, features);
  if (transform.normalize && !transform.toFloat && !x.dtype.includes('float')) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected x of floats, or toFloat, where transform.normalize is given, got ${x.dtype}`,
    );
  }
}

/** @internal */
export function toNativeTransform({ pad, permutation, toFloat, normalize, draws }: TensorTransform): NativeTransform {
  return {
    pad: pad ?? 0,
    permutation: permutation?.handle ?? null,
    toFloat: toFloat ?? false,
    mean: normalize?.mean ?? null,
    std: normalize?.std ?? null,
    draws: draws ?? 0,
  };
}

/** Inputs through a user's function. @throws ERR_DATA_SOURCE where it fails; ERR_INVALID_ARG_TYPE where it returns no inputs */
export async function applyFunction(transform: TransformFunction<never>, x: Inputs): Promise<Inputs> {
  const result: unknown = await callUser('ERR_DATA_SOURCE', 'transform: failed', () => transform(x as never));
  return requireInputs('transform: expected the function to return', result);
}

/** @throws ERR_INVALID_ARG_VALUE unless `indices` is null or int64 [length] (null: of any length) */
export function requireIndices(operation: string, name: string, indices: Tensor | null, length: number | null): void {
  if (indices === null) return;
  const { shape, dtype } = indices;
  if (dtype === 'int64' && shape.length === 1 && (length === null || shape[0] === length)) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected ${name} to be int64 [${length ?? 'N'}], got ${dtype} [${shape.join(', ')}]`,
  );
}
