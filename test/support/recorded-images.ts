import { readFileSync } from 'node:fs';
import { DataLoader, type Experience, type Tensor } from '../../lib/index';
import { fixturePath, loadFixture } from './fixtures';
import { idxBytes, writeMNIST } from './idx';
import { withTempFolder } from './temp-folder';

/** What record_benchmarks.py made of four images, and the images as the files of a folder. */
export interface RecordedImages {
  datasetRoot: string;
  tensors: (name: string) => Tensor;
  labels: Record<string, number[]>;
  angles: Record<string, number[]>;
  draws: { seed: number; batchSize: number; next: number[] };
  fashion: number[][];
}

/** Runs `use` with a folder that holds the recorded images; those of the Fashion benchmark with `fashion`. */
export async function withRecordedImages(
  use: (recorded: RecordedImages) => Promise<void>,
  { fashion = false } = {},
): Promise<void> {
  const tensors = await loadFixture('benchmarks');
  const { images: entry } = JSON.parse(readFileSync(fixturePath('benchmarks.json'), 'utf8')) as { images: any };
  const pixels = tensors('images').toNumbers();
  const images = [0, 1, 2, 3].map((i) => pixels.slice(i * 784, (i + 1) * 784));
  const file = (parts: number[][]) => idxBytes([parts.length, 28, 28], parts.flat());
  const clothes = { images: Array.from({ length: 10 }, (_, i) => images[2 + (i % 2)]!), labels: [...Array(10).keys()] };
  const train = fashion ? clothes : { images, labels: entry.train as number[] };
  const test = fashion ? clothes : { images: images.toReversed(), labels: entry.test as number[] };
  await withTempFolder(async (datasetRoot) => {
    await writeMNIST(datasetRoot, {
      trainImages: file(train.images),
      trainLabels: idxBytes([train.labels.length], train.labels),
      testImages: file(test.images),
      testLabels: idxBytes([test.labels.length], test.labels),
    });
    const { angles, draws, fashion, ...labels } = entry;
    await use({ datasetRoot, tensors, labels, angles, draws, fashion });
  });
}

/** All inputs of an experience, transformed as its dataset starts out, in one mini-batch. */
export async function inputsOf({ dataset }: Experience): Promise<Tensor> {
  for await (const [x] of new DataLoader(dataset, { batchSize: dataset.length })) return x;
  throw new Error('an experience without samples');
}
