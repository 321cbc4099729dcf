import { inspect } from 'node:util';
import { Complex, ContinualTorchError, loadSafetensors, ops, Tensor } from '../../lib/index';
import { native } from '../../lib/native/binding';
import { load } from '../../lib/weights/torch-file';
import { loadIndex, mutateIndex } from './index-mutations';
import { FuzzRandom } from './random';
import { mutateSafetensors } from './safetensors-mutations';
import { mutateTorch } from './torch-mutations';
import { loadTorchScript, mutateTorchScript } from './torchscript-mutations';

/** Formats that are read, with what makes damaged files and the codes that reading one may fail with. */
export const formats = {
  safetensors: {
    mutate: mutateSafetensors,
    load: loadSafetensors as (bytes: Uint8Array) => Promise<unknown>,
    codes: ['ERR_SAFETENSORS_FORMAT'],
  },
  'safetensors-index': {
    mutate: mutateIndex,
    load: loadIndex,
    codes: ['ERR_SAFETENSORS_FORMAT', 'ERR_DATA_NOT_FOUND'],
  },
  torch: {
    mutate: mutateTorch,
    load: load as (bytes: Uint8Array) => Promise<unknown>,
    codes: ['ERR_TORCH_FILE_FORMAT', 'ERR_UNSAFE_GLOBAL'],
  },
  torchscript: {
    mutate: mutateTorchScript,
    load: loadTorchScript,
    codes: ['ERR_MODEL_FILE_EMPTY', 'ERR_MODEL_FILE_FORMAT', 'ERR_MODEL_FILE_PICKLE'],
  },
};

/** A file that was neither read nor refused as it should be. */
export interface Finding {
  index: number;
  bytes: Buffer;
  error: unknown;
}

export interface FileFuzzOptions {
  count: number;
  seed: number;
  /** Mutation to begin with. */
  from?: number;
  /** Called before a file is read. */
  onFile?: (bytes: Buffer, index: number) => void;
}

/** Reads `count` damaged files, and every tensor in those that are read. Counts outcomes by error code, or `"read"`. */
export async function fuzz(
  format: keyof typeof formats,
  { count, seed, from = 0, onFile }: FileFuzzOptions,
): Promise<{ outcomes: Map<string, number>; findings: Finding[] }> {
  const { mutate, load, codes } = formats[format];
  const outcomes = new Map<string, number>();
  const findings: Finding[] = [];
  for (let index = from; index < from + count; index++) {
    const bytes = mutate(new FuzzRandom(seed, index));
    onFile?.(bytes, index);
    let outcome = 'read';
    try {
      readTensors(await load(bytes), new Set());
    } catch (error) {
      outcome = error instanceof ContinualTorchError ? error.code : inspect(error);
      if (!codes.includes(outcome)) findings.push({ index, bytes, error });
    }
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return { outcomes, findings };
}

/** Reads every element of every tensor in a value, and frees it. */
function readTensors(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) {
    for (const part of denseParts(value)) readElements(part);
    value.dispose();
  } else if (!(value instanceof Uint8Array || value instanceof Complex)) {
    for (const item of value as Iterable<unknown>) readTensors(item, seen);
  }
}

/** What a tensor is made of: of a sparse one all elements may be more than there is memory for. */
function denseParts(tensor: Tensor): Tensor[] {
  const call = (name: string) => ops.aten[name]!(tensor.detach());
  const plain: Readonly<Record<string, readonly string[]>> = {
    sparseCoo: ['_indices', '_values'],
    sparseCsr: ['crow_indices', 'col_indices', 'values'],
    sparseBsr: ['crow_indices', 'col_indices', 'values'],
  };
  switch (native.storageKind(tensor.handle)) {
    case 'meta': return [];
    case 'quantized': return [call('int_repr') as Tensor]; // libtorch copies not every scheme
    case 'nested': return call('unbind');
    case 'sparse':
      return (plain[tensor.layout] ?? ['ccol_indices', 'row_indices', 'values']).map((name) => call(name) as Tensor);
    default: return [tensor];
  }
}

function readElements(tensor: Tensor): void {
  try {
    tensor.toTypedArray();
  } catch (error) {
    // JavaScript has no array for some dtypes: a copy reads the elements.
    if (!(error instanceof ContinualTorchError) || error.code !== 'ERR_UNSUPPORTED_DTYPE') throw error;
    (ops.aten.clone!(tensor) as Tensor).dispose();
  }
}
