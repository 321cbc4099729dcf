import { ContinualTorchError } from '../errors';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import type { FileBytes } from '../data/file-bytes';

/** A storage read from a file, on the device where its tensors shall be. */
export class StoredBytes {
  private readonly onCpu: NativeTensor;
  private readonly onDevice: NativeTensor;
  private areBools: boolean | null = null;
  /** Elements of tensors that were computed from it, not just views. */
  computed = 0;

  /** @param alignment bytes at a multiple of which the first must lie */
  constructor(
    bytes: FileBytes,
    offset: number,
    readonly length: number,
    alignment: number,
    device: string,
  ) {
    this.onCpu = bytes.storage(offset, length, alignment);
    this.onDevice = /^cpu\b/.test(device)
      ? this.onCpu
      : (ops.aten._to_copy!(new Tensor(this.onCpu), { device }) as Tensor).handle;
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

  /** Lets go of the storage; its tensors keep it. */
  close(): void {
    native.tensorDispose(this.onCpu);
    native.tensorDispose(this.onDevice);
  }
}

/** `native.tensorInStorage`; @throws Error with the detail where it does not fit */
export function tensorInStorage(...args: Parameters<typeof native.tensorInStorage>): Tensor {
  try {
    return new Tensor(native.tensorInStorage(...args));
  } catch (cause) {
    if (!(cause instanceof ContinualTorchError) || cause.code !== 'ERR_SHAPE') throw cause;
    throw new Error(`a tensor ${cause.message}`, { cause });
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
