import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

/** The bytes of an IDX file of unsigned bytes: magic number, sizes, data. */
export function idxBytes(shape: number[], data: number[], magic = 0x0800 | shape.length): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(magic, 0);
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, Buffer.from(data)]);
}

export const mnistFiles = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;
export type MNISTFiles = Record<keyof typeof mnistFiles, Buffer>;

/** Labels 0 to 9 twice (training) and once (test), images 2 x 2; the first pixel of training image i is i. */
export function smallMNIST(): MNISTFiles {
  const images = (count: number) =>
    idxBytes([count, 2, 2], Array.from({ length: count }, (_, i) => [i, 255, 0, 100]).flat());
  const labels = (count: number) =>
    idxBytes(
      [count],
      Array.from({ length: count }, (_, i) => i % 10),
    );
  return { trainImages: images(20), trainLabels: labels(20), testImages: images(10), testLabels: labels(10) };
}

/** Writes the four files, gzipped where `gzipped` names them, under other names where `names` has them. */
export async function writeMNIST(
  folder: string,
  files: Partial<MNISTFiles>,
  { gzipped = false, names = mnistFiles }: { gzipped?: boolean; names?: Record<keyof MNISTFiles, string> } = {},
): Promise<void> {
  for (const [key, bytes] of Object.entries(files) as [keyof MNISTFiles, Buffer][]) {
    await writeFile(path.join(folder, names[key] + (gzipped ? '.gz' : '')), gzipped ? gzipSync(bytes) : bytes);
  }
}
