import { ContinualTorchError } from '../errors';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import type { FileBytes } from '../data/file-bytes';

/** A storage read from a file, on the device where its tensors shall be. */
export class StoredBytes {
  private readonly onDevice: NativeTensor;
  private areBools: boolean | null = null;

  private constructor(
    private readonly onCpu: NativeTensor,
    /** In bytes. */
    readonly length: number,
    private readonly device: string,
  ) {
    this.onDevice = /^cpu\b/.test(device)
      ? onCpu
      : (ops.aten._to_copy!(new Tensor(onCpu), { device }) as Tensor).handle;
  }

  /** @param alignment bytes at a multiple of which the first must lie */
  static of(bytes: FileBytes, offset: number, length: number, alignment: number, device: string): StoredBytes {
    return new StoredBytes(bytes.storage(offset, length, alignment), length, device);
  }

  /**
   * A tensor over these bytes; offset and strides count elements.
   * @throws Error with the detail where it does not fit
   */
  tensor(
    dtype: string,
    offset: number,
    shape: readonly number[],
    stride: readonly number[],
    requiresGrad = false,
  ): Tensor {
    if (dtype === 'bool' && !(this.areBools ??= native.areBools(this.onCpu))) {
      throw new Error('a tensor of bools holds other bytes than 0 and 1');
    }
    return tensorInStorage(this.onDevice, dtype, offset, shape, stride, requiresGrad);
  }

  /** Lets a tensor lie in these bytes. @throws Error with the detail where it does not fit */
  place(tensor: Tensor, { offset, shape, strides }: { offset: number; shape: number[]; strides: number[] }): Tensor {
    return withoutShapeErrors(() => {
      native.placeInStorage(tensor.handle, this.onDevice, offset, shape, strides);
      return tensor;
    });
  }

  /** A range of it as a storage of its own, on the same memory. */
  part(offset: number, length: number): StoredBytes {
    return new StoredBytes(native.storageOfBytes(this.onCpu, offset, length, 1), length, this.device);
  }

  /** Lets go of the storage; its tensors keep it. */
  close(): void {
    native.tensorDispose(this.onCpu);
    native.tensorDispose(this.onDevice);
  }
}

/** `native.tensorInStorage`; @throws Error with the detail where it does not fit */
export function tensorInStorage(...args: Parameters<typeof native.tensorInStorage>): Tensor {
  return withoutShapeErrors(() => new Tensor(native.tensorInStorage(...args)));
}

function withoutShapeErrors<T>(make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ContinualTorchError) || cause.code !== 'ERR_SHAPE') throw cause;
    throw new Error(`a tensor ${cause.message}`, { cause });
  }
}

const refusals: ReadonlySet<string> = new Set(['ERR_TORCH', 'ERR_NO_OVERLOAD', 'ERR_UNSUPPORTED_DTYPE', 'ERR_SHAPE']);

/** What operators make of the parts of `what`; @throws Error with the detail where libtorch refuses them */
export function withoutTorchErrors(what: string, make: () => unknown): Tensor {
  try {
    return make() as Tensor;
  } catch (cause) {
    if (!(cause instanceof ContinualTorchError) || !refusals.has(cause.code)) throw cause;
    const detail = cause.message.split('\n')[0]!.replace(/^operator aten::\w+: /, '');
    throw new Error(`${what} that libtorch refuses: ${detail}`, { cause });
  }
}

/** The strides of a tensor whose elements lie in row-major order. */
export function contiguousStride(shape: readonly number[]): number[] {
  const stride: number[] = [];
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    stride.unshift(step);
    step *= Math.max(1, shape[i]!);
  }
  return stride;
}
