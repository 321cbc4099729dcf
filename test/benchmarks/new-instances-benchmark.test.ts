import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { newInstancesBenchmark, type NewInstancesBenchmarkOptions } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { numbered } from '../support/numbered';

const train = () => numbered([1, 0, 1, 1, 0, 1, 0]);
const make = (options: object) =>
  newInstancesBenchmark(train(), numbered([0, 1]), options as NewInstancesBenchmarkOptions);

describe('newInstancesBenchmark', () => {
  it('deals each class in the order of the data, and leaves the samples in that order', () => {
    const { trainStream, testStream } = make({ numExperiences: 2, shuffle: false });
    // Class 1 at 0, 2, 3, 5: two each; class 0 at 1, 4, 6: one each, and 6 to the first.
    assert.deepEqual(
      [...trainStream].map(({ dataset }) => dataset.indices!.toNumbers()),
      [
        [0, 1, 2, 6],
        [3, 4, 5],
      ],
    );
    assert.deepEqual(
      [...testStream].map(({ dataset, taskLabels }) => [dataset.labels(), taskLabels]),
      [[[0, 1], []]],
    );
  });

  it('deals a minimum of each class first', () => {
    const { trainStream } = newInstancesBenchmark(numbered([0, 0, 0, 0, 0]), numbered([0]), {
      numExperiences: 2,
      shuffle: false,
      minClassPatternsInExp: 1,
    });
    // 0 | 1, then 2 | 3, then 4 to the first; without a minimum 0 1 | 2 3, then 4.
    assert.deepEqual(
      [...trainStream].map(({ dataset }) => dataset.indices!.toNumbers()),
      [
        [0, 2, 4],
        [1, 3],
      ],
    );
  });

  it('misuse: too few samples', () => {
    throwsWithCode(
      () => make({ numExperiences: 8 }),
      'ERR_INVALID_ARG_VALUE',
      /^newInstancesBenchmark: expected numExperiences to be at most the number of samples, 7, got 8$/,
    );
    throwsWithCode(
      () => make({ numExperiences: 5, shuffle: false }),
      'ERR_EMPTY_EXPERIENCE',
      /got none for experience 4$/,
    );
    throwsWithCode(
      () => make({ numExperiences: 2, minClassPatternsInExp: 2 }),
      'ERR_INVALID_ARG_VALUE',
      /minClassPatternsInExp = 2 samples for each of 2 experiences, got 3 of one$/,
    );
  });

  it('misuse: options and data', () => {
    throwsWithCode(
      () => make({}),
      'ERR_INVALID_ARG_TYPE',
      /expected numExperiences to be a positive integer, got undefined$/,
    );
    throwsWithCode(() => make({ numExperiences: NaN }), 'ERR_INVALID_ARG_VALUE', /got NaN$/);
    throwsWithCode(
      () => make({ numExperiences: 1, nExperiences: 2 }),
      'ERR_UNKNOWN_OPTION',
      /"nExperiences"; expected among numExperiences/,
    );
    throwsWithCode(
      () => newInstancesBenchmark([train()] as never, train(), { numExperiences: 1 }),
      'ERR_INVALID_ARG_TYPE',
      /expected train to be a TensorDataset, got an array of 1$/,
    );
    throwsWithCode(
      () => newInstancesBenchmark(numbered([-1]), train(), { numExperiences: 1 }),
      'ERR_INVALID_ARG_VALUE',
      /got -1 at position 0$/,
    );
  });
});
