import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  DataLoader,
  manualSeed,
  ops,
  rotatedMNIST,
  type RotatedMNISTOptions,
  type TensorTransform,
} from '../../lib/index';
import { assertTensorClose, rejectsWithCode } from '../support/assertions';
import { inputsOf, withRecordedImages } from '../support/recorded-images';

const recordedAngles = [0, 1, -1, 17, 45, 90, -90, 133, 180, -180, 22.5, -101.3];

const pixelsOf = async (options: RotatedMNISTOptions) =>
  [...(await rotatedMNIST(options)).trainStream].map(({ dataset }) =>
    (dataset.transform as TensorTransform).permutation!.toNumbers(),
  );

describe('rotatedMNIST', () => {
  it("takes every pixel from where torchvision's rotation takes it", () =>
    withRecordedImages(async ({ datasetRoot, tensors }) => {
      const nExperiences = recordedAngles.length;
      const pixels = await pixelsOf({ nExperiences, rotationsList: recordedAngles, datasetRoot });
      recordedAngles.forEach((angle, i) => {
        assert.deepEqual(pixels[i], tensors(`rotation.${angle}`).toNumbers(), `${angle} degrees`);
      });
    }));

  it("draws NumPy's angles from the seed", () =>
    withRecordedImages(async ({ datasetRoot, angles }) => {
      for (const [seed, rotationsList] of Object.entries(angles)) {
        const nExperiences = rotationsList.length;
        const drawn = await pixelsOf({ nExperiences, seed: Number(seed), datasetRoot });
        assert.deepEqual(drawn, await pixelsOf({ nExperiences, rotationsList, datasetRoot }), `seed ${seed}`);
      }
    }));

  it('gives the images and labels that Avalanche gives, normalised after the rotation', () =>
    withRecordedImages(async ({ datasetRoot, tensors, labels }) => {
      for (const [name, options] of [
        ['rotated', { nExperiences: 3, seed: 1 }],
        ['rotationsList', { nExperiences: 2, rotationsList: [-30, 22.5], trainTransform: null }],
      ] as const) {
        const { streams } = await rotatedMNIST({ ...options, datasetRoot });
        for (const stream of streams.values()) {
          for (const experience of stream) {
            const key = `${name}.${stream.name}.${experience.currentExperience}`;
            assertTensorClose(await inputsOf(experience), tensors(key));
            assert.deepEqual(experience.dataset.labels(), labels[key], key);
          }
        }
      }
    }));

  it('draws one random number for each sample that is read', () =>
    withRecordedImages(async ({ datasetRoot, draws }) => {
      const { trainStream } = await rotatedMNIST({ nExperiences: 1, seed: 0, datasetRoot });
      const { batchSize } = draws;
      for (const trainTransform of [undefined, (x: any) => ops.aten.neg!(x)]) {
        const { trainStream: other } = await rotatedMNIST({ nExperiences: 1, seed: 0, datasetRoot, trainTransform });
        manualSeed(draws.seed);
        for await (const _ of new DataLoader(other.at(0)!.dataset, { batchSize }));
        assert.deepEqual(ops.aten.randperm!(20, { dtype: 'int64' }).toNumbers(), draws.next);
      }
      assert.equal((trainStream.at(0)!.dataset.transform as TensorTransform).draws, 1);
    }));

  it('a transform of the user gets float32 images in [0, 1], rotated', () =>
    withRecordedImages(async ({ datasetRoot, tensors }) => {
      const { trainStream } = await rotatedMNIST({
        nExperiences: 3,
        seed: 1,
        datasetRoot,
        trainTransform: (x) => ops.aten.div!(ops.aten.sub!(x, 0.1307), 0.3081),
      });
      for (const experience of trainStream) {
        assertTensorClose(await inputsOf(experience), tensors(`rotated.train.${experience.currentExperience}`));
      }
    }));

  it('misuse: angles', async () => {
    const make = (options: object) => rotatedMNIST({ datasetRoot: '/nowhere', nExperiences: 2, ...options });
    await rejectsWithCode(
      make({ rotationsList: [1, 2, 3] }),
      'ERR_INVALID_ARG_VALUE',
      /^rotatedMNIST: expected one angle for each of 2 experiences in rotationsList, got 3$/,
    );
    for (const wrong of [181, -180.5, NaN, Infinity]) {
      await rejectsWithCode(
        make({ rotationsList: [0, wrong] }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`expected rotationsList.1 to be degrees in \\[-180, 180\\], got ${wrong}$`),
      );
    }
    await rejectsWithCode(make({ rotationsList: 90 }), 'ERR_INVALID_ARG_TYPE', /rotationsList .* got 90$/);
    await rejectsWithCode(
      make({ rotations: [1, 2] }),
      'ERR_UNKNOWN_OPTION',
      /"rotations"; expected among nExperiences/,
    );
  });
});
