import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { niBenchmark, tensor, TensorDataset } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { numbered } from '../support/numbered';

const train = () => numbered([0, 1, 0, 1, 0, 1, 2, 2]);
const test = () => numbered([2, 0, 1]);
const make = (options: object) => niBenchmark(train(), test(), options);

describe('niBenchmark', () => {
  it('splits the samples in order without shuffle, the rest to the first; tests on all of the test data', () => {
    const { trainStream, testStream } = make({ nExperiences: 3, shuffle: false, taskLabels: true });
    assert.deepEqual(
      [...trainStream].map(({ dataset, taskLabel }) => [dataset.indices!.toNumbers(), taskLabel]),
      [
        [[0, 1, 6], 0],
        [[2, 3, 7], 1],
        [[4, 5], 2],
      ],
    );
    assert.deepEqual(
      [...testStream].map(({ dataset, taskLabel }) => [dataset.labels(), taskLabel]),
      [[[2, 0, 1], 0]],
    );
  });

  it('gives every experience a minimum of each class, then its share of the rest', () => {
    const { trainStream } = make({ nExperiences: 2, shuffle: false, minClassPatternsInExp: 1 });
    // One of each of the classes 0, 1, 2; then 4, 5 are left.
    assert.deepEqual(
      [...trainStream].map(({ dataset }) => dataset.indices!.toNumbers()),
      [
        [0, 1, 6, 4],
        [2, 3, 7, 5],
      ],
    );
  });

  it('knows the classes of later experiences, those that were seen before among them', () => {
    const { trainStream } = make({ fixedExpAssignment: [[0, 1], [2, 6], [3]] });
    assert.deepEqual(
      [...trainStream].map((e) => [e.classesInThisExperience, e.futureClasses]),
      [
        [
          [0, 1],
          [0, 1, 2],
        ],
        [[0, 2], [1]],
        [[1], []],
      ],
    );
  });

  it('misuse: too few samples', () => {
    throwsWithCode(
      () => make({ nExperiences: 9 }),
      'ERR_INVALID_ARG_VALUE',
      /^niBenchmark: expected nExperiences to be at most the number of samples, 8, got 9$/,
    );
    for (const balanceExperiences of [true, false]) {
      throwsWithCode(
        () => make({ nExperiences: 2, minClassPatternsInExp: 2, balanceExperiences }),
        'ERR_INVALID_ARG_VALUE',
        /expected every class to have minClassPatternsInExp = 2 samples for each of 2 experiences, got 2 of one$/,
      );
    }
    throwsWithCode(
      () => make({ nExperiences: 5, balanceExperiences: true, shuffle: false }),
      'ERR_EMPTY_EXPERIENCE',
      /^niBenchmark: expected samples for every experience, got none for experience 3$/,
    );
  });

  it('misuse: assignments', () => {
    throwsWithCode(() => make({ fixedExpAssignment: [[0], [8]] }), 'ERR_INDEX_RANGE', /positions in \[0, 8\), got 8$/);
    throwsWithCode(() => make({ fixedExpAssignment: [[0], []] }), 'ERR_EMPTY_EXPERIENCE', /none for experience 1$/);
    throwsWithCode(
      () => make({ fixedExpAssignment: [] }),
      'ERR_INVALID_ARG_VALUE',
      /positions for one or more experiences, got 0$/,
    );
    throwsWithCode(
      () => make({ nExperiences: 3, fixedExpAssignment: [[0], [1]] }),
      'ERR_INVALID_ARG_VALUE',
      /^niBenchmark: expected positions for 3 experiences, got 2$/,
    );
    for (const wrong of [[[-1]], [[0.5]], [[NaN]]]) {
      throwsWithCode(() => make({ fixedExpAssignment: wrong }), 'ERR_INVALID_ARG_VALUE', /fixedExpAssignment\.0\.0/);
    }
    throwsWithCode(
      () => make({ fixedExpAssignment: [0] }),
      'ERR_INVALID_ARG_TYPE',
      /an array of positions of samples, got 0$/,
    );
    throwsWithCode(
      () => make({ reproducibilityData: { expsPatternsAssignment: [[0]] } }),
      'ERR_INVALID_ARG_TYPE',
      /reproducibilityData.hasTaskLabels .* got undefined$/,
    );
  });

  it('misuse: options and data', () => {
    throwsWithCode(
      () => make({}),
      'ERR_INVALID_ARG_TYPE',
      /expected nExperiences to be a positive integer, got undefined$/,
    );
    throwsWithCode(() => make({ nExperiences: 0 }), 'ERR_INVALID_ARG_VALUE', /got 0$/);
    throwsWithCode(() => make({ nExperiences: 1, minClassPatternsInExp: -1 }), 'ERR_INVALID_ARG_VALUE', /got -1$/);
    throwsWithCode(() => make({ nExperiences: 1, perExpClasses: {} }), 'ERR_UNKNOWN_OPTION', /"perExpClasses"/);
    const wrong = new TensorDataset(tensor([[0]]), tensor(new Float32Array([NaN])));
    throwsWithCode(
      () => niBenchmark(wrong, test(), { nExperiences: 1 }),
      'ERR_INVALID_ARG_VALUE',
      /expected the class labels of train to be integers .*, got NaN at position 0$/,
    );
    throwsWithCode(
      () => niBenchmark(train(), {} as never, { nExperiences: 1 }),
      'ERR_INVALID_ARG_TYPE',
      /got an object$/,
    );
  });
});
