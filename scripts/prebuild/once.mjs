// What takes long is made again only where something that it is made from has changed.
import { existsSync, rmSync } from 'node:fs';
import { readStamp, writeStamp } from '../setup/stamp.mjs';

/**
 * @template T  kept as JSON
 * @param {{inputs: string, stamp: string, outputs: string[], make: () => Promise<T>}} work
 *   `inputs`: a hash of all that the outputs depend on
 * @returns {Promise<T>} what `make` gave, now or then
 */
export async function onceFor({ inputs, stamp, outputs, make }) {
  const last = readStamp(stamp);
  if (last?.inputs === inputs && outputs.every(existsSync)) return last.result;
  rmSync(stamp, { force: true });
  const result = await make();
  writeStamp(stamp, { inputs, result });
  return result;
}
