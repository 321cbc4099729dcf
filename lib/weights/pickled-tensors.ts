import { ContinualTorchError, type ErrorCode } from '../errors';
import { native } from '../native/binding';
import type { NativeStorageView } from '../native/types';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { booleanOf, floatOf, global, numberOf, textOf, tupleOf } from './pickle-bytes';
import { torchLayoutName } from './python-values';
import type { PlacedTensor } from './storage-layout';
import { isTorchDtype, quantizedStorageClasses, storageClasses } from './torch-dtypes';

/** A tensor that waits until it is known which storage it lies in. */
export interface PendingTensor {
  view: NativeStorageView;
  requiresGrad: boolean;
  /** Its scales and what else the call takes follow. */
  isQuantized?: boolean;
}

type Pieces = readonly (Buffer | PendingTensor)[];

/** Why a tensor cannot be saved. */
export class UnsavableTensor extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const latin1 = (instructions: string) => Buffer.from(instructions, 'latin1');
const noHooks = global('collections', 'OrderedDict', ')R');

/** A tensor of any kind as instructions, and the dense tensors among them. @throws UnsavableTensor */
export function tensorPieces(tensor: Tensor): Pieces {
  const kind = native.storageKind(tensor.handle);
  switch (kind) {
    case 'sparse':
      return tensor.requiresGrad ? parameter(sparse(tensor.detach())) : sparse(tensor);
    case 'nested':
      return nested(tensor);
    case 'meta':
      return [meta(tensor)];
    case 'quantized':
      return quantized(tensor);
    default:
      return [dense(tensor)];
  }
}

function dense(tensor: Tensor, requiresGrad = tensor.requiresGrad): PendingTensor {
  // A conjugated or negated view is a flag over other elements.
  const conjugated = ops.aten.resolve_conj!(tensor) as Tensor;
  const plain = ops.aten.resolve_neg!(conjugated) as Tensor;
  let view: NativeStorageView;
  try {
    view = native.describeStorage(plain.handle);
  } catch (cause) {
    if (!(cause instanceof ContinualTorchError) || cause.code !== 'ERR_INVALID_ARG_VALUE') throw cause;
    throw new UnsavableTensor(cause.code, cause.message, { cause });
  }
  requireDtype(view.dtype);
  return { view, requiresGrad };
}

function requireDtype(dtype: string): string {
  if (isTorchDtype(dtype)) return dtype;
  throw new UnsavableTensor('ERR_UNSUPPORTED_DTYPE', `expected a dtype of PyTorch's files, got ${dtype}`);
}

/** `_rebuild_parameter` keeps that a sparse tensor requires gradients; its own function does not. */
function parameter(data: Pieces): Pieces {
  return [global('torch._utils', '_rebuild_parameter', '('), ...data, booleanOf(true), noHooks, latin1('tR')];
}

function sparse(tensor: Tensor): Pieces {
  const { layout } = tensor;
  const isRows = layout === 'sparseCsr' || layout === 'sparseBsr';
  const names =
    layout === 'sparseCoo'
      ? ['_indices', '_values']
      : [isRows ? 'crow_indices' : 'ccol_indices', isRows ? 'col_indices' : 'row_indices', 'values'];
  return [
    global('torch._utils', '_rebuild_sparse_tensor', '('),
    global('torch.serialization', '_get_layout'),
    textOf(torchLayoutName.get(layout)!),
    latin1('\x85R('),
    ...names.map((name) => dense(ops.aten[name]!(tensor) as Tensor, false)),
    global('torch', 'Size'),
    tupleOf(tensor.shape),
    latin1('\x85R'),
    ...(layout === 'sparseCoo' ? [booleanOf(ops.aten.is_coalesced!(tensor) as boolean)] : []),
    latin1('ttR'),
  ];
}

function nested(tensor: Tensor): Pieces {
  const values = ops.aten.values!(tensor.detach()) as Tensor;
  const parts = ['_nested_tensor_size', '_nested_tensor_strides', '_nested_tensor_storage_offsets'];
  return [
    global('torch._utils', '_rebuild_nested_tensor', '('),
    dense(values, tensor.requiresGrad),
    ...parts.map((name) => dense(ops.aten[name]!(tensor) as Tensor)),
    latin1('tR'),
  ];
}

function meta(tensor: Tensor): Buffer {
  return Buffer.concat([
    global('torch._utils', '_rebuild_meta_tensor_no_storage', '('),
    global('torch', requireDtype(tensor.dtype)),
    tupleOf(tensor.shape),
    tupleOf(tensor.stride()),
    booleanOf(tensor.requiresGrad),
    latin1('tR'),
  ]);
}

/** libtorch's number of the scheme with one scale for all. */
const perTensorAffine = 0;

function quantized(tensor: Tensor): Pieces {
  const view = native.describeStorage(tensor.handle);
  if (!quantizedStorageClasses.has(view.dtype)) requireDtype(view.dtype);
  return [
    { view, requiresGrad: false, isQuantized: true },
    ...quantizer(tensor),
    booleanOf(false),
    noHooks,
    latin1('tR'),
  ];
}

function quantizer(tensor: Tensor): Pieces {
  if (ops.aten.qscheme!(tensor) === perTensorAffine) {
    const [scale, zeroPoint] = [ops.aten.q_scale!(tensor), ops.aten.q_zero_point!(tensor)] as [number, number];
    return [latin1('('), global('torch', 'per_tensor_affine'), floatOf(scale), numberOf(zeroPoint), latin1('t')];
  }
  return [
    latin1('('),
    global('torch', 'per_channel_affine'), // PyTorch writes the scheme with zero points of floats so too.
    dense(ops.aten.q_per_channel_scales!(tensor) as Tensor),
    dense(ops.aten.q_per_channel_zero_points!(tensor) as Tensor),
    numberOf(ops.aten.q_per_channel_axis!(tensor) as number),
    latin1('t'),
  ];
}

/** The call that makes a tensor of its storage; of a quantized one as far as the pieces that follow. */
export function callOf(
  { view: { dtype, shape, stride }, requiresGrad, isQuantized }: PendingTensor,
  placed: PlacedTensor,
): Buffer {
  const { storage, offset } = placed;
  const classes = isQuantized ? quantizedStorageClasses : storageClasses;
  const storageClass = storage.dtype === null ? undefined : classes.get(storage.dtype);
  const elements = storageClass === undefined ? storage.length : storage.length / native.dtypeSize(dtype);
  const rebuild = isQuantized
    ? '_rebuild_qtensor'
    : storageClass === undefined
      ? '_rebuild_tensor_v3'
      : '_rebuild_tensor_v2';
  const view = [
    global('torch._utils', rebuild, '(('),
    textOf('storage'),
    storageClass === undefined ? global('torch.storage', 'UntypedStorage') : global('torch', storageClass),
    textOf(storage.key),
    textOf('cpu'),
    numberOf(elements),
    latin1('tQ'),
    numberOf(offset),
    tupleOf(shape),
    tupleOf(stride),
  ];
  if (isQuantized) return Buffer.concat(view);
  const ofDtype = storageClass === undefined ? [global('torch', dtype)] : [];
  return Buffer.concat([...view, booleanOf(requiresGrad), noHooks, ...ofDtype, latin1('tR')]);
}
