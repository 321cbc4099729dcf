import { inspect } from 'node:util';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { boolean, instanceOf, parseOptions } from '../options';
import { Complex } from './complex';
import { isComplexDtype, isDtype } from './dtype';
import { elementCount } from './element-count';
import type { DType, TypedArray } from '../native/element-types';
import { formatTensor } from './format';
import { type TensorIndex, toNativeIndices } from './indexing';
import { call, operator } from './operator-call';
import type { Layout, MemoryFormat, Scalar } from './operator-types';
import type { TensorMethods } from './operators.generated';
import { track } from './tidy';

/** One element of a tensor. */
export type TensorElement = number | bigint | boolean | Complex;

/** Elements nested like their tensor. */
export type NestedElements = TensorElement | NestedElements[];

/** As text some twenty megabytes. */
const mostInJson = 1_000_000;

const notCloned = Symbol('a Tensor: send its toTypedArray(), shape and dtype, or share a SharedArrayBuffer by asTensor');

/** What `Tensor.to` changes; the rest stays as it is. */
export type ToOptions = {
  /** The dtype to convert to. */
  dtype?: DType;
  /** `"cpu"`, `"cuda"` or `"cuda:N"`. */
  device?: string;
  /** How elements lie in memory. */
  memoryFormat?: MemoryFormat;
  /** A new tensor even where nothing changes. Default false. */
  copy?: boolean;
  /** Does not wait for the copy between pinned memory and CUDA. Default false. */
  nonBlocking?: boolean;
};

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
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- `operators.ts` puts the methods on the prototype
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

  /** Size of each dimension, or of one; negative ones count from the end. @throws ERR_TORCH for one that there is not */
  size(): number[];
  /** Size of one dimension. */
  size(dim: number): number;
  /** Sizes, or one of them. */
  size(dim?: number): number | number[] {
    return dim === undefined ? this.shape : (call('size', this, dim) as number);
  }

  /** How many elements lie between two neighbours, for each dimension or for one. */
  stride(): number[];
  /** How many elements lie between two neighbours of one dimension. */
  stride(dim: number): number;
  /** Strides, or one of them. */
  stride(dim?: number): number | number[] {
    if (dim !== undefined) return call('stride', this, dim) as number;
    return this.shape.map((_, i) => call('stride', this, i) as number);
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

  /** All dimensions in reverse order: a view. */
  get T(): Tensor {
    return call('numpy_T', this) as Tensor;
  }

  /** The last two dimensions swapped: a view. */
  get mT(): Tensor {
    return call('mT', this) as Tensor;
  }

  /** A matrix transposed and conjugated: a view. */
  get H(): Tensor {
    return call('matrix_H', this) as Tensor;
  }

  /** The last two dimensions swapped, conjugated: a view. */
  get mH(): Tensor {
    return call('mH', this) as Tensor;
  }

  /** The real parts: a view. */
  get real(): Tensor {
    return call('real', this) as Tensor;
  }

  /** The imaginary parts of a complex tensor: a view. */
  get imag(): Tensor {
    return call('imag', this) as Tensor;
  }

  /** The same memory outside of the graph: changes are not recorded. */
  get data(): Tensor {
    return call('data', this) as Tensor;
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

  /** Whether it was not computed from something that requires a gradient. */
  get isLeaf(): boolean {
    return call('is_leaf', this) as boolean;
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

  /** The same tensor outside of the graph, in place. @throws ERR_BUSY */
  detach_(): this {
    call('detach_', this);
    return this;
  }

  /**
   * Another dtype, device or memory format: a copy where something changes.
   *
   *     x.to('float64');  x.to('cuda');  x.to(other);  x.to({ dtype: 'float16', device: 'cuda:1' })
   *
   * @throws ERR_INVALID_ARG_TYPE, ERR_DEVICE
   */
  to(target: DType | (string & {}) | Tensor | ToOptions, options: Omit<ToOptions, 'dtype' | 'device'> = {}): Tensor {
    if (target instanceof Tensor) return this.to({ dtype: target.dtype, device: target.device, ...options });
    if (isDtype(target)) return this.to({ dtype: target, ...options });
    if (typeof target === 'string') return this.to({ device: target, ...options });
    if (typeof target !== 'object' || target === null) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `to: expected a dtype, a device, a Tensor or options, got ${describeValue(target)}`,
      );
    }
    if (target.device !== undefined) native.checkDevice(target.device);
    return toLayout(this, target) as Tensor;
  }

  /** On the CPU. */
  cpu(): Tensor {
    return this.to({ device: 'cpu' });
  }

  /** On the GPU. @throws ERR_DEVICE */
  cuda(): Tensor {
    return this.to({ device: 'cuda' });
  }

  /** As float32. */
  float(): Tensor {
    return this.to({ dtype: 'float32' });
  }

  /** As float64. */
  double(): Tensor {
    return this.to({ dtype: 'float64' });
  }

  /** As float16. */
  half(): Tensor {
    return this.to({ dtype: 'float16' });
  }

  /** As bfloat16. */
  bfloat16(): Tensor {
    return this.to({ dtype: 'bfloat16' });
  }

  /** As int64. */
  long(): Tensor {
    return this.to({ dtype: 'int64' });
  }

  /** As int32. */
  int(): Tensor {
    return this.to({ dtype: 'int32' });
  }

  /** As bool: true where it is not 0. */
  bool(): Tensor {
    return this.to({ dtype: 'bool' });
  }

  /**
   * A part of the tensor, with PyTorch's meaning of indices: a view for positions, slices, null and '...', a copy where
   * tensors or arrays pick elements.
   *
   *     t.index([0, slice(1, 5), null, mask])   // t[0, 1:5, None, mask]
   *
   * @throws ERR_INVALID_ARG_TYPE; ERR_TORCH for a position outside the tensor
   */
  index(indices: TensorIndex | readonly TensorIndex[]): Tensor {
    return new Tensor(native.tensorIndex(this.handle, toNativeIndices('index', indices)));
  }

  /**
   * Sets a part of the tensor, in place: `t[indices] = value`, the value broadcast to the part's shape.
   * @throws as `index`; ERR_TORCH where the value does not fit
   */
  indexPut_(indices: TensorIndex | readonly TensorIndex[], value: Tensor | Scalar): this {
    const source =
      value instanceof Tensor ? value : (call('scalar_tensor', value, { dtype: this.dtype, device: this.device }) as Tensor);
    native.tensorIndexPut(this.handle, toNativeIndices('indexPut_', indices), source.handle);
    return this;
  }

  /** This tensor where the condition holds, the other elsewhere (`torch.where(condition, this, other)`). */
  where(condition: Tensor, other: Tensor | Scalar): Tensor {
    return call('where', condition, this, other) as Tensor;
  }

  /** The n-th derivative of `digamma`. */
  polygamma(n: number): Tensor {
    return call('polygamma', n, this) as Tensor;
  }

  /** The parts along the first dimension, one after the other. @throws ERR_SHAPE for a scalar */
  *[Symbol.iterator](): IterableIterator<Tensor> {
    const [length] = this.shape;
    if (length === undefined) throw new ContinualTorchError('ERR_SHAPE', 'iteration: expected at least one dimension, got a scalar');
    for (let i = 0; i < length; i++) yield call('select', this, 0, i) as Tensor;
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

  /** As PyTorch prints it: `tensor([1., 2.])`. */
  toString(): string {
    return formatTensor(this);
  }

  /** What `console.log` shows: as `toString`. */
  [inspect.custom](): string {
    return this.toString();
  }
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging, @typescript-eslint/no-empty-object-type, jsdoc/require-jsdoc
export interface Tensor extends TensorMethods {}

const toLayout = operator('to.dtype_layout');

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
