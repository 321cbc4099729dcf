// Loads TorchScript files with seeded random damage: each is refused with a code of ours, or loads and computes what the
// whole file does. Arguments: number of files, seed. Prints how often which code came.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { ContinualTorchError, jit, tensor } from '../../../lib/index';
import { fixturePath } from '../../support/fixtures';

const [count, seed] = process.argv.slice(2).map(Number) as [number, number];
const whole = readFileSync(fixturePath('models', 'affine.pt'));
let state = seed;

/** mulberry32: an integer in [0, below). */
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
}

/** Half of the damage goes to the directory, where readers believe what stands there. */
const directory = whole.length - whole.readUInt32LE(whole.length - 6);

function position(bytes: Buffer): number {
  const back = random(Math.min(bytes.length, random(2) === 0 ? whole.length : directory));
  return bytes.length - 1 - back;
}

function range(bytes: Buffer): [number, number] {
  const begin = position(bytes);
  return [begin, Math.min(bytes.length, begin + 1 + random(64))];
}

/** Each changes the bytes in place or gives others. */
const damages: ((bytes: Buffer) => Buffer | void)[] = [
  (bytes) => void (bytes[position(bytes)]! ^= 1 << random(8)),
  (bytes) => void (bytes[position(bytes)] = random(256)),
  (bytes) => void bytes.fill([0, 0xff, random(256)][random(3)]!, ...range(bytes)),
  (bytes) => {
    const sizes = [0xffff_ffffn, 2n ** 63n, 0n, BigInt(bytes.length), BigInt(random(2 ** 31))];
    bytes.writeBigUInt64LE(sizes[random(sizes.length)]!, Math.min(position(bytes), bytes.length - 8));
  },
  (bytes) => void bytes.copy(bytes, position(bytes), ...range(bytes)),
  (bytes) => bytes.subarray(0, random(bytes.length)),
  (bytes) => {
    const [begin, end] = range(bytes);
    return Buffer.concat([bytes.subarray(0, begin), bytes.subarray(end)]);
  },
  (bytes) => {
    const [begin, end] = range(bytes);
    return Buffer.concat([bytes.subarray(0, end), bytes.subarray(begin)]);
  },
];

async function main(): Promise<void> {
  const outcomes: Record<string, number> = {};
  const x = tensor([[1, 2, 3]]);
  const expected = (await jit.load(whole)).eval().forward(x).toNumbers();
  for (let i = 0; i < count; i++) {
    let bytes: Buffer = Buffer.from(whole);
    for (let n = random(3); n >= 0 && bytes.length > 70; n--) bytes = damages[random(damages.length)]!(bytes) ?? bytes;
    let outcome = 'loaded';
    try {
      assert.deepEqual((await jit.load(bytes)).eval().forward(x).toNumbers(), expected);
    } catch (error) {
      if (!(error instanceof ContinualTorchError)) throw error;
      outcome = error.code;
    }
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  }
  console.log(JSON.stringify(outcomes));
}

void main();
