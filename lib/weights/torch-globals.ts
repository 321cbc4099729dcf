import type { LoadingFile } from './loading-file';
import * as python from './python-values';
import * as dense from './rebuild-dense';
import * as layouts from './rebuild-layouts';
import { newDtypes, packedDtypes, quantizedStorageClasses, storageClasses } from './torch-dtypes';
import { PickledGlobal } from './unpickler';
import { unsafeGlobal } from './unsafe-globals';

type Call = (args: unknown[], file: LoadingFile) => unknown;

/** A Python class or function that a pickle may name, and may call where it says how. */
export class TorchGlobal extends PickledGlobal {
  constructor(
    name: string,
    readonly call?: Call,
    /** Whether an object can be made without `__init__`. */
    readonly isClass = false,
  ) {
    super(name);
  }
}

const tensorClasses = ['Double', 'Float', 'Half', 'BFloat16', 'Long', 'Int', 'Short', 'Char', 'Byte', 'Bool'];
const dtypeOfClass = (name: string) => [...storageClasses].find(([, storage]) => storage === `${name}Storage`)![0];
const qschemes = ['per_tensor_affine', 'per_tensor_symmetric', 'per_channel_affine', 'per_channel_symmetric'];

const plainTensor = new TorchGlobal('torch.Tensor', dense.blankTensor('float32', false), true);
const parameter = new TorchGlobal('torch.nn.parameter.Parameter', dense.blankTensor('float32', true), true);
const callables: readonly TorchGlobal[] = [
  new TorchGlobal('collections.OrderedDict', python.orderedDict),
  new TorchGlobal('collections.Counter', python.counter),
  new TorchGlobal('builtins.set', python.set),
  new TorchGlobal('builtins.complex', python.complex),
  new TorchGlobal('builtins.bytearray', python.bytearray),
  new TorchGlobal('_codecs.encode', python.encode),
  new TorchGlobal('torch.Size', python.size),
  new TorchGlobal('torch.device', python.device),
  new TorchGlobal('torch.serialization._get_layout', python.layout),
  new TorchGlobal('torch._utils._rebuild_tensor', dense.rebuildTensor),
  new TorchGlobal('torch._utils._rebuild_tensor_v2', dense.rebuildTensorV2),
  new TorchGlobal('torch._utils._rebuild_tensor_v3', dense.rebuildTensorV3),
  new TorchGlobal('torch._utils._rebuild_parameter', dense.rebuildParameter),
  new TorchGlobal('torch._utils._rebuild_parameter_with_state', dense.rebuildParameter),
  new TorchGlobal('torch._utils._rebuild_device_tensor_from_cpu_tensor', dense.rebuildFromCpuTensor),
  new TorchGlobal('torch._utils._rebuild_sparse_tensor', layouts.rebuildSparse),
  new TorchGlobal('torch._utils._rebuild_qtensor', layouts.rebuildQuantized),
  new TorchGlobal('torch._utils._rebuild_nested_tensor', layouts.rebuildNested),
  new TorchGlobal('torch._utils._rebuild_meta_tensor_no_storage', layouts.rebuildMeta),
  new TorchGlobal('torch._tensor._rebuild_from_type_v2', rebuildFromType),
  // Their arguments are globals that are refused: arrays of numpy, and classes of their own.
  new TorchGlobal('torch._utils._rebuild_device_tensor_from_numpy'),
  new TorchGlobal('torch._utils._rebuild_wrapper_subclass'),
  plainTensor,
  parameter,
  ...tensorClasses.flatMap((name) => {
    const dtype = dtypeOfClass(name);
    return ['torch', 'torch.cuda'].flatMap((module) => [
      new TorchGlobal(`${module}.${name}Tensor`, dense.blankTensor(dtype, false), true),
      ...(name === 'Bool' ? [] : [new TorchGlobal(`${module}.sparse.${name}Tensor`, layouts.oldSparse(dtype))]),
    ]);
  }),
];

/** What weights_only knows in PyTorch. Whatever is not in this table is refused. */
const globals: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ...[...storageClasses, ...quantizedStorageClasses].flatMap(([dtype, name]): [string, unknown][] => [
    [`torch.${name}`, new dense.StorageClass(dtype)],
    ...(quantizedStorageClasses.has(dtype)
      ? []
      : [[`torch.cuda.${name}`, new dense.StorageClass(dtype)] as [string, unknown]]),
  ]),
  // Of bytes: the dtype comes with the tensor.
  ['torch.storage.UntypedStorage', new dense.StorageClass('uint8')],
  ...[...storageClasses.keys(), ...quantizedStorageClasses.keys(), ...newDtypes, ...packedDtypes].map(
    (dtype): [string, unknown] => [`torch.${dtype}`, dtype],
  ),
  ...[...qschemes, 'per_channel_affine_float_qparams'].map((name): [string, unknown] => [`torch.${name}`, name]),
  ...callables.map((known): [string, unknown] => [known.name, known]),
]);

/** Modules that Python 2, whose pickles protocol 2 is made for, calls otherwise. */
const movedModules = /^__builtin__\./;

/** @throws ERR_UNSAFE_GLOBAL */
export function torchGlobal(name: string, file: string): unknown {
  const known = globals.get(name.replace(movedModules, 'builtins.'));
  if (known !== undefined) return known;
  throw unsafeGlobal(name.replace(movedModules, 'builtins.'), file);
}

/** What a call in a pickle gives. @throws Error with the detail */
export function callTorchGlobal(callee: PickledGlobal, args: unknown[], isNew: boolean, file: LoadingFile): unknown {
  const call = callee instanceof TorchGlobal && (callee.isClass || !isNew) ? callee.call : undefined;
  if (call === undefined) throw new Error(`calls ${callee.name}, which is no function that makes tensors of data`);
  return call(args, file);
}

/** (function, type, args, attributes): a tensor with Python attributes, which are left out. */
function rebuildFromType([rebuild, type, args]: unknown[], file: LoadingFile): unknown {
  const isPlain = type === plainTensor || type === parameter;
  if (!(rebuild instanceof TorchGlobal && rebuild.call && Array.isArray(args) && isPlain)) {
    throw new Error('a tensor of a class of its own');
  }
  if (rebuild.call === rebuildFromType) throw new Error('a tensor inside a tensor');
  return rebuild.call(args, file);
}
