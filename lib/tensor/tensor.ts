import { inspect } from 'node:util';
import { z } from 'zod';
import type { DType, TypedArray } from '../element-types';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { boolean, instanceOf, parseOptions } from '../options';
import { Complex } from './complex';
import { isComplexDtype } from './dtype';
import { elementCount } from './element-count';
import type { Layout } from './operator-types';
import { track } from './scopes';

/** One element of a tensor. */
export type TensorElement = number | bigint | boolean | Complex;

/** Elements nested like their tensor. */
export type NestedElements = TensorElement | NestedElements[];

/** As text some twenty megabytes. */
const mostInJson = 1_000_000;

const notCloned = Symbol('a Tensor: send its toTypedArray(), shape and dtype, or share a SharedArrayBuffer by asTensor');

/** Options of `Tensor.backward`. */
export interface BackwardOptions {
  /** d(something) / d(this tensor), in its shape; needed unless it has one element, where it is 1 by default. */
  gradient?: Tensor | null;
  /** Keeps the graph for another backward. Default: as `createGraph`. */
  retainGraph?: boolean;
  /** Records the backward pass itself, for second derivatives. Default false. */
  createGraph?: boolean;
  /** The only leaves whose `grad` is added to. Default: all. */
  inputs?: readonly Tensor[];
}

/**
 * A libtorch tensor, with every ATen operator that takes a tensor first as a method under its name in camelCase
 * (`x.maskedFill(mask, 0)`, `x.add_(1)`; see `TensorMethods`). Its memory is freed when the object is collected, or at once
 * by `dispose()` (`using` and `tidy` work too). Every method of a disposed tensor throws `ERR_DISPOSED`.
 */
export class Tensor {
  /** @internal The first that `structuredClone` and `postMessage` meet, which take no symbols: their error shows its text. */
  readonly cannotBeCloned = notCloned;
  /** @internal */
  readonly handle: NativeTensor;

  /** @hidden Tensors come from `tensor()`, operators and models. */
  constructor(made: never);
  /** @internal */
  constructor(handle: NativeTensor);
  constructor(handle: NativeTensor) {
    this.handle = handle;
    track(this);
  }

  /** Size of each dimension; `[]` for a scalar. */
  get shape(): number[] {
    return native.tensorShape(this.handle);
  }

  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }

  /** Type of the elements. */
  get dtype(): DType {
    return native.tensorDtype(this.handle);
  }

  /** `"cpu"`, `"cuda:0"`, ... */
  get device(): string {
    return native.tensorDevice(this.handle);
  }

  /** How the elements are stored: `"strided"`, `"sparseCoo"`, ... */
  get layout(): Layout {
    return native.tensorLayout(this.handle) as Layout;
  }

  /** Whether it lies in the memory of a GPU. */
  get isCuda(): boolean {
    return this.device.startsWith('cuda');
  }

  /** Whether operators on this tensor are recorded for backward. */
  get requiresGrad(): boolean {
    return native.tensorRequiresGrad(this.handle);
  }

  /** As `requiresGrad_`. */
  set requiresGrad(on: boolean) {
    this.requiresGrad_(on);
  }

  /**
   * Switches recording for backward on or off, in place, as `Tensor.requires_grad_` does.
   * @throws ERR_TORCH for integers, and to switch it off for what was computed
   */
  requiresGrad_(on = true): this {
    native.tensorSetRequiresGrad(this.handle, on);
    return this;
  }

  /** The name of the backward function of what computed it, `"AddBackward0"`; null for a leaf. */
  get gradFn(): string | null {
    return native.tensorGradFn(this.handle);
  }

  /**
   * The accumulated gradient; null where no backward pass has reached this leaf since gradients were cleared. Its memory is
   * used again by the next iteration of a strategy: copy what you keep. @throws ERR_BUSY while a strategy is at work
   */
  get grad(): Tensor | null {
    const grad = native.tensorGrad(this.handle);
    return grad === null ? null : new Tensor(grad);
  }

  /** @throws ERR_SHAPE for another shape, dtype or device; ERR_BUSY */
  set grad(grad: Tensor | null) {
    native.tensorSetGrad(this.handle, grad === null ? null : requireTensor('grad', grad).handle);
  }

  /**
   * The gradient of this scalar with respect to every leaf that it was computed from, added to their `grad`.
   * @throws ERR_TORCH without a graph, a second time without `retainGraph`, for more than one element without `gradient`;
   * ERR_BUSY; ERR_INVALID_ARG_TYPE; ERR_UNKNOWN_OPTION
   */
  backward(options?: BackwardOptions): void {
    const { gradient, retainGraph, createGraph, inputs } = parseOptions('backward', backwardOptions, options);
    const reached = inputs && inputs.map(({ handle }) => handle);
    native.tensorBackward(this.handle, gradient && gradient.handle, retainGraph, createGraph, reached);
  }

  /**
   * The value of a tensor of one element: a number (a bigint where int64 goes beyond 2^53), a boolean, a Complex. What is no
   * number is asked for by its type:
   *
   *     const total = loss.item() * 2;
   *     const isThere: boolean = mask.any().item<boolean>();
   *
   * @throws ERR_SHAPE for any other
   */
  item(): number;
  /** The value, of the type that its dtype has. */
  item<T extends TensorElement>(): T;
  /** The value of a tensor of one element. */
  item(): TensorElement {
    const value = native.tensorItem(this.handle);
    return typeof value === 'object' ? new Complex(value[0]!, value[1]!) : value;
  }

  /**
   * A copy of the elements in row-major order; bool as Uint8Array, float16, bfloat16 and float8 as Float32Array, complex
   * numbers as pairs of real and imaginary part.
   */
  toTypedArray(): TypedArray {
    return native.tensorToTypedArray(this.handle);
  }

  /** The elements as numbers in row-major order (int64 beyond 2^53 loses digits; complex ones as pairs). */
  toNumbers(): number[] {
    return Array.from(this.toTypedArray() as ArrayLike<number | bigint>, Number);
  }

  /**
   * The elements nested like the tensor (`Tensor.tolist`): numbers, bigints where int64 goes beyond 2^53, booleans, Complex;
   * one alone for a scalar. Who knows what they are names it: `x.toArray<number[][]>()`.
   */
  toArray(): NestedElements;
  /** The elements, nested as the caller knows them to be. */
  toArray<T extends NestedElements>(): T;
  /** The elements nested like the tensor. */
  toArray(): NestedElements {
    const { shape, dtype } = this;
    const values = elements(this.toTypedArray(), dtype);
    const nest = (dim: number, begin: number, count: number): NestedElements => {
      if (dim === shape.length) return values[begin]!;
      const step = count / Math.max(shape[dim]!, 1);
      return Array.from({ length: shape[dim]! }, (_, i) => nest(dim + 1, begin + i * step, step));
    };
    return nest(0, 0, values.length);
  }

  /**
   * What `JSON.stringify` writes: the elements as `toArray` nests them, which `tensor(JSON.parse(text))` reads again. JSON
   * knows no NaN and no Infinity, and writes null for them.
   * @throws ERR_INVALID_ARG_VALUE for more than 1,000,000 elements, ERR_DISPOSED
   */
  toJSON(): NestedElements {
    const { shape } = this;
    if (elementCount(shape) > mostInJson) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `JSON.stringify: expected a tensor of at most ${mostInJson} elements, got shape [${shape.join(', ')}]; ` +
          'saveSafetensors and torch.save write larger ones, toTypedArray() copies the elements',
      );
    }
    return this.toArray();
  }

  /** True if both objects stand for one tensor (not: for equal values). */
  isSame(other: Tensor): boolean {
    return other instanceof Tensor && native.tensorIsSame(this.handle, other.handle);
  }

  /** Lets go of the memory now. May be called twice. */
  dispose(): void {
    native.tensorDispose(this.handle);
  }

  /** True once `dispose` has let go of the memory. */
  get isDisposed(): boolean {
    return native.tensorIsDisposed(this.handle);
  }

  /** As `dispose`, at the end of a block with `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** What `console.log` shows: as `toString`. */
  [inspect.custom](): string {
    return this.toString();
  }
}

const aTensor = instanceOf(Tensor, 'a Tensor');
const backwardOptions = z.object({
  gradient: aTensor.nullable().default(null),
  retainGraph: boolean.nullable().default(null),
  createGraph: boolean.default(false),
  inputs: z.array(aTensor, 'an array of Tensors').nullable().default(null),
});

/** @internal */
export function requireTensor(operation: string, value: unknown, advice = ''): Tensor {
  if (value instanceof Tensor) return value;
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `${operation}: expected a Tensor, got ${describeValue(value)}${advice}`);
}

function elements(values: TypedArray, dtype: DType): TensorElement[] {
  if (dtype === 'bool') return Array.from(values as Uint8Array, Boolean);
  if (isComplexDtype(dtype)) {
    const pairs = values as Float64Array;
    return Array.from({ length: pairs.length / 2 }, (_, i) => new Complex(pairs[2 * i]!, pairs[2 * i + 1]!));
  }
  const isSafe = (value: bigint) => value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;
  return Array.from(values as ArrayLike<number | bigint>, (value) =>
    typeof value === 'bigint' && isSafe(value) ? Number(value) : value,
  );
}
