import { inspect } from 'node:util';
import { ContinualTorchError, loadSafetensors, ops, Tensor } from '../../lib/index';
import { load } from '../../lib/weights/torch-file';
import { FuzzRandom } from './random';
import { mutateSafetensors } from './safetensors-mutations';
import { mutateTorch } from './torch-mutations';

/** Formats that are read, with what makes damaged files and the codes that reading one may fail with. */
export const formats = {
  safetensors: {
    mutate: mutateSafetensors,
    load: loadSafetensors as (bytes: Uint8Array) => Promise<unknown>,
    codes: ['ERR_SAFETENSORS_FORMAT'],
  },
  torch: {
    mutate: mutateTorch,
    load: load as (bytes: Uint8Array) => Promise<unknown>,
    codes: ['ERR_TORCH_FILE_FORMAT', 'ERR_UNSAFE_GLOBAL'],
  },
};

/** A file that was neither read nor refused as it should be. */
export interface Finding {
  index: number;
  bytes: Buffer;
  error: unknown;
}

export interface WeightsFuzzOptions {
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
  { count, seed, from = 0, onFile }: WeightsFuzzOptions,
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
    try {
      value.toTypedArray();
    } catch (error) {
      // JavaScript has no array for some dtypes: a copy reads the elements.
      if (!(error instanceof ContinualTorchError) || error.code !== 'ERR_UNSUPPORTED_DTYPE') throw error;
      (ops.aten.clone!(value) as Tensor).dispose();
    }
    value.dispose();
  } else {
    for (const item of value as Iterable<unknown>) readTensors(item, seen);
  }
}
