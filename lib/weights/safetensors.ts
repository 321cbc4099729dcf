import { z } from 'zod';
import type { FileKind } from '../data/file-kind';
import { ContinualTorchError, describeValue } from '../errors';
import { inTurns } from '../latency';
import { job, native } from '../native/binding';
import type { NativePart } from '../native/types';
import { boolean, deviceName, parseOptions } from '../options';
import { getDefaultDevice } from '../tensor/default-device';
import { Tensor } from '../tensor/tensor';
import { requirePath, writeAside } from '../write-aside';
import { inPlaceOfStateDict } from '../wrong-argument';
import { readHeader, readTensors, withBytes } from './safetensors-file';
import { isIndex, loadShards } from './safetensors-index';
import { layOutFile } from './safetensors-layout';

/** How a file of weights is read. */
export interface LoadOptions {
  /** Where the tensors shall be; default: `getDefaultDevice()`. */
  device?: string;
  /** Whether a large file is mapped into memory instead of read. */
  mmap?: boolean;
}

const loadSchema = z.object({ device: deviceName.optional(), mmap: boolean.default(true) });

/**
 * Reads a safetensors file, as `safetensors.torch.load_file` does: the tensors by name, in the order of the header. A
 * file of 1 MiB or more is mapped: its pages come from the disk when they are first used, and writing to a tensor
 * changes memory alone, never the file. The file must then keep its content (replacing it by renaming another is fine):
 * `mmap: false` reads it at once instead.
 *
 * The index of safetensors in several files (`model.safetensors.index.json` of Hugging Face) gives the tensors of all of
 * them: those that lie in or below its folder are read, in the order of their names.
 * @param source the name of a file or of an index, or the bytes of a file, which are copied
 * @param options `device`, default `getDefaultDevice()`; `mmap`, default true
 * @throws ERR_DATA_NOT_FOUND; ERR_SAFETENSORS_FORMAT for a damaged file, a dtype that libtorch does not have, another kind
 * of file (the message says what opens it), or an index that does not fit its files; ERR_DEVICE; ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export async function loadSafetensors(
  source: string | Uint8Array,
  options?: LoadOptions,
): Promise<Map<string, Tensor>> {
  const { device = getDefaultDevice(), mmap } = parseOptions('loadSafetensors', loadSchema, options);
  native.checkDevice(device);
  const opens: FileKind[] = typeof source === 'string' ? ['safetensors', 'safetensorsIndex'] : ['safetensors'];
  return withBytes('loadSafetensors', source, mmap, opens, (bytes, damaged) =>
    typeof source === 'string' && isIndex(bytes)
      ? loadShards('loadSafetensors', source, bytes, damaged, { device, mmap })
      : inTurns(readTensors(bytes, damaged, device)),
  );
}

/**
 * The `__metadata__` of a safetensors file, without reading its tensors; empty where there is none.
 * @throws as `loadSafetensors`
 */
export function readSafetensorsMetadata(source: string | Uint8Array): Promise<Map<string, string>> {
  return withBytes('readSafetensorsMetadata', source, true, ['safetensors'], async (bytes, damaged) => {
    const { header } = await inTurns(readHeader(bytes, damaged));
    return header.metadata;
  });
}

const saveSchema = z.object({
  metadata: z.record(z.string(), z.string('a string'), 'an object of strings').optional(),
});

/**
 * Writes a safetensors file, as `safetensors.torch.save_file` does: each tensor whole, in row-major order, wherever it
 * lies and whatever it shares its memory with. Written aside and renamed, so that a file which was there is replaced
 * whole or not at all.
 * @param options `metadata`: strings by name, which `readSafetensorsMetadata` reads
 * @throws ERR_WEIGHTS_SAVE; ERR_UNSUPPORTED_DTYPE for a dtype that the format does not have (complex128);
 * ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export async function saveSafetensors(
  tensors: ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>,
  path: string,
  options?: { metadata?: Record<string, string> },
): Promise<void> {
  const operation = 'saveSafetensors';
  const { metadata = {} } = parseOptions(operation, saveSchema, options);
  requirePath(operation, path);
  const { header, placed } = layOutFile(operation, namedTensors(operation, tensors), metadata);
  const parts: NativePart[] = [['header', header], ...placed.map(({ name, handle }): NativePart => [name, handle])];
  await writeAside(operation, path, 'ERR_WEIGHTS_SAVE', (aside) => job(native.writeFile(aside, parts)));
}

function namedTensors(operation: string, tensors: unknown): [string, Tensor][] {
  const advice = inPlaceOfStateDict(tensors);
  if (tensors === null || typeof tensors !== 'object' || tensors instanceof Tensor || Array.isArray(tensors) || advice !== '') {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected a Map or an object of tensors, got ${describeValue(tensors)}${advice}`,
    );
  }
  const entries: [unknown, unknown][] = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  for (const [name, tensor] of entries) {
    if (typeof name !== 'string' || /\p{Surrogate}/u.test(name) || name === '__metadata__') {
      const message = `${operation}: expected names to be strings other than "__metadata__", got ${describeValue(name)}`;
      throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', message);
    }
    if (tensor instanceof Tensor) continue;
    const message = `${operation}: expected "${name}" to be a Tensor, got ${describeValue(tensor)}`;
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', message);
  }
  return entries as [string, Tensor][];
}
