import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { manualSeed, ncBenchmark, type NCBenchmarkOptions, tensor, TensorDataset } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';

const recorded = JSON.parse(readFileSync(fixturePath('orders.json'), 'utf8')) as {
  randperm: Record<string, number[]>;
  sets: [values: number[], order: number[]][];
};

/** One feature per sample: its position. */
function dataset(labels: number[]): TensorDataset {
  return new TensorDataset(
    tensor(labels.map((_, i) => [i])),
    tensor(labels, { dtype: 'int64', shape: [labels.length] }),
  );
}
const digits = () => dataset([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 0]);
const classOrder = (options: NCBenchmarkOptions) =>
  [...ncBenchmark(digits(), digits(), options).trainStream].flatMap(
    ({ classesInThisExperience }) => classesInThisExperience,
  );

describe('ncBenchmark', () => {
  for (const [seed, order] of Object.entries(recorded.randperm)) {
    it(`draws PyTorch's order of classes from seed ${seed}`, () => {
      assert.deepEqual(classOrder({ nExperiences: 10, seed: Number(seed) }), order);
    });
  }

  it('goes on with the generator as it is without a seed', () => {
    manualSeed(2);
    assert.deepEqual(classOrder({ nExperiences: 10 }), recorded.randperm['2']);
    assert.notDeepEqual(classOrder({ nExperiences: 10 }), recorded.randperm['2']);
  });

  it('takes the classes in ascending order without shuffle, and leaves the generator alone', () => {
    manualSeed(1);
    assert.deepEqual(classOrder({ nExperiences: 10, shuffle: false, seed: 0 }), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.deepEqual(classOrder({ nExperiences: 10 }), recorded.randperm['1']);
  });

  it('takes a fixed order, which may leave classes out', () => {
    assert.deepEqual(classOrder({ nExperiences: 3, fixedClassOrder: [7, 0, 4] }), [7, 0, 4]);
  });

  it('walks the classes of an experience in the order of a Python set', () => {
    for (const [values, order] of recorded.sets) {
      const data = dataset(values);
      const { trainStream } = ncBenchmark(data, data, { nExperiences: 1, fixedClassOrder: values });
      assert.deepEqual(trainStream.at(0)!.classesInThisExperience, order, `set(${JSON.stringify(values)})`);
      assert.deepEqual(trainStream.at(0)!.dataset.labels(), order);
    }
  });

  it('sorts {1, 8} to 8, 1 and {3, 9} to 9, 3', () => {
    assert.deepEqual(classOrder({ nExperiences: 2, fixedClassOrder: [1, 8, 3, 9] }), [8, 1, 9, 3]);
  });

  it('gives an experience the samples of its classes, class by class, each in the order of the data', () => {
    const { trainStream, testStream } = ncBenchmark(digits(), dataset([1, 5, 1]), {
      nExperiences: 5,
      fixedClassOrder: [9, 5, 0, 1, 2, 3, 4, 6, 7, 8],
    });
    const first = trainStream.at(0)!;
    assert.deepEqual(first.classesInThisExperience, [9, 5]);
    assert.deepEqual(first.dataset.labels(), [9, 9, 9, 5, 5, 5]);
    assert.deepEqual(first.dataset.indices!.toNumbers(), [5, 12, 14, 4, 8, 10]);
    assert.deepEqual(
      [...testStream].map((experience) => experience.dataset.labels()),
      [[5], [1, 1], [], [], []],
    );
    assert.deepEqual(
      [...testStream].map((e) => e.classesInThisExperience),
      [...trainStream].map((e) => e.classesInThisExperience),
    );
  });

  it('labels the tasks by experience where asked, and 0 otherwise', () => {
    const labels = (options: object) =>
      [...ncBenchmark(digits(), digits(), { nExperiences: 5, ...options }).testStream].map(
        ({ taskLabel }) => taskLabel,
      );
    assert.deepEqual(labels({ taskLabels: true }), [0, 1, 2, 3, 4]);
    assert.deepEqual(labels({}), [0, 0, 0, 0, 0]);
  });

  it('misuse: classes that do not divide evenly, are unknown, or stand twice', () => {
    const make = (options: NCBenchmarkOptions) => () => ncBenchmark(digits(), digits(), options);
    throwsWithCode(
      make({ nExperiences: 3, shuffle: false }),
      'ERR_INVALID_ARG_VALUE',
      /^ncBenchmark: expected distinct classes of the data that divide evenly over 3 experiences, got \[0, 1, 2, 3, 4, 5, 6, 7, 8, 9\]$/,
    );
    throwsWithCode(make({ nExperiences: 20 }), 'ERR_INVALID_ARG_VALUE', /over 20 experiences/);
    throwsWithCode(make({ nExperiences: 1, fixedClassOrder: [0, 10] }), 'ERR_INVALID_ARG_VALUE', /got \[0, 10\]$/);
    throwsWithCode(make({ nExperiences: 1, fixedClassOrder: [1, 2, 1] }), 'ERR_INVALID_ARG_VALUE', /got \[1, 2, 1\]$/);
  });

  it('misuse: options', () => {
    const make = (options: object) => () => ncBenchmark(digits(), digits(), options as NCBenchmarkOptions);
    throwsWithCode(
      make({}),
      'ERR_INVALID_ARG_TYPE',
      /^ncBenchmark: expected nExperiences to be a positive integer, got undefined$/,
    );
    throwsWithCode(make({ nExperiences: 0 }), 'ERR_INVALID_ARG_VALUE', /got 0$/);
    throwsWithCode(
      make({ nExperiences: 2, seed: -1 }),
      'ERR_INVALID_ARG_VALUE',
      /expected seed to be an integer in \[0, 2\^32\), got -1$/,
    );
    throwsWithCode(make({ nExperiences: 2, seed: 2 ** 32 }), 'ERR_INVALID_ARG_VALUE', /got 4294967296$/);
    throwsWithCode(
      make({ nExperiences: 2, fixedClassOrder: '01' }),
      'ERR_INVALID_ARG_TYPE',
      /expected fixedClassOrder to be an array of class labels, got "01"$/,
    );
    throwsWithCode(
      make({ nExperiences: 2, fixedClassOrder: [0.5] }),
      'ERR_INVALID_ARG_VALUE',
      /fixedClassOrder\.0 .*, got 0\.5$/,
    );
    throwsWithCode(
      make({ nExperiences: 2, classOrder: [1] }),
      'ERR_UNKNOWN_OPTION',
      /^ncBenchmark: unknown option "classOrder"; expected among nExperiences, /,
    );
  });
});
