import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { classIncrementalBenchmark, type ClassIncrementalBenchmarkOptions } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { numbered } from '../support/numbered';

const data = () => numbered([4, 0, 1, 0, 2, 4, 3]);
const make = (options: ClassIncrementalBenchmarkOptions) =>
  classIncrementalBenchmark({ train: data(), valid: numbered([0, 1, 2, 3, 4]) }, options);

describe('classIncrementalBenchmark', () => {
  it('splits every dataset the same way, the last class of an experience first', () => {
    const { trainStream, validStream } = make({ classOrder: [2, 0, 4, 1, 3], numClassesPerExp: [3, 2] });
    assert.deepEqual(
      [...trainStream].map(({ dataset }) => dataset.indices!.toNumbers()),
      [
        [0, 5, 1, 3, 4],
        [6, 2],
      ],
    );
    assert.deepEqual(
      [...validStream].map(({ dataset, taskLabels }) => [dataset.labels(), taskLabels]),
      [
        [[4, 0, 2], []],
        [[3, 1], []],
      ],
    );
    assert.deepEqual(trainStream.at(1)!.previousClasses, [0, 2, 4]);
  });

  it('keeps the task labels that the data carries', () => {
    const labelled = data().withTaskLabels([7, 1, 1, 2, 1, 7, 1]);
    const { trainStream } = classIncrementalBenchmark(
      { train: labelled },
      { classOrder: [4, 0, 1, 2, 3], numClassesPerExp: [1, 4] },
    );
    assert.deepEqual(
      [...trainStream].map((e) => e.taskLabels),
      [[7], [1, 2]],
    );
  });

  it('leaves classes that do not divide to the last experience where asked', () => {
    const { trainStream } = make({
      classOrder: [0, 1, 2, 3, 4],
      numExperiences: 2,
      remainingClasses: 'lastExperience',
    });
    assert.deepEqual(
      [...trainStream].map((e) => e.classesInThisExperience),
      [
        [0, 1],
        [2, 3, 4],
      ],
    );
  });

  it('misuse: numbers of classes', () => {
    throwsWithCode(
      () => make({ numExperiences: 2 }),
      'ERR_INVALID_ARG_VALUE',
      /^classIncrementalBenchmark: expected classes that divide evenly over 2 experiences, or remainingClasses: "lastExperience", got 5 classes$/,
    );
    throwsWithCode(
      () => make({ numExperiences: 6, remainingClasses: 'lastExperience' }),
      'ERR_INVALID_ARG_VALUE',
      /expected numExperiences of at most the number of classes, 5, got 6$/,
    );
    throwsWithCode(
      () => make({ numClassesPerExp: [2, 2] }),
      'ERR_INVALID_ARG_VALUE',
      /expected numClassesPerExp to add up to the number of classes, 5, got 4$/,
    );
    throwsWithCode(
      () => make({ numClassesPerExp: [5, 0] }),
      'ERR_INVALID_ARG_VALUE',
      /numClassesPerExp\.1 to be a positive integer/,
    );
  });

  it('misuse: an order of classes with a class twice, unknown or missing', () => {
    const order = (classOrder: number[]) => () => make({ classOrder, numExperiences: 5 });
    for (const wrong of [
      [0, 1, 2, 3, 3],
      [0, 1, 2, 3, 5],
      [0, 1, 2, 3, 4, 4],
    ]) {
      throwsWithCode(
        order(wrong),
        'ERR_INVALID_ARG_VALUE',
        /classOrder to hold classes of the data, each at most once, got \[0, /,
      );
    }
    throwsWithCode(order([0, 1, 2]), 'ERR_INVALID_ARG_VALUE', /expected all 5 classes in classOrder, got 3$/);
  });

  it('misuse: options that exclude each other', () => {
    throwsWithCode(
      () => make({}),
      'ERR_INVALID_ARG_VALUE',
      /expected numExperiences or numClassesPerExp, got neither$/,
    );
    throwsWithCode(
      () => make({ numExperiences: 1, numClassesPerExp: [5] }),
      'ERR_INVALID_ARG_VALUE',
      /numClassesPerExp, got both$/,
    );
    throwsWithCode(
      () => make({ numExperiences: 1, classOrder: [0, 1, 2, 3, 4], seed: 1 }),
      'ERR_INVALID_ARG_VALUE',
      /expected classOrder or seed, got both$/,
    );
    throwsWithCode(
      () => make({ numExperiences: 1, remainingClasses: 'drop' as never }),
      'ERR_INVALID_ARG_VALUE',
      /expected remainingClasses to be "error" or "lastExperience", got "drop"$/,
    );
  });

  it('misuse: datasets', () => {
    const split = (datasets: object) => () => classIncrementalBenchmark(datasets as never, { numExperiences: 1 });
    throwsWithCode(
      split({ train: data(), test: numbered([0, 1]) }),
      'ERR_INVALID_ARG_VALUE',
      /expected datasets of the same classes, got \[0, 1, 2, 3, 4\] in "train" and \[0, 1\] in "test"$/,
    );
    throwsWithCode(split({}), 'ERR_INVALID_ARG_VALUE', /expected a dataset for each stream, with samples, got none$/);
    throwsWithCode(split({ train: numbered([]) }), 'ERR_INVALID_ARG_VALUE', /with samples, got none$/);
    throwsWithCode(
      split({ train: [data()] }),
      'ERR_INVALID_ARG_TYPE',
      /expected stream "train" to be a TensorDataset, got an array of 1$/,
    );
    throwsWithCode(split({ 'a b': data() }), 'ERR_INVALID_ARG_VALUE', /got "a b"$/);
    throwsWithCode(
      split({ train: numbered([0, -1]) }),
      'ERR_INVALID_ARG_VALUE',
      /class labels of train .* got -1 at position 1$/,
    );
  });
});
