import type { FuzzRandom } from './random';

/** Numbers at which sizes and offsets go wrong. */
export const boundaries = [
  0n, 1n, 2n, 3n, 7n, 8n, 64n, 127n, 128n, 255n, 256n, 32767n, 65535n, 65536n, 2n ** 24n, 2n ** 31n - 1n, 2n ** 31n,
  2n ** 32n - 1n, 2n ** 32n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n,
  2n ** 64n - 1n,
];

type Mutator = (bytes: Buffer, random: FuzzRandom) => Buffer;

const flipBit: Mutator = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
  return bytes;
};
const setByte: Mutator = (bytes, random) => {
  if (bytes.length > 0) bytes[random.below(bytes.length)] = random.below(256);
  return bytes;
};
const truncate: Mutator = (bytes, random) => bytes.subarray(0, random.below(bytes.length));
const cut: Mutator = (bytes, random) => {
  const from = random.below(bytes.length);
  const to = from + 1 + random.below(Math.min(32, bytes.length - from));
  return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
};
const duplicate: Mutator = (bytes, random) => {
  const from = random.below(bytes.length);
  const to = from + 1 + random.below(Math.min(64, bytes.length - from));
  const at = random.below(bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, at), bytes.subarray(from, to), bytes.subarray(at)]);
};
const insert: Mutator = (bytes, random) => {
  const at = random.below(bytes.length + 1);
  const noise = Buffer.from(Array.from({ length: 1 + random.below(16) }, () => random.below(256)));
  return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
};
const boundary: Mutator = (bytes, random) => {
  const width = random.pick([1, 2, 4, 8]);
  if (bytes.length < width) return bytes;
  const integer = Buffer.alloc(8);
  integer.writeBigUInt64LE(random.pick(boundaries));
  bytes.set(integer.subarray(0, width), random.below(bytes.length - width + 1));
  return bytes;
};

const swapHalves: Mutator = (bytes) => {
  const half = bytes.length >> 1;
  return Buffer.concat([bytes.subarray(half), bytes.subarray(0, half)]);
};

const mutators: readonly Mutator[] = [
  ...[flipBit, flipBit, setByte, truncate, cut, duplicate, insert, boundary, boundary, swapHalves],
];

/** A copy of the bytes with one to four changes that know nothing of the format. */
export function mutateBytes(bytes: Buffer, random: FuzzRandom): Buffer {
  let result = Buffer.from(bytes);
  for (let left = 1 + random.below(4); left > 0; left--) result = Buffer.from(random.pick(mutators)(result, random));
  return result;
}
