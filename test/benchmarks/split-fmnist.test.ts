import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { splitFMNIST, type SplitFMNISTOptions, splitMNIST, tensor } from '../../lib/index';
import { assertTensorClose, rejectsWithCode } from '../support/assertions';
import { inputsOf, withRecordedImages } from '../support/recorded-images';

describe('splitFMNIST', () => {
  it('half of the classes first, normalised, as Avalanche gives them', () =>
    withRecordedImages(
      async ({ datasetRoot, tensors, fashion }) => {
        const benchmark = await splitFMNIST({
          nExperiences: 6,
          firstBatchWithHalfClasses: true,
          shuffle: false,
          datasetRoot,
        });
        assert.deepEqual(
          [...benchmark.trainStream].map(({ dataset }) => dataset.labels()),
          fashion,
        );
        assert.deepEqual(benchmark.nClassesPerExp, [5, 1, 1, 1, 1, 1]);
        const [first] = benchmark.trainStream.experiences;
        const recorded = tensors('fashion.train.0');
        const numbers = (await inputsOf(first!)).toNumbers().slice(0, recorded.numel());
        assertTensorClose(tensor(Float32Array.from(numbers), { shape: recorded.shape }), recorded);
      },
      { fashion: true },
    ));

  it('misuse: options, refused before any file is read', async () => {
    const make = (options: object) => splitFMNIST({ nExperiences: 5, ...options } as SplitFMNISTOptions);
    await rejectsWithCode(
      make({}),
      'ERR_INVALID_ARG_TYPE',
      /^splitFMNIST: expected datasetRoot to be a folder, got undefined$/,
    );
    await rejectsWithCode(make({ datasetRoot: '/nowhere' }), 'ERR_DATA_NOT_FOUND', /train-images/);
    await rejectsWithCode(
      make({ datasetRoot: '/nowhere', trainTransform: 'normalise' }),
      'ERR_INVALID_ARG_TYPE',
      /expected trainTransform to be a function .*, got "normalise"$/,
    );
  });
});

describe('splitMNIST with its other options', () => {
  it('labels from zero in each experience, evaluation without normalisation, as Avalanche gives them', () =>
    withRecordedImages(async ({ datasetRoot, tensors, labels }) => {
      const { streams } = await splitMNIST({
        nExperiences: 3,
        seed: 1,
        classIdsFromZeroInEachExp: true,
        evalTransform: null,
        datasetRoot,
      });
      for (const stream of streams.values()) {
        for (const experience of stream) {
          const key = `split.${stream.name}.${experience.currentExperience}`;
          assertTensorClose(await inputsOf(experience), tensors(key));
          assert.deepEqual(experience.dataset.labels(), labels[key], key);
        }
      }
    }));
});
