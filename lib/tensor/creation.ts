import { z } from 'zod';
import type { DType, TypedArray } from '../element-types';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import { boolean, deviceName, nonNegativeInteger, parseOptions } from '../options';
import { Complex } from './complex';
import { getDefaultDevice } from './default-device';
import { arrayOfDtype, dtypeNames, isComplexDtype, isInexactDtype } from './dtype';
import { Tensor } from './tensor';

/** Numbers, or arrays of them nested like a tensor. */
export type NestedNumbers = number | bigint | boolean | Complex | readonly NestedNumbers[];

const makable = dtypeNames.filter((name) => !/^q/.test(name)) as [DType, ...DType[]];
const schema = z.object({
  shape: z.array(nonNegativeInteger, 'an array of sizes').optional(),
  dtype: z.enum(makable, `one of ${makable.join(', ')}`).optional(),
  device: deviceName.optional(),
  requiresGrad: boolean.default(false),
});

/** Options of `tensor` and `asTensor`. */
export interface TensorOptions {
  /** Sizes for data that comes as a typed array; default: one dimension. */
  shape?: number[];
  /** Default: that of the typed array; float32 for numbers, int64 for bigints, bool for booleans, complex64 for Complex. */
  dtype?: DType;
  /** `"cpu"`, `"cuda"` or `"cuda:N"`; default: the default device. */
  device?: string;
  /** Whether operators on it are recorded for backward. Default false. */
  requiresGrad?: boolean;
}

/**
 * A tensor that holds a copy of the data: a typed array, or numbers nested like the tensor (`torch.tensor`).
 *
 * ```ts
 * tensor([[1, 2], [3, 4]]);                                  // float32 [2, 2]
 * tensor(new Float32Array(6), { shape: [2, 3] });            // float32 [2, 3]
 * tensor([0, 1, 2], { dtype: 'int64' });                     // class labels
 * tensor([0.5], { dtype: 'bfloat16', device: 'cuda' });
 * ```
 * @throws ERR_SHAPE where numbers are nested unevenly or do not fill the shape; ERR_INVALID_ARG_VALUE for a number that the
 * dtype cannot hold; ERR_INVALID_ARG_TYPE for other data; ERR_UNKNOWN_OPTION; ERR_DEVICE.
 */
export function tensor(data: TypedArray | NestedNumbers, options?: TensorOptions): Tensor {
  const { shape, dtype, device = getDefaultDevice(), requiresGrad } = parseOptions('tensor', schema, options);
  const host = ArrayBuffer.isView(data) ? fromTypedArray(data, shape, dtype) : fromNumbers(data, shape, dtype);
  const made = device === 'cpu' ? host : passedOn(host, { device });
  return requiresGrad ? made.requiresGrad_() : made;
}

/** @internal A tensor on the CPU whatever the default device is: indices, labels, samples. */
export function cpuTensor(data: TypedArray | NestedNumbers, options?: Omit<TensorOptions, 'device'>): Tensor {
  return tensor(data, { ...options, device: 'cpu' });
}

/**
 * The data as a tensor, without a copy where that is possible (`torch.as_tensor`): a tensor of the dtype and on the device
 * asked for is given back, and a typed array on a SharedArrayBuffer shares its memory with the tensor, both ways, if the
 * dtype is its own and the device is the CPU. All else is copied: the memory of an ordinary ArrayBuffer can be transferred
 * away from under a tensor, that of a SharedArrayBuffer cannot.
 * @throws as `tensor`
 */
export function asTensor(data: TypedArray | NestedNumbers | Tensor, options?: Omit<TensorOptions, 'requiresGrad'>): Tensor {
  const { shape, dtype, device = getDefaultDevice() } = parseOptions('asTensor', schema.omit({ requiresGrad: true }), options);
  if (data instanceof Tensor) {
    const { dtype: ownDtype, device: ownDevice } = data;
    const fits = (dtype ?? ownDtype) === ownDtype && (options?.device === undefined || ownDevice === device);
    return fits ? data : data.to({ dtype: dtype ?? ownDtype, device: options?.device === undefined ? ownDevice : device });
  }
  if (ArrayBuffer.isView(data) && data.buffer instanceof SharedArrayBuffer && device === 'cpu') {
    const own = dtypeOfArray(data);
    if (own === (dtype ?? own)) return new Tensor(native.shareTypedArray(data, shape ?? [data.length], own));
  }
  return tensor(data, options);
}

function fromTypedArray(data: TypedArray, shape: number[] | undefined, dtype: DType | undefined): Tensor {
  const own = dtypeOfArray(data);
  const kind = dtype ?? own;
  const sizes = shape ?? [data.length];
  if (own === 'float16') return fromNumbers(Array.from(data, Number), sizes, kind);
  if (kind === own) return new Tensor(native.fromTypedArray(data, sizes, kind));
  // Every number fits into these, if only rounded.
  if (isInexactDtype(kind)) return passedOn(new Tensor(native.fromTypedArray(data, sizes, own)), { dtype: kind });
  return new Tensor(native.fromTypedArray(convertNumbers(Array.from<number | bigint>(data), kind), sizes, kind));
}

function fromNumbers(data: NestedNumbers, shape: number[] | undefined, dtype: DType | undefined): Tensor {
  const numbers: (number | bigint | boolean | Complex)[] = [];
  const nested = flatten(data, numbers);
  const kind = dtype ?? dtypeOfNumbers(numbers);
  const sizes = shape ?? nested;
  if (isComplexDtype(kind)) return fromComplex(numbers, sizes, kind);
  const complex = numbers.find((number) => number instanceof Complex);
  if (complex) throw notRepresentable(String(complex), kind);
  const real = numbers.map((number) => (typeof number === 'boolean' ? Number(number) : (number as number | bigint)));
  const carrier = arrayOfDtype[kind] ? kind : 'float32';
  const host = new Tensor(native.fromTypedArray(convertNumbers(real, carrier), sizes, carrier));
  return carrier === kind ? host : passedOn(host, { dtype: kind });
}

function fromComplex(numbers: (number | bigint | boolean | Complex)[], sizes: number[], dtype: DType): Tensor {
  const pairs = numbers.flatMap((number) => (number instanceof Complex ? [number.re, number.im] : [Number(number), 0]));
  const real = new Tensor(native.fromTypedArray(Float64Array.from(pairs), [...sizes, 2], 'float64'));
  const complex = real.viewAsComplex();
  real.dispose();
  return passedOn(complex, { dtype });
}

/** `step`, of which nobody else knows, as what was asked for; its memory does not wait for the garbage collector. */
function passedOn(step: Tensor, target: { dtype?: DType; device?: string }): Tensor {
  const result = step.to(target);
  step.dispose();
  return result;
}

function dtypeOfNumbers(numbers: readonly unknown[]): DType {
  if (numbers.some((number) => number instanceof Complex)) return 'complex64';
  if (numbers.length > 0 && numbers.every((number) => typeof number === 'boolean')) return 'bool';
  if (numbers.length > 0 && numbers.every((number) => typeof number === 'bigint')) return 'int64';
  return 'float32';
}

/** Node 24 and later. */
const float16Array = (globalThis as { Float16Array?: abstract new () => unknown }).Float16Array;

function dtypeOfArray(data: TypedArray): DType {
  if (float16Array && (data as unknown) instanceof float16Array) return 'float16';
  for (const [dtype, constructor] of Object.entries(arrayOfDtype)) {
    if (constructor && data instanceof (constructor as unknown as abstract new () => unknown)) return dtype as DType;
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `tensor: expected a typed array of numbers, got ${describeValue(data)}`,
  );
}

function convertNumbers(numbers: (number | bigint)[], dtype: DType): TypedArray {
  if (dtype === 'bool') return Uint8Array.from(numbers, (number) => Number(Number(number) !== 0));
  const array = new arrayOfDtype[dtype]!(numbers.length);
  const isExact = isInexactDtype(dtype);
  const isBig = array instanceof BigInt64Array || array instanceof BigUint64Array;
  numbers.forEach((number, i) => {
    if (isBig && typeof number === 'number' && !Number.isInteger(number)) throw notRepresentable(number, dtype);
    array[i] = isBig ? BigInt(number) : Number(number);
    if (!isExact && array[i] != number) throw notRepresentable(number, dtype);
  });
  return array;
}

function notRepresentable(number: unknown, dtype: DType): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `tensor: expected values that ${dtype} can hold, got ${String(number)}`,
  );
}

/** As in PyTorch. */
const mostDimensions = 128;

function flatten(data: NestedNumbers, into: (number | bigint | boolean | Complex)[], depth = 0): number[] {
  if (typeof data === 'number' || typeof data === 'boolean' || typeof data === 'bigint' || data instanceof Complex) {
    into.push(data);
    return [];
  }
  if (!Array.isArray(data)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `tensor: expected a typed array, or numbers or booleans nested in arrays, got ${describeValue(data)}`,
    );
  }
  if (depth === mostDimensions) {
    throw new ContinualTorchError('ERR_SHAPE', `tensor: expected at most ${mostDimensions} dimensions, got more, or an array that holds itself`);
  }
  let inner: number[] = [];
  data.forEach((item: NestedNumbers, i) => {
    const shape = flatten(item, into, depth + 1);
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
