import path from 'node:path';
import type { FileBytes } from '../data/file-bytes';
import { ContinualTorchError, quoteName } from '../errors';
import { inTurns, type Work } from '../latency';
import type { Tensor } from '../tensor/tensor';
import { type Damaged, decoded, parsed, readTensors, withBytes } from './safetensors-file';
import { maxHeaderLength } from './safetensors-header';
import { StrictJson } from './strict-json';

/** Entries that are read between two turns of the event loop. */
const portion = 2 ** 10;

/** Whether it is JSON text. What begins a file of safetensors, the length of its header, has zeros. */
export function isIndex(bytes: FileBytes): boolean {
  const head = bytes.read(0, Math.min(bytes.length, 64));
  return !head.subarray(0, 8).includes(0) && /^(\xef\xbb\xbf)?\s*\{/.test(head.toString('latin1'));
}

/**
 * The tensors of all files that an index names, which lie in or below its folder. Each file is read whole, as transformers
 * does: a tensor that the index does not name is there too, and `total_size`, which often is that of another dtype, is not
 * compared.
 * @param file the name of the index, which `bytes` are
 */
export async function loadShards(
  operation: string,
  file: string,
  bytes: FileBytes,
  damaged: Damaged,
  { device, mmap }: { device: string; mmap: boolean },
): Promise<Map<string, Tensor>> {
  if (bytes.length > maxHeaderLength) throw damaged(`an index of ${bytes.length} bytes, more than ${maxHeaderLength}`);
  const text = decoded(bytes.read(0, bytes.length), 'the index', damaged).replace(/^\ufeff/, '');
  const shardOf = await inTurns(parsed(parseIndex(text), damaged));
  const result = new Map<string, Tensor>();
  const found = new Map<string, string>();
  for (const shard of [...new Set(shardOf.values())].sort()) {
    const tensors = await loadShard(operation, path.join(path.dirname(file), shard), file, device, mmap);
    for (const [name, tensor] of tensors) {
      const other = found.get(name);
      if (other !== undefined) throw damaged(`${quoteName(name)} is both in ${quoteName(other)} and in ${quoteName(shard)}`);
      found.set(name, shard);
      result.set(name, tensor);
    }
  }
  for (const [name, shard] of shardOf) {
    if (found.get(name) === shard) continue;
    throw damaged(`${quoteName(name)} is not in ${quoteName(shard)}, where the index says that it is`);
  }
  return result;
}

async function loadShard(operation: string, shard: string, index: string, device: string, mmap: boolean) {
  try {
    return await withBytes(operation, shard, mmap, ['safetensors'], (bytes, damaged) =>
      inTurns(readTensors(bytes, damaged, device)),
    );
  } catch (cause) {
    if (!(cause instanceof ContinualTorchError) || cause.code !== 'ERR_DATA_NOT_FOUND') throw cause;
    throw new ContinualTorchError(cause.code, `${cause.message}; ${quoteName(index)} names it`, { cause });
  }
}

/** Which file each tensor is in. @throws Error with the detail */
function* parseIndex(text: string): Work<Map<string, string>> {
  const json = new StrictJson(text, 'the index');
  const shardOf = new Map<string, string>();
  const twice = (name: string) => `the index has ${name} twice`;
  let hasMap = false;
  for (const name of json.members('the index', twice)) {
    if (name !== 'weight_map') {
      yield* json.value(quoteName(name));
      continue;
    }
    hasMap = true;
    for (const tensor of json.members('"weight_map"', twice)) {
      shardOf.set(tensor, readShard(json, tensor));
      if (shardOf.size % portion === 0) yield;
    }
  }
  json.end();
  if (!hasMap) throw new Error('the index has no "weight_map"');
  return shardOf;
}

function readShard(json: StrictJson, tensor: string): string {
  const shard = json.string(`"weight_map": ${quoteName(tensor)}`);
  const isWithin = !/^[a-z]:|\0/i.test(shard) && shard.split(/[\\/]/).every((part) => !['', '.', '..'].includes(part));
  if (!isWithin) throw new Error(`the index names the file ${quoteName(shard)}, expected one in or below its folder`);
  if (!shard.endsWith('.safetensors')) throw new Error(`the index names the file ${quoteName(shard)}, expected safetensors`);
  return shard;
}
