import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSafetensors } from '../../lib/index';
import { boundaries, mutateBytes } from './mutate';
import type { FuzzRandom } from './random';
import { fileOf } from './safetensors-mutations';

const entry = (begin: number) => ({ dtype: 'F32', shape: [1], data_offsets: [begin, begin + 4] });
const shards = {
  '1.safetensors': fileOf(JSON.stringify({ a: entry(0), b: entry(4) }), Buffer.alloc(8)),
  '2.safetensors': fileOf(JSON.stringify({ c: entry(0) }), Buffer.alloc(4)),
  'again.safetensors': fileOf(JSON.stringify({ a: entry(0) }), Buffer.alloc(4)),
};
const good = JSON.stringify({
  metadata: { total_size: 12, more: [1.5e3, null, true, { x: 'y' }] },
  weight_map: { a: '1.safetensors', b: '1.safetensors', c: '2.safetensors' },
});
const names = [...Object.keys(shards), 'none.safetensors', '../1.safetensors', '/dev/zero', 'index.json', '.', '', 'damaged.safetensors'];
const parts = ['{', '}', '[', ']', ',', ':', '"', '"a"', '"weight_map":', '"metadata":', '{"a":"1.safetensors"}', '-', '1e999', 'null', '\\u0061', '\\'];

/** A damaged index: changed anywhere, in its text, or in what it says. */
export function mutateIndex(random: FuzzRandom): Buffer {
  const kind = random.below(3);
  if (kind === 0) return mutateBytes(Buffer.from(good), random);
  if (kind === 1) {
    const at = random.below(good.length);
    return Buffer.from(good.slice(0, at) + random.pick(parts).repeat(1 + random.below(300)) + good.slice(at + random.below(9)));
  }
  const index = JSON.parse(good) as Record<string, Record<string, unknown>>;
  const map = index['weight_map']!;
  for (let left = 1 + random.below(3); left > 0; left--) {
    const name = random.pick(['a', 'b', 'c', 'd', '__proto__', '']);
    if (random.below(4) === 0) delete map[name];
    else map[name] = random.below(5) === 0 ? random.pick([null, 3, {}, []]) : random.pick(names);
  }
  index['metadata']!['total_size'] = String(random.pick(boundaries));
  return Buffer.from(JSON.stringify(index));
}

let folder: string | undefined;

/** Reads an index beside sound files, and one that is damaged as the index is. */
export async function loadIndex(bytes: Uint8Array): Promise<unknown> {
  if (folder === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'continual-torch-fuzz-'));
    process.on('exit', () => rmSync(made, { recursive: true, force: true }));
    for (const [name, shard] of Object.entries(shards)) writeFileSync(path.join(made, name), shard);
    folder = made;
  }
  const file = path.join(folder, 'index.json');
  writeFileSync(file, bytes);
  writeFileSync(path.join(folder, 'damaged.safetensors'), bytes);
  return loadSafetensors(file, { mmap: false });
}
