/**
 * TensorBoard's files: a sequence of TFRecords, each a protobuf message `Event`
 * (`tensorflow/core/lib/io/record_writer.h`, `tensorflow/core/util/event.proto`, `tensorflow/core/framework/summary.proto`).
 */
import { tensor } from '../tensor/creation';
import { noGrad } from '../tensor/grad-mode';
import type { Tensor } from '../tensor/tensor';
import { tidy } from '../tensor/tidy';

/** What opens a file of events. */
export function versionEvent(): Buffer {
  return record(Buffer.concat([wallTime(), bytesField(3, Buffer.from('brain.Event:2'))]));
}

/** One number at one step. */
export function scalarEvent(tag: string, step: number, value: number): Buffer {
  return summaryEvent(tag, step, float(2, value));
}

/** The distribution of a tensor's elements, those that are not finite left out of its buckets. */
export function histogramEvent(tag: string, step: number, elements: Tensor): Buffer {
  return noGrad(() =>
    tidy(() => {
      const values = elements.to({ dtype: 'float64', device: 'cpu' }).flatten();
      const count = values.numel();
      const { limits, counts } = histogram(values);
      const message = Buffer.concat([
        double(1, count === 0 ? Infinity : values.min().item()),
        double(2, count === 0 ? -Infinity : values.max().item()),
        double(3, count),
        double(4, values.sum().item()),
        double(5, values.square().sum().item()),
        doubles(6, limits),
        doubles(7, counts),
      ]);
      return summaryEvent(tag, step, bytesField(5, message));
    }),
  );
}

function summaryEvent(tag: string, step: number, content: Buffer): Buffer {
  const value = Buffer.concat([bytesField(1, Buffer.from(tag)), content]);
  return record(Buffer.concat([wallTime(), key(2, 0), varint(step), bytesField(5, bytesField(1, value))]));
}

/** Right limits of TensorBoard's buckets: growing by a tenth from 1e-12 to 1e20, the same below zero, and zero. */
const bucketLimits = (() => {
  const positive: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push(limit);
  return [...positive.map((limit) => -limit).reverse(), 0, ...positive, Number.MAX_VALUE];
})();

/** Counts of the values up to each limit, from the bucket below the first that has any to the last that has. */
function histogram(values: Tensor): { limits: number[]; counts: number[] } {
  // A value on a limit belongs to the bucket above it; the last has no end.
  const borders = tensor(new Float64Array(bucketLimits.slice(0, -1)), { device: 'cpu' });
  const buckets = values.maskedSelect(values.isfinite()).bucketize(borders, { right: true });
  const counts = buckets.bincount({ minlength: bucketLimits.length }).toNumbers();
  const first = Math.max(0, counts.findIndex((count) => count > 0) - 1);
  const end = counts.findLastIndex((count) => count > 0) + 1;
  return { limits: bucketLimits.slice(first, end), counts: counts.slice(first, end) };
}

/** Length, its checksum, data, its checksum. */
function record(data: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(data.length));
  return Buffer.concat([length, maskedChecksum(length), data, maskedChecksum(data)]);
}

/** CRC-32C (Castagnoli, reflected), as a table by byte. */
const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

function maskedChecksum(data: Buffer): Buffer {
  let crc = 0xffffffff;
  for (const byte of data) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return checksum;
}

function wallTime(): Buffer {
  return double(1, Date.now() / 1000);
}

// Protobuf: each field has a key, its number and the type of what follows.
const key = (field: number, wireType: number) => varint(field * 8 + wireType);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) + 128);
  return Buffer.from([...bytes, value]);
}

function bytesField(field: number, content: Buffer): Buffer {
  return Buffer.concat([key(field, 2), varint(content.length), content]);
}

function double(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([key(field, 1), bytes]);
}

function float(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([key(field, 5), bytes]);
}

function doubles(field: number, values: number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length);
  values.forEach((value, i) => bytes.writeDoubleLE(value, 8 * i));
  return bytesField(field, bytes);
}
