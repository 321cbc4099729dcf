// The events of TensorBoard's files, read by code of the tests' own.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** CRC-32C bit by bit (RFC 3720, appendix B.4 has test vectors). */
export function crc32c(data: Buffer): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  return ~crc >>> 0;
}

const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** The data of each record, checksums compared. */
function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(crc32c(file.subarray(at, at + 8))), 'checksum of the length');
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(data.length, length);
    assert.equal(file.readUInt32LE(at + 12 + length), masked(crc32c(data)), 'checksum of the data');
    found.push(data);
    at += 16 + length;
  }
  return found;
}

/** The fields of a protobuf message: numbers for 64-bit and 32-bit floats and varints, bytes for the rest. */
function fields(message: Buffer): Map<number, (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const varint = () => {
    let [value, scale] = [0, 1];
    for (; message[at]! >= 128; at++, scale *= 128) value += (message[at]! - 128) * scale;
    return value + message[at++]! * scale;
  };
  while (at < message.length) {
    const key = varint();
    const take = (size: number) => message.subarray(at, (at += size));
    const readers = { 0: varint, 1: () => take(8).readDoubleLE(), 2: () => take(varint()), 5: () => take(4).readFloatLE() };
    const value = readers[(key & 7) as keyof typeof readers]();
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  return found;
}

export interface LoggedEvent {
  tag: string;
  step: number;
  scalar?: number;
  histogram?: { min: number; max: number; num: number; sum: number; sumSquares: number; limits: number[]; counts: number[] };
}

const doublesOf = (bytes: Buffer) => Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(8 * i));

/** The events of the one file of a folder, the first record checked and left out. */
export async function readEvents(folder: string): Promise<LoggedEvent[]> {
  const names = (await readdir(folder)).filter((name) => name.includes('tfevents'));
  assert.equal(names.length, 1);
  assert.match(names[0]!, /^events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+$/);
  const [first, ...rest] = records(await readFile(path.join(folder, names[0]!)));
  assert.equal(String(fields(first!).get(3)![0]), 'brain.Event:2');
  return rest.map((data) => {
    const event = fields(data);
    const wallTime = event.get(1)![0] as number;
    assert.ok(Math.abs(wallTime - Date.now() / 1000) < 3600);
    const value = fields(fields(event.get(5)![0] as Buffer).get(1)![0] as Buffer);
    const common = { tag: String(value.get(1)![0]), step: event.get(2)![0] as number };
    if (value.has(2)) return { ...common, scalar: value.get(2)![0] as number };
    const histogram = fields(value.get(5)![0] as Buffer);
    const [min, max, num, sum, sumSquares] = [1, 2, 3, 4, 5].map((field) => histogram.get(field)![0] as number);
    const [limits, counts] = [6, 7].map((field) => doublesOf(histogram.get(field)![0] as Buffer));
    const summary = { min: min!, max: max!, num: num!, sum: sum!, sumSquares: sumSquares! };
    return { ...common, histogram: { ...summary, limits: limits!, counts: counts! } };
  });
}
