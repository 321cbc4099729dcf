import { Complex } from '../tensor/complex';

/**
 * The first of these keys that Python takes for one of those before it: `true` for 1, an array for another one of equal items.
 * Strings equal nothing else, and are all different here already.
 */
export function repeatedKey(keys: Iterable<unknown>): { key: unknown } | null {
  const seen = new Set<string>();
  for (const key of keys) {
    if (typeof key === 'string') continue;
    const { size } = seen;
    if (seen.add(asText(key)).size === size) return { key };
  }
  return null;
}

/** The same for equal keys. */
function asText(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key);
  if (typeof key === 'boolean') return key ? '1' : '0';
  if (typeof key === 'number') return Number.isInteger(key) ? BigInt(key).toString() : String(key);
  if (key instanceof Complex) return key.im === 0 ? asText(key.re) : `${asText(key.re)}+${asText(key.im)}j`;
  if (key instanceof Uint8Array) return `bytes ${Buffer.from(key).toString('hex')}`;
  if (Array.isArray(key)) return `(${key.map(asText).join()})`;
  return String(key);
}
