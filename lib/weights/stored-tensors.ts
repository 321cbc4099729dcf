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

  /** @param alignment bytes at a multiple of which the first must lie */
  constructor(
    bytes: FileBytes,
    offset: number,
    readonly length: number,
    alignment: number,
    device: string | undefined,
  ) {
    this.onCpu = bytes.storage(offset, length, alignment);
    this.onDevice =
      device === undefined ? this.onCpu : (ops.aten._to_copy!(new Tensor(this.onCpu), { device }) as Tensor).handle;
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
    try {
      return new Tensor(native.tensorInStorage(this.onDevice, dtype, offset, shape, stride, requiresGrad));
    } catch (error) {
      if (error instanceof ContinualTorchError && error.code === 'ERR_SHAPE') throw new Error(`a tensor ${error.message}`);
      throw error;
    }
  }

  /** Lets go of the storage; its tensors keep it. */
  close(): void {
    native.tensorDispose(this.onCpu);
    native.tensorDispose(this.onDevice);
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
