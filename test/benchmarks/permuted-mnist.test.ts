import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  Naive,
  nn,
  optim,
  permutedMNIST,
  type PermutedMNISTOptions,
  tensor,
  type Tensor,
  type TensorTransform,
} from '../../lib/index';
import { assertTensorClose, rejectsWithCode } from '../support/assertions';
import { loadFixture } from '../support/fixtures';
import { smallMNIST, writeMNIST } from '../support/idx';
import { inputsOf, withRecordedImages } from '../support/recorded-images';
import { withTempFolder } from '../support/temp-folder';

const inSmallFolder = <T>(use: (datasetRoot: string) => Promise<T>) =>
  withTempFolder(async (folder) => {
    await writeMNIST(folder, smallMNIST());
    return use(folder);
  });
const permutationsOf = async (options: PermutedMNISTOptions) =>
  [...(await permutedMNIST(options)).trainStream].map(({ dataset }) =>
    (dataset.transform as TensorTransform).permutation!.toNumbers(),
  );

describe('permutedMNIST', () => {
  it('gives all of MNIST in each experience, class by class, with the same permutation in training and test', async () => {
    const { trainStream, testStream } = await permutedMNIST({ nExperiences: 2, seed: 1 });
    for (const [stream, total] of [
      [trainStream, 60000],
      [testStream, 10000],
    ] as const) {
      assert.equal(stream.length, 2);
      for (const { dataset, classesInThisExperience } of stream) {
        assert.equal(dataset.length, total);
        assert.deepEqual(classesInThisExperience, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      }
    }
    // Python walks the set {0, ..., 9} in ascending order.
    const labels = testStream.at(1)!.dataset.labels();
    assert.deepEqual(
      labels,
      labels.toSorted((a, b) => a - b),
    );
    for (const k of [0, 1]) {
      assert.deepEqual(
        (testStream.at(k)!.dataset.transform as TensorTransform).permutation!.toNumbers(),
        (trainStream.at(k)!.dataset.transform as TensorTransform).permutation!.toNumbers(),
      );
    }
  });

  it("draws NumPy's permutations of 784 pixels from the seed", async () => {
    const recorded = await loadFixture('permutations');
    for (const seed of [0, 1, 42, 2 ** 32 - 1]) {
      const permutations = await permutationsOf({ nExperiences: 2, seed });
      permutations.forEach((permutation, k) =>
        assert.deepEqual(permutation, recorded(`${seed}.${k}`).toNumbers(), `${seed}.${k}`),
      );
    }
  }).timeout(120_000);

  it('permutes as many pixels as the images of a folder have; random without a seed', () =>
    inSmallFolder(async (datasetRoot) => {
      const permutations = await permutationsOf({ nExperiences: 30, datasetRoot });
      for (const permutation of permutations) assert.deepEqual(permutation.toSorted(), [0, 1, 2, 3]);
      const again = await permutationsOf({ nExperiences: 30, datasetRoot });
      // Equal with a chance of 24^-30.
      assert.notDeepEqual(permutations, again);
    }));

  it('gives mini-batches of permuted, normalised float32 images in their shape', () =>
    inSmallFolder(async (datasetRoot) => {
      const { testStream } = await permutedMNIST({ nExperiences: 3, seed: 5, datasetRoot });
      const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(4, 10));
      const batches: Tensor[] = [];
      const strategy = new Naive({
        model,
        optimizer: new optim.SGD(model.parameters()),
        evalMbSize: 10,
        evaluator: null,
        plugins: [{ afterEvalForward: ({ mbX }) => void batches.push(mbX!) }],
      });
      await strategy.eval(testStream);
      assert.equal(batches.length, 3);
      testStream.experiences.forEach(({ dataset }, k) => {
        const permutation = (dataset.transform as TensorTransform).permutation!.toNumbers();
        const images = Array.from({ length: 10 }, (_, i) => [i, 255, 0, 100]);
        const expected = images.flatMap((image) => permutation.map((from) => (image[from]! / 255 - 0.1307) / 0.3081));
        assertTensorClose(batches[k]!, tensor(Float32Array.from(expected), { shape: [10, 1, 2, 2] }));
      });
    }));

  it('gives the images and labels that Avalanche gives', () =>
    withRecordedImages(async ({ datasetRoot, tensors, labels }) => {
      const { streams } = await permutedMNIST({ nExperiences: 2, seed: 1, datasetRoot });
      for (const stream of streams.values()) {
        for (const experience of stream) {
          const key = `permuted.${stream.name}.${experience.currentExperience}`;
          assertTensorClose(await inputsOf(experience), tensors(key));
          assert.deepEqual(experience.dataset.labels(), labels[key], key);
        }
      }
    }));

  it('begins with the digit that Python comes to first, whose class is 10 k + digit while it sorts', () =>
    inSmallFolder(async (datasetRoot) => {
      const { testStream } = await permutedMNIST({ nExperiences: 5, seed: 0, datasetRoot });
      // Ten classes lie in a table of 32: 30 and 31 come after 32 to 39.
      assert.deepEqual(
        [...testStream].map(({ dataset }) => dataset.labels().join('')),
        ['0123456789', '0123456789', '0123456789', '2345678901', '0123456789'],
      );
      assert.deepEqual(testStream.at(3)!.classesInThisExperience, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }));

  it('labels the tasks by experience with returnTaskId', () =>
    inSmallFolder(async (datasetRoot) => {
      const tasks = async (returnTaskId: boolean) =>
        [...(await permutedMNIST({ nExperiences: 3, seed: 0, returnTaskId, datasetRoot })).testStream].map(
          (e) => e.taskLabel,
        );
      assert.deepEqual(await tasks(true), [0, 1, 2]);
      assert.deepEqual(await tasks(false), [0, 0, 0]);
    }));

  it('misuse: options', async () => {
    const make = (options: object) => permutedMNIST({ datasetRoot: '/nowhere', ...options } as PermutedMNISTOptions);
    await rejectsWithCode(
      make({}),
      'ERR_INVALID_ARG_TYPE',
      /^permutedMNIST: expected nExperiences to be a positive integer, got undefined$/,
    );
    await rejectsWithCode(
      make({ nExperiences: 1001 }),
      'ERR_INVALID_ARG_VALUE',
      /expected nExperiences to be an integer in \[1, 1000\], got 1001$/,
    );
    await rejectsWithCode(make({ nExperiences: 1, seed: -1 }), 'ERR_INVALID_ARG_VALUE', /expected seed .*, got -1$/);
    await rejectsWithCode(make({ nExperiences: 1, seed: NaN }), 'ERR_INVALID_ARG_VALUE', /got NaN$/);
    await rejectsWithCode(
      make({ nExperiences: 1, shuffle: true }),
      'ERR_UNKNOWN_OPTION',
      /"shuffle"; expected among nExperiences, seed, returnTaskId, trainTransform, evalTransform, datasetRoot$/,
    );
  });
});
