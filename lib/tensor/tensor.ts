import { inspect } from 'node:util';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { DType, NativeTensor, TypedArray } from '../native/types';
import { nonNegativeInteger, parseOptions } from '../options';

/**
 * A libtorch tensor. Its memory is freed when the object is collected, or at once by `dispose()` (`using` works too).
 * Every method of a disposed tensor throws `ERR_DISPOSED`.
 */
export class Tensor {
  /** @internal */
  readonly handle: NativeTensor;

  /** @internal Tensors come from `tensor()`, operators and models. */
  constructor(handle: NativeTensor) {
    this.handle = handle;
  }

  /** Size of each dimension; `[]` for a scalar. */
  get shape(): number[] {
    return native.tensorShape(this.handle);
  }

  /** Type of the elements. */
  get dtype(): DType {
    return native.tensorDtype(this.handle);
  }

  /** `"cpu"`, `"cuda:0"`, ... */
  get device(): string {
    return native.tensorDevice(this.handle);
  }

  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }

  /** Whether operators on this tensor are recorded for backward. */
  get requiresGrad(): boolean {
    return native.tensorRequiresGrad(this.handle);
  }

  /** Switches recording for backward on or off, in place, as `Tensor.requires_grad_` does. */
  requiresGrad_(on = true): this {
    native.tensorSetRequiresGrad(this.handle, on);
    return this;
  }

  /**
   * The accumulated gradient; null where no backward pass has reached this leaf since gradients were cleared. Its memory is
   * used again by the next iteration of a strategy: copy what you keep. @throws ERR_BUSY while a strategy is at work
   */
  get grad(): Tensor | null {
    const grad = native.tensorGrad(this.handle);
    return grad === null ? null : new Tensor(grad);
  }

  /** The value of a tensor of one element. @throws ERR_SHAPE for any other. */
  item(): number {
    return Number(native.tensorItem(this.handle));
  }

  /** A copy of the elements in row-major order; float16 and bfloat16 as Float32Array, bool as Uint8Array. */
  toTypedArray(): TypedArray {
    return native.tensorToTypedArray(this.handle);
  }

  /** The elements as numbers in row-major order (int64 beyond 2^53 loses digits). */
  toNumbers(): number[] {
    return Array.from(this.toTypedArray() as ArrayLike<number | bigint>, Number);
  }

  /** The gradient of this scalar with respect to every leaf that it was computed from, added to their `grad`. */
  backward(): void {
    native.tensorBackward(this.handle);
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

  [Symbol.dispose](): void {
    this.dispose();
  }

  [inspect.custom](): string {
    if (this.isDisposed) return 'Tensor (disposed)';
    try {
      return `Tensor ${this.dtype} [${this.shape.join(', ')}] ${this.device}`;
    } catch {
      return `Tensor [${this.shape.join(', ')}] ${this.device}`; // a dtype that JavaScript cannot hold
    }
  }
}

const arrayOf: Record<DType, { new (length: number): TypedArray } | null> = {
  float32: Float32Array,
  float64: Float64Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
  float16: null,
  bfloat16: null,
};

export type NestedNumbers = number | boolean | readonly NestedNumbers[];

const dtypes = Object.keys(arrayOf).filter((name) => arrayOf[name as DType]) as DType[];
const schema = z.object({
  shape: z.array(nonNegativeInteger, 'an array of sizes').optional(),
  dtype: z.enum(dtypes, `one of ${dtypes.join(', ')}`).optional(),
});

export interface TensorOptions {
  /** Sizes for data that comes as a typed array; default: one dimension. */
  shape?: number[];
  /** Default: that of the typed array, float32 for numbers, bool for booleans. */
  dtype?: DType;
}

/**
 * A tensor on the CPU that holds a copy of the data: a typed array, or numbers nested like the tensor.
 *
 * ```ts
 * tensor([[1, 2], [3, 4]]);                                  // float32 [2, 2]
 * tensor(new Float32Array(6), { shape: [2, 3] });            // float32 [2, 3]
 * tensor([0, 1, 2], { dtype: 'int64' });                     // class labels
 * ```
 * @throws ERR_SHAPE where numbers are nested unevenly or do not fill the shape; ERR_INVALID_ARG_VALUE for a number that the
 * dtype cannot hold; ERR_INVALID_ARG_TYPE for other data; ERR_UNKNOWN_OPTION.
 */
export function tensor(data: TypedArray | NestedNumbers, options?: TensorOptions): Tensor {
  const { shape, dtype } = parseOptions('tensor', schema, options);
  if (ArrayBuffer.isView(data)) {
    const kind = dtype ?? dtypeOfArray(data);
    const constructor = arrayOf[kind];
    const array = constructor && data instanceof constructor && kind !== 'bool' ? data : convertNumbers(Array.from(data, Number), kind);
    return new Tensor(native.fromTypedArray(array, shape ?? [data.length], kind));
  }
  const numbers: number[] = [];
  const nested = flatten(data, numbers);
  const kind = dtype ?? (isBoolean(data) ? 'bool' : 'float32');
  return new Tensor(native.fromTypedArray(convertNumbers(numbers, kind), shape ?? nested, kind));
}

function dtypeOfArray(data: TypedArray): DType {
  for (const [dtype, constructor] of Object.entries(arrayOf)) {
    if (constructor && data instanceof constructor) return dtype as DType;
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `tensor: expected a typed array of floats or signed integers, or a Uint8Array, got ${describeValue(data)}`,
  );
}

function convertNumbers(numbers: number[], dtype: DType): TypedArray {
  const array = new arrayOf[dtype]!(numbers.length);
  numbers.forEach((number, i) => {
    array[i] = dtype === 'bool' ? Number(number !== 0) : array instanceof BigInt64Array ? toInt64(number) : number;
    if (dtype !== 'bool' && !/^float/.test(dtype) && Number(array[i]) !== number) throw notRepresentable(number, dtype);
  });
  return array;
}

function toInt64(number: number): bigint {
  if (!Number.isInteger(number)) throw notRepresentable(number, 'int64');
  return BigInt.asIntN(64, BigInt(number));
}

function notRepresentable(number: number, dtype: DType): ContinualTorchError {
  return new ContinualTorchError('ERR_INVALID_ARG_VALUE', `tensor: expected values that ${dtype} can hold, got ${number}`);
}

function flatten(data: NestedNumbers, into: number[]): number[] {
  if (typeof data === 'number' || typeof data === 'boolean') {
    into.push(Number(data));
    return [];
  }
  if (!Array.isArray(data)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `tensor: expected a typed array, or numbers or booleans nested in arrays, got ${describeValue(data)}`,
    );
  }
  let inner: number[] = [];
  data.forEach((item: NestedNumbers, i) => {
    const shape = flatten(item, into);
    if (i > 0 && (shape.length !== inner.length || shape.some((size, d) => size !== inner[d]))) {
      throw new ContinualTorchError(
        'ERR_SHAPE',
        `tensor: expected every item to have shape [${inner.join(', ')}], got [${shape.join(', ')}] at index ${i}`,
      );
    }
    inner = shape;
  });
  return [data.length, ...inner];
}

function isBoolean(data: NestedNumbers): boolean {
  return Array.isArray(data) ? data.length > 0 && isBoolean(data[0] as NestedNumbers) : typeof data === 'boolean';
}
