import { ContinualTorchError, quoteName } from '../errors';
import { native } from '../native/binding';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import { type StoredBytes, tensorInStorage } from './stored-tensors';
import { PickledGlobal } from './unpickler';

/** PyTorch's storage classes; the other dtypes come in an `UntypedStorage` with the dtype beside it. */
export const storageClasses: ReadonlyMap<string, string> = new Map([
  ['float64', 'DoubleStorage'],
  ['float32', 'FloatStorage'],
  ['float16', 'HalfStorage'],
  ['bfloat16', 'BFloat16Storage'],
  ['int64', 'LongStorage'],
  ['int32', 'IntStorage'],
  ['int16', 'ShortStorage'],
  ['int8', 'CharStorage'],
  ['uint8', 'ByteStorage'],
  ['bool', 'BoolStorage'],
  ['complex64', 'ComplexFloatStorage'],
  ['complex128', 'ComplexDoubleStorage'],
]);

/** The dtypes of files beyond those. */
export const newDtypes: ReadonlySet<string> = new Set([
  ...['uint16', 'uint32', 'uint64', 'complex32', 'float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz'],
  'float8_e8m0fnu',
]);

/** A class of storages, with its dtype. */
export class StorageClass {
  constructor(readonly dtype: string) {}
}

/** A storage as a pickle refers to it. */
export class PickledStorage {
  constructor(
    readonly stored: StoredBytes,
    readonly dtype: string,
  ) {}
}

/** What tensors need. Whatever is not in this table is refused. */
const globals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...[...storageClasses].map(([dtype, name]): [string, unknown] => [`torch.${name}`, new StorageClass(dtype)]),
  // Of bytes: the dtype comes with the tensor.
  ['torch.storage.UntypedStorage', new StorageClass('uint8')],
  ...[...storageClasses.keys(), ...newDtypes].map((dtype): [string, unknown] => [`torch.${dtype}`, dtype]),
  ...[
    new PickledGlobal('collections.OrderedDict', orderedDict),
    new PickledGlobal('collections.Counter', counter),
    new PickledGlobal('torch.Size', ([sizes]) => sizes),
    new PickledGlobal('torch.device', device),
    new PickledGlobal('torch._utils._rebuild_tensor', rebuildTensor),
    new PickledGlobal('torch._utils._rebuild_tensor_v2', rebuildTensorV2),
    new PickledGlobal('torch._utils._rebuild_tensor_v3', rebuildTensorV3),
    new PickledGlobal('torch._utils._rebuild_parameter', rebuildParameter),
    new PickledGlobal('torch._utils._rebuild_parameter_with_state', rebuildParameter),
    new PickledGlobal('torch._tensor._rebuild_from_type_v2', rebuildFromType),
    new PickledGlobal('torch.Tensor'),
    new PickledGlobal('torch.nn.parameter.Parameter'),
  ].map((known): [string, unknown] => [known.name, known]),
]);

/** libtorch has no operators for more. */
const maxDimensions = 64;

/** @throws ERR_UNSAFE_GLOBAL */
export function torchGlobal(name: string, file: string): unknown {
  const known = globals.get(name);
  if (known !== undefined) return known;
  throw new ContinualTorchError(
    'ERR_UNSAFE_GLOBAL',
    `torch.load: expected tensors, dicts, lists, strings and numbers only, ${file} has the global ${quoteName(name)}. ` +
      'Save these alone in Python, a model as torch.save(model.state_dict(), path)',
  );
}

function orderedDict(args: unknown[]): Map<unknown, unknown> {
  if (args.length > 0) throw new Error('an OrderedDict with arguments, expected none');
  return new Map();
}

function counter([counts = new Map()]: unknown[]): Map<unknown, unknown> {
  if (!(counts instanceof Map)) throw new Error('a Counter of something other than a dict');
  return counts; // A copy could be asked for again and again.
}

function device([type, index]: unknown[]): string {
  if (typeof type !== 'string' || !(index === undefined || typeof index === 'number')) {
    throw new Error('a device that is no name with a number');
  }
  return index === undefined ? type : `${type}:${index}`;
}

function integers(value: unknown, what: string): number[] {
  if (Array.isArray(value) && value.length > maxDimensions) throw new Error(`a tensor of ${value.length} dimensions`);
  if (!Array.isArray(value) || !value.every((item) => Number.isSafeInteger(item))) {
    throw new Error(`a tensor whose ${what} are not integers`);
  }
  return value as number[];
}

/** (storage, storage_offset, size, stride) of the dtype of the storage's class */
function rebuildTensor([storage, ...view]: unknown[]): Tensor {
  return viewOf(storage, undefined, view, false, undefined);
}

/** (storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata) */
function rebuildTensorV2([storage, offset, size, stride, requiresGrad, , metadata]: unknown[]): Tensor {
  return viewOf(storage, undefined, [offset, size, stride], requiresGrad, metadata);
}

/** (storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata) */
function rebuildTensorV3([storage, offset, size, stride, requiresGrad, , dtype, metadata]: unknown[]): Tensor {
  return viewOf(storage, dtype, [offset, size, stride], requiresGrad, metadata);
}

function viewOf(
  storage: unknown,
  dtypeOfTensor: unknown,
  [offset, size, stride]: unknown[],
  requiresGrad: unknown,
  metadata: unknown,
): Tensor {
  if (!(storage instanceof PickledStorage)) throw new Error('a tensor without a storage');
  const dtype = dtypeOfTensor ?? storage.dtype;
  if (typeof dtype !== 'string' || !(newDtypes.has(dtype) || storageClasses.has(dtype))) {
    throw new Error('a tensor without a dtype');
  }
  if (typeof requiresGrad !== 'boolean') throw new Error('a tensor whose requires_grad is no bool');
  const [shape, strides] = [integers(size, 'sizes'), integers(stride, 'strides')];
  const [begin] = integers([offset], 'offset') as [number];
  const tensor = storage.stored.tensor(dtype, begin, shape, strides, requiresGrad);
  return withMetadata(tensor, storage.stored, metadata);
}

/** The values of a conjugated or negated view of a storage. */
function withMetadata(tensor: Tensor, stored: StoredBytes, metadata: unknown): Tensor {
  if (metadata === undefined || metadata === null) return tensor;
  if (!(metadata instanceof Map)) throw new Error('a tensor whose metadata is no dict');
  const [isConjugated, isNegated] = ['conj', 'neg'].map((name) => metadata.get(name) === true);
  if (!isConjugated && !isNegated) return tensor;
  if (tensor.requiresGrad || !(ops.aten.is_complex!(tensor) || ops.aten.is_floating_point!(tensor))) {
    throw new Error('a conjugated or negated view of something other than plain numbers');
  }
  stored.computed += tensor.numel();
  if (stored.computed > stored.length) throw new Error('conjugates or negates one storage again and again');
  const conjugated = isConjugated ? (ops.aten.conj_physical!(tensor) as Tensor) : tensor;
  return isNegated ? (ops.aten.neg!(conjugated) as Tensor) : conjugated;
}

/** (data, requires_grad, backward_hooks): a parameter is a tensor here. */
function rebuildParameter([data, requiresGrad]: unknown[]): Tensor {
  if (!(data instanceof Tensor) || typeof requiresGrad !== 'boolean') throw new Error('a parameter without a tensor');
  const { storage, dtype, offset, shape, stride } = native.describeStorage(data.handle);
  try {
    return tensorInStorage(storage, dtype, offset, shape, stride, requiresGrad);
  } finally {
    native.tensorDispose(storage);
  }
}

/** (function, type, args, attributes): a tensor with Python attributes, which are left out. */
function rebuildFromType([rebuild, type, args]: unknown[]): unknown {
  const isPlain = type === globals.get('torch.Tensor') || type === globals.get('torch.nn.parameter.Parameter');
  if (!(rebuild instanceof PickledGlobal && rebuild.call && Array.isArray(args) && isPlain)) {
    throw new Error('a tensor of a class of its own');
  }
  if (rebuild.call === rebuildFromType) throw new Error('a tensor inside a tensor');
  return rebuild.call(args);
}
