/** What `Tensor` has beside the memory that it stands for: all that is made of operators, indices and text. */
import type { DType } from '../element-types';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import { isDtype } from './dtype';
import { formatTensor } from './format';
import { type TensorIndex, toNativeIndices } from './indexing';
import { call, operator } from './operator-call';
import type { MemoryFormat, Scalar } from './operator-types';
import type { TensorMethods } from './operators.generated';
import { Tensor } from './tensor';

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

declare module './tensor' {
  // `operators.ts` puts the methods of `TensorMethods` on the prototype.
  interface Tensor extends TensorMethods {
    /** Size of each dimension, or of one; negative ones count from the end. @throws ERR_TORCH for one that there is not */
    size(): number[];
    /** Size of one dimension. */
    size(dim: number): number;
    /** How many elements lie between two neighbours, for each dimension or for one. */
    stride(): number[];
    /** How many elements lie between two neighbours of one dimension. */
    stride(dim: number): number;
    /** All dimensions in reverse order: a view. */
    readonly T: Tensor;
    /** The last two dimensions swapped: a view. */
    readonly mT: Tensor;
    /** A matrix transposed and conjugated: a view. */
    readonly H: Tensor;
    /** The last two dimensions swapped, conjugated: a view. */
    readonly mH: Tensor;
    /** The real parts: a view. */
    readonly real: Tensor;
    /** The imaginary parts of a complex tensor: a view. */
    readonly imag: Tensor;
    /** The same memory outside of the graph: changes are not recorded. */
    readonly data: Tensor;
    /** Whether it was not computed from something that requires a gradient. */
    readonly isLeaf: boolean;
    /** The same tensor outside of the graph, in place. @throws ERR_BUSY */
    detach_(): this;
    /**
     * Another dtype, device or memory format: a copy where something changes.
     *
     *     x.to('float64');  x.to('cuda');  x.to(other);  x.to({ dtype: 'float16', device: 'cuda:1' })
     *
     * @throws ERR_INVALID_ARG_TYPE, ERR_DEVICE
     */
    to(target: DType | (string & {}) | Tensor | ToOptions, options?: Omit<ToOptions, 'dtype' | 'device'>): Tensor;
    /** On the CPU. */
    cpu(): Tensor;
    /** On the GPU. @throws ERR_DEVICE */
    cuda(): Tensor;
    /** As float32. */
    float(): Tensor;
    /** As float64. */
    double(): Tensor;
    /** As float16. */
    half(): Tensor;
    /** As bfloat16. */
    bfloat16(): Tensor;
    /** As int64. */
    long(): Tensor;
    /** As int32. */
    int(): Tensor;
    /** As bool: true where it is not 0. */
    bool(): Tensor;
    /**
     * A part of the tensor, with PyTorch's meaning of indices: a view for positions, slices, null and '...', a copy where
     * tensors or arrays pick elements.
     *
     *     t.index([0, slice(1, 5), null, mask])   // t[0, 1:5, None, mask]
     *
     * @throws ERR_INVALID_ARG_TYPE; ERR_TORCH for a position outside the tensor
     */
    index(indices: TensorIndex | readonly TensorIndex[]): Tensor;
    /**
     * Sets a part of the tensor, in place: `t[indices] = value`, the value broadcast to the part's shape.
     * @throws as `index`; ERR_TORCH where the value does not fit
     */
    indexPut_(indices: TensorIndex | readonly TensorIndex[], value: Tensor | Scalar): this;
    /** This tensor where the condition holds, the other elsewhere (`torch.where(condition, this, other)`). */
    where(condition: Tensor, other: Tensor | Scalar): Tensor;
    /** The n-th derivative of `digamma`. */
    polygamma(n: number): Tensor;
    /** The parts along the first dimension, one after the other. @throws ERR_SHAPE for a scalar */
    [Symbol.iterator](): IterableIterator<Tensor>;
    /** As PyTorch prints it: `tensor([1., 2.])`. */
    toString(): string;
  }
}

const toLayout = operator('to.dtype_layout');

const methods: object & ThisType<Tensor> = {
  size(dim?: number): number | number[] {
    return dim === undefined ? this.shape : (call('size', this, dim) as number);
  },

  stride(dim?: number): number | number[] {
    if (dim !== undefined) return call('stride', this, dim) as number;
    return this.shape.map((_, i) => call('stride', this, i) as number);
  },

  detach_(): Tensor {
    call('detach_', this);
    return this;
  },

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
  },

  index(indices: TensorIndex | readonly TensorIndex[]): Tensor {
    return new Tensor(native.tensorIndex(this.handle, toNativeIndices('index', indices)));
  },

  indexPut_(indices: TensorIndex | readonly TensorIndex[], value: Tensor | Scalar): Tensor {
    const source =
      value instanceof Tensor ? value : (call('scalar_tensor', value, { dtype: this.dtype, device: this.device }) as Tensor);
    native.tensorIndexPut(this.handle, toNativeIndices('indexPut_', indices), source.handle);
    return this;
  },

  where(condition: Tensor, other: Tensor | Scalar): Tensor {
    return call('where', condition, this, other) as Tensor;
  },

  polygamma(n: number): Tensor {
    return call('polygamma', n, this) as Tensor;
  },

  *[Symbol.iterator](): IterableIterator<Tensor> {
    const [length] = this.shape;
    if (length === undefined) throw new ContinualTorchError('ERR_SHAPE', 'iteration: expected at least one dimension, got a scalar');
    for (let i = 0; i < length; i++) yield call('select', this, 0, i) as Tensor;
  },

  toString(): string {
    return formatTensor(this);
  },
};

/** Properties that are an operator's result, and methods that are `to` with one argument. */
const properties = { T: 'numpy_T', mT: 'mT', H: 'matrix_H', mH: 'mH', real: 'real', imag: 'imag', data: 'data', isLeaf: 'is_leaf' };
const dtypes = {
  float: 'float32',
  double: 'float64',
  half: 'float16',
  bfloat16: 'bfloat16',
  long: 'int64',
  int: 'int32',
  bool: 'bool',
} as const;
const devices = { cpu: 'cpu', cuda: 'cuda' };

function define(name: PropertyKey, descriptor: PropertyDescriptor & ThisType<Tensor>): void {
  Object.defineProperty(Tensor.prototype, name, { ...descriptor, configurable: true, enumerable: false });
}

function defineMethod(name: PropertyKey, value: unknown): void {
  define(name, { value, writable: true });
}

for (const name of Reflect.ownKeys(methods)) defineMethod(name, (methods as Record<PropertyKey, unknown>)[name]);
for (const [name, operatorName] of Object.entries(properties)) {
  define(name, {
    get() {
      return call(operatorName, this) as unknown;
    },
  });
}
for (const [name, dtype] of Object.entries(dtypes)) {
  defineMethod(name, function (this: Tensor) {
    return this.to({ dtype });
  });
}
for (const [name, device] of Object.entries(devices)) {
  defineMethod(name, function (this: Tensor) {
    return this.to({ device });
  });
}
