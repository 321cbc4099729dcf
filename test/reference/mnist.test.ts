// What the reference's tests of its MNIST benchmarks show (tests/benchmarks/classic/test_mnist_benckmarks.py,
// test_fmnist_benckmarks.py), with a few images in place of all.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { permutedMNIST, rotatedMNIST, splitFMNIST, splitMNIST, type Stream } from '../../lib/index';
import { firstBatch } from '../support/fast-benchmark';
import { smallMNIST, writeMNIST } from '../support/idx';
import { withRecordedImages } from '../support/recorded-images';
import { withTempFolder } from '../support/temp-folder';

/** Every experience has so many samples together, and gives mini-batches in training and in evaluation. */
async function assertWhole(stream: Stream, experiences: number, samples: number): Promise<void> {
  assert.equal(stream.length, experiences);
  assert.equal([...stream].reduce((sum, { dataset }) => sum + dataset.length, 0), samples); // prettier-ignore
  for (const { dataset } of stream) {
    for (const group of [dataset.train(), dataset.eval()]) {
      const [x, y, taskId] = await firstBatch(group, 1);
      assert.deepEqual([x.dtype, x.shape.slice(0, 2), y.shape, taskId.shape], ['float32', [1, 1], [1], [1]]); // prettier-ignore
    }
  }
}

const withDigits = (use: (datasetRoot: string) => Promise<void>) =>
  withTempFolder(async (folder) => {
    await writeMNIST(folder, smallMNIST());
    await use(folder);
  });

describe("the reference's tests: MNIST", () => {
  it('split by class (test_SplitMNIST_benchmark)', () =>
    withDigits(async (datasetRoot) => {
      const { trainStream, testStream } = await splitMNIST({ nExperiences: 5, datasetRoot });
      await assertWhole(trainStream, 5, 20);
      await assertWhole(testStream, 5, 10);
    }));

  it('Fashion-MNIST split by class (test_SplitFMNIST_benchmark)', () =>
    withDigits(async (datasetRoot) => {
      const { trainStream, testStream } = await splitFMNIST({ nExperiences: 5, datasetRoot });
      await assertWhole(trainStream, 5, 20);
      await assertWhole(testStream, 5, 10);
    }));

  for (const [name, make] of [
    ['permuted (test_PermutedMNIST_benchmark)', permutedMNIST],
    ['rotated (test_RotatedMNIST_benchmark)', rotatedMNIST],
  ] as const) {
    it(`${name}: all images in every experience`, () =>
      withRecordedImages(async ({ datasetRoot }) => {
        const { trainStream, testStream } = await make({ nExperiences: 3, datasetRoot });
        await assertWhole(trainStream, 3, 3 * 4);
        await assertWhole(testStream, 3, 3 * 4);
      }));
  }
});
