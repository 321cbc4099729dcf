import { native } from '../native/binding';
import { elementCount } from '../tensor/element-count';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import type { LoadingFile } from './loading-file';
import { type StoredBytes, tensorInStorage, withoutTorchErrors } from './stored-tensors';
import { isTorchDtype } from './torch-dtypes';

/** A class of storages, with its dtype. */
export class StorageClass {
  constructor(readonly dtype: string) {}
}

/** A storage as a pickle refers to it. */
export class PickledStorage {
  private whole: Tensor | undefined;

  constructor(
    readonly stored: StoredBytes,
    readonly dtype: string,
  ) {}

  /** All of it, where a pickle holds the storage itself; of a quantized one the integers. */
  tensor(): Tensor {
    const count = this.stored.length / native.dtypeSize(this.dtype);
    return (this.whole ??= this.stored.tensor(this.dtype.replace('q', ''), 0, [count], [1]));
  }
}

/** libtorch has no operators for more. */
const maxDimensions = 64;

/** @throws Error with the detail for what are no integers */
export function integers(value: unknown, what: string): number[] {
  if (Array.isArray(value) && value.length > maxDimensions) throw new Error(`a tensor of ${value.length} dimensions`);
  if (!Array.isArray(value) || !value.every((item) => Number.isSafeInteger(item))) {
    throw new Error(`a tensor whose ${what} are not integers`);
  }
  return value as number[];
}

/** Where a tensor lies: offset, sizes and strides, in elements. */
export function placeOf([offset, size, stride]: unknown[]): { offset: number; shape: number[]; strides: number[] } {
  const [shape, strides] = [integers(size, 'sizes'), integers(stride, 'strides')];
  return { offset: integers([offset], 'offset')[0]!, shape, strides };
}

/** (storage, storage_offset, size, stride) of the dtype of the storage's class */
export function rebuildTensor([storage, ...view]: unknown[], file: LoadingFile): Tensor {
  return viewOf(storage, undefined, view, false, undefined, file);
}

/** (storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata) */
export function rebuildTensorV2(args: unknown[], file: LoadingFile): Tensor {
  const [storage, offset, size, stride, requiresGrad, , metadata] = args;
  return viewOf(storage, undefined, [offset, size, stride], requiresGrad, metadata, file);
}

/** (storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata) */
export function rebuildTensorV3(args: unknown[], file: LoadingFile): Tensor {
  const [storage, offset, size, stride, requiresGrad, , dtype, metadata] = args;
  return viewOf(storage, dtype, [offset, size, stride], requiresGrad, metadata, file);
}

function viewOf(
  storage: unknown,
  dtypeOfTensor: unknown,
  view: unknown[],
  requiresGrad: unknown,
  metadata: unknown,
  file: LoadingFile,
): Tensor {
  if (!(storage instanceof PickledStorage)) throw new Error('a tensor without a storage');
  const dtype = requireDtype(dtypeOfTensor ?? storage.dtype);
  // Only bytes may have any dtype, and lie so that they can.
  if (dtype !== storage.dtype && storage.dtype !== 'uint8') throw new Error(`a tensor of ${dtype} over a storage of ${storage.dtype}`);
  if (typeof requiresGrad !== 'boolean') throw new Error('a tensor whose requires_grad is no bool');
  const { offset, shape, strides } = placeOf(view);
  return withMetadata(storage.stored.tensor(dtype, offset, shape, strides, requiresGrad), metadata, file);
}

function requireDtype(dtype: unknown): string {
  if (typeof dtype !== 'string' || !isTorchDtype(dtype)) throw new Error('a tensor without a dtype');
  return dtype;
}

/** The values of a conjugated or negated view of a storage. */
function withMetadata(tensor: Tensor, metadata: unknown, file: LoadingFile): Tensor {
  if (metadata === undefined || metadata === null) return tensor;
  if (!(metadata instanceof Map)) throw new Error('a tensor whose metadata is no dict');
  const [isConjugated, isNegated] = ['conj', 'neg'].map((name) => metadata.get(name) === true);
  if (!isConjugated && !isNegated) return tensor;
  if (tensor.requiresGrad || !(ops.aten.is_complex!(tensor) || ops.aten.is_floating_point!(tensor))) {
    throw new Error('a conjugated or negated view of something other than plain numbers');
  }
  file.spend(elementCount(tensor.shape));
  const conjugated = isConjugated ? (ops.aten.conj_physical!(tensor) as Tensor) : tensor;
  return isNegated ? (ops.aten.neg!(conjugated) as Tensor) : conjugated;
}

/** (data, requires_grad, backward_hooks): a parameter is a tensor here. */
export function rebuildParameter([data, requiresGrad]: unknown[]): Tensor {
  if (!(data instanceof Tensor) || typeof requiresGrad !== 'boolean') throw new Error('a parameter without a tensor');
  return withoutTorchErrors('a parameter', () => {
    if (native.storageKind(data.handle) !== 'dense') return data.detach().requiresGrad_(requiresGrad);
    const { storage, dtype, offset, shape, stride } = native.describeStorage(data.handle);
    try {
      return tensorInStorage(storage, dtype, offset, shape, stride, requiresGrad);
    } finally {
      native.tensorDispose(storage);
    }
  });
}

/** (data, dtype, device, requires_grad): of a device whose memory PyTorch cannot write. */
export function rebuildFromCpuTensor([data, dtype, , requiresGrad]: unknown[], file: LoadingFile): Tensor {
  if (!(data instanceof Tensor)) throw new Error('a tensor of a device without a tensor');
  file.spend(elementCount(data.shape));
  const wanted = { dtype: requireDtype(dtype) };
  const copy = withoutTorchErrors('a tensor of a device', () => ops.aten._to_copy!(data.detach(), wanted));
  return rebuildParameter([copy, requiresGrad]);
}

/** A tensor of an old pickle, whose state is set later: (), or for a Parameter also (data, requires_grad). */
export function blankTensor(dtype: string, requiresGrad: boolean): (args: unknown[], file: LoadingFile) => Tensor {
  return (args, file) => {
    const [data, isTrained = true] = args;
    if (requiresGrad && args.length > 0) return rebuildParameter([data, isTrained]);
    if (args.length > 0) throw new Error('a tensor of values instead of a storage');
    const blank = ops.aten.empty!([0], { dtype, device: file.device }) as Tensor;
    file.blanks.add(blank);
    return blank.requiresGrad_(requiresGrad);
  };
}

/**
 * Sets the state of a blank tensor, once: (storage, storage_offset, size, stride), or of a Parameter
 * (data, grad, backward_hooks, requires_grad, volatile) or (requires_grad, volatile, backward_hooks).
 */
export function buildTensor(tensor: unknown, state: unknown, file: LoadingFile): void {
  if (!(tensor instanceof Tensor) || !file.blanks.delete(tensor) || !Array.isArray(state)) {
    throw new Error('sets attributes of something other than an OrderedDict');
  }
  const parts = state as unknown[];
  const [storage] = parts;
  if (parts.length === 4) {
    const other = storage instanceof PickledStorage && storage.dtype !== tensor.dtype;
    if (other) throw new Error(`a tensor of ${tensor.dtype} over a storage of ${storage.dtype}`);
    return setData(tensor, rebuildTensor(parts, file), tensor.requiresGrad);
  }
  if (parts.length === 5) return setData(tensor, storage, parts[3]);
  setData(tensor, tensor, storage);
}

function setData(tensor: Tensor, data: unknown, requiresGrad: unknown): void {
  if (!(data instanceof Tensor) || typeof requiresGrad !== 'boolean') throw new Error('a parameter without a tensor');
  withoutTorchErrors('a tensor', () => {
    if (data !== tensor) ops.aten.set_data!(tensor.requiresGrad_(false), data);
    return tensor.requiresGrad_(requiresGrad);
  });
}
