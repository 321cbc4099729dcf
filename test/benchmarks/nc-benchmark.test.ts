import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import {
  type Benchmark,
  manualSeed,
  ncBenchmark,
  type NCBenchmarkOptions,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { numbered as dataset } from '../support/numbered';

const recorded = JSON.parse(readFileSync(fixturePath('orders.json'), 'utf8')) as {
  randperm: Record<string, number[]>;
  sets: [values: number[], order: number[]][];
};

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
      assert.deepEqual(trainStream.at(0)!.dataset.labels(), order, `set(${JSON.stringify(values)})`);
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

  it('renames classes by their place in the whole order or in their experience', () => {
    const benchmark = (options: object) =>
      ncBenchmark(digits(), digits(), { nExperiences: 2, fixedClassOrder: [7, 0, 4, 9], ...options });
    const labels = ({ testStream }: Benchmark) => [...testStream].map(({ dataset }) => dataset.labels());
    const plain = benchmark({});
    assert.deepEqual(labels(plain), [
      [0, 7],
      [9, 9, 9, 4],
    ]);
    assert.deepEqual(plain.classMapping, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const whole = benchmark({ classIdsFromZeroFromFirstExp: true });
    assert.deepEqual(labels(whole), [
      [1, 0],
      [3, 3, 3, 2],
    ]);
    assert.deepEqual(whole.classMapping, [1, -1, -1, -1, 2, -1, -1, 0, -1, 3]);
    assert.deepEqual(whole.trainStream.at(1)!.previousClasses, [0, 1]);
    const each = benchmark({ classIdsFromZeroInEachExp: true });
    assert.deepEqual(labels(each), [
      [1, 0],
      [1, 1, 1, 0],
    ]);
    assert.deepEqual(each.originalClassesInExp, [
      [0, 7],
      [9, 4],
    ]);
    assert.deepEqual([each.nClasses, each.nClassesPerExp, each.classesOrder], [4, [2, 2], [0, 1, 0, 1]]);
  });

  it('leaves out test samples of classes that the training data lacks', () => {
    const { testStream } = ncBenchmark(dataset([0, 1]), dataset([2, 1, 0]), { nExperiences: 1, shuffle: false });
    assert.deepEqual(testStream.at(0)!.dataset.labels(), [0, 1]);
  });

  it('misuse: numbers of classes', () => {
    const make = (options: object) => () => ncBenchmark(digits(), digits(), { nExperiences: 4, ...options });
    throwsWithCode(
      make({ perExpClasses: { 0: 5 } }),
      'ERR_INVALID_ARG_VALUE',
      /^ncBenchmark: expected perExpClasses to leave classes that divide evenly over the other 3 experiences, got 5 of 10 classes left$/,
    );
    throwsWithCode(make({ perExpClasses: { 0: 10 } }), 'ERR_INVALID_ARG_VALUE', /got 0 of 10 classes left$/);
    throwsWithCode(make({ perExpClasses: { 0: 11 } }), 'ERR_INVALID_ARG_VALUE', /got -1 of 10 classes left$/);
    throwsWithCode(
      make({ perExpClasses: { 0: 1, 1: 1, 2: 1, 3: 1 } }),
      'ERR_INVALID_ARG_VALUE',
      /over the other 0 experiences, got 6 of 10 classes left$/,
    );
    for (const key of ['4', '-1', '0.5', '01', 'first']) {
      throwsWithCode(
        make({ perExpClasses: { [key]: 1 } }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`expected the keys of perExpClasses to be indices of experiences, in \\[0, 4\\), got "${key}"$`),
      );
    }
    for (const count of [0, -1, 1.5, NaN]) {
      throwsWithCode(
        make({ perExpClasses: { 0: count } }),
        'ERR_INVALID_ARG_VALUE',
        /perExpClasses\.0 to be a positive integer/,
      );
    }
    throwsWithCode(make({ nExperiences: 1e15 }), 'ERR_INVALID_ARG_VALUE', /over 1000000000000000 experiences/);
    throwsWithCode(make({ fixedClassOrder: [] }), 'ERR_INVALID_ARG_VALUE', /got \[\]$/);
  });

  it('misuse: labels that are no classes', () => {
    const make = (data: TensorDataset) => () => ncBenchmark(digits(), data, { nExperiences: 1 });
    throwsWithCode(
      make(dataset([0, -3])),
      'ERR_INVALID_ARG_VALUE',
      /^ncBenchmark: expected the class labels of test to be integers in \[0, 16777216\), got -3 at position 1$/,
    );
    for (const wrong of [NaN, 0.5, Infinity, 2 ** 24]) {
      const data = new TensorDataset(tensor([[0], [1]]), tensor(new Float32Array([0, wrong])));
      throwsWithCode(make(data), 'ERR_INVALID_ARG_VALUE', new RegExp(`got ${wrong} at position 1$`));
    }
    const wide = new TensorDataset(tensor([[0], [1]]), tensor([[0], [1]], { dtype: 'int64' }));
    throwsWithCode(
      make(wide),
      'ERR_INVALID_ARG_VALUE',
      /one class label for each sample of test, got targets of shape \[2, 1\]$/,
    );
    const empty = () => ncBenchmark(dataset([]), dataset([]), { nExperiences: 1 });
    throwsWithCode(empty, 'ERR_INVALID_ARG_VALUE', /over 1 experiences, got \[\]$/);
  });

  it('misuse: options that exclude each other', () => {
    const lists = (options: object) => () => ncBenchmark([digits()], [digits()], { nExperiences: 1, ...options });
    throwsWithCode(
      lists({ classIdsFromZeroFromFirstExp: true, classIdsFromZeroInEachExp: true }),
      'ERR_INVALID_ARG_VALUE',
      /^ncBenchmark: expected classIdsFromZeroFromFirstExp or classIdsFromZeroInEachExp, got both$/,
    );
    throwsWithCode(
      lists({ oneDatasetPerExp: true, fixedClassOrder: [0] }),
      'ERR_INVALID_ARG_VALUE',
      /expected fixedClassOrder or oneDatasetPerExp, got both$/,
    );
    throwsWithCode(
      lists({ oneDatasetPerExp: true, perExpClasses: { 0: 1 } }),
      'ERR_INVALID_ARG_VALUE',
      /expected perExpClasses or oneDatasetPerExp, got both$/,
    );
    throwsWithCode(
      () => ncBenchmark(digits(), digits(), { oneDatasetPerExp: true }),
      'ERR_INVALID_ARG_VALUE',
      /expected several datasets with oneDatasetPerExp, got one$/,
    );
  });

  it('misuse: several datasets that do not belong together', () => {
    const options = { nExperiences: 1 };
    throwsWithCode(
      () => ncBenchmark([digits(), digits()], [digits()], options),
      'ERR_LENGTH_MISMATCH',
      /as many training as test datasets, and at least one, got 2 and 1$/,
    );
    throwsWithCode(() => ncBenchmark([], [], options), 'ERR_LENGTH_MISMATCH', /got 0 and 0$/);
    throwsWithCode(
      () => ncBenchmark([digits()], digits(), options),
      'ERR_INVALID_ARG_TYPE',
      /expected train and test to be two TensorDataset or two arrays of them, got a TensorDataset as test$/,
    );
    throwsWithCode(
      () => ncBenchmark([3 as never], [digits()], options),
      'ERR_INVALID_ARG_TYPE',
      /an array of 1 as train$/,
    );
    throwsWithCode(
      // eslint-disable-next-line no-sparse-arrays -- what is tested
      () => ncBenchmark([, digits()] as never, [digits(), digits()], options),
      'ERR_INVALID_ARG_TYPE',
      /an array of 2 as train$/,
    );
    throwsWithCode(
      () => ncBenchmark([dataset([0]), dataset([])], [dataset([0]), dataset([])], { oneDatasetPerExp: true }),
      'ERR_EMPTY_EXPERIENCE',
      /got none for experience 1$/,
    );
    throwsWithCode(
      () => ncBenchmark(3 as never, digits(), options),
      'ERR_INVALID_ARG_TYPE',
      /expected train to be a TensorDataset, got 3$/,
    );
    throwsWithCode(
      () => ncBenchmark([dataset([0]), dataset([1])], [dataset([0]), dataset([0])], options),
      'ERR_INVALID_ARG_VALUE',
      /expected test\[1\] to have no other classes than train\[1\], got 0$/,
    );
    const wide = new TensorDataset(tensor([[0, 0]]), tensor([0], { dtype: 'int64' }));
    const together = (other: TensorDataset) => () => ncBenchmark([dataset([0]), other], [dataset([0]), other], options);
    throwsWithCode(
      together(wide),
      'ERR_INVALID_ARG_VALUE',
      /expected datasets with the same transforms and samples float32 \[1\], got float32 \[2\]$/,
    );
    const permutation = tensor([0], { dtype: 'int64', shape: [1] });
    throwsWithCode(
      together(dataset([0]).withTransform({ permutation })),
      'ERR_INVALID_ARG_VALUE',
      /got another transform$/,
    );
  });

  it('misuse: reproducibility data of another kind, or of other data', () => {
    const data = ncBenchmark(digits(), digits(), { nExperiences: 5 }).getReproducibilityData();
    const make = (changes: object) => () =>
      ncBenchmark(digits(), digits(), { reproducibilityData: { ...data, ...changes } });
    throwsWithCode(
      make({ classesOrderOriginalIds: [0, 1, 10] }),
      'ERR_INVALID_ARG_VALUE',
      /expected reproducibilityData.classesOrderOriginalIds to hold classes of the data, each at most once, got \[0, 1, 10\]$/,
    );
    throwsWithCode(
      make({ nClassesPerExp: [5, 4] }),
      'ERR_INVALID_ARG_VALUE',
      /expected reproducibilityData.nClassesPerExp to add up to the number of classes, 10, got 9$/,
    );
    throwsWithCode(make({ nClassesPerExp: [10, 0] }), 'ERR_INVALID_ARG_VALUE', /nClassesPerExp\.1/);
    throwsWithCode(make({ hasTaskLabels: 'no' }), 'ERR_INVALID_ARG_TYPE', /hasTaskLabels .* got "no"$/);
    throwsWithCode(make({ seed: 1 }), 'ERR_UNKNOWN_OPTION', /^ncBenchmark: unknown option "reproducibilityData.seed"$/);
    throwsWithCode(
      () =>
        ncBenchmark([dataset([0]), dataset([0])], [dataset([0]), dataset([0])], {
          oneDatasetPerExp: true,
          reproducibilityData: { ...data, classesOrderOriginalIds: [0, 1], nClassesPerExp: [2] },
        }),
      'ERR_INVALID_ARG_VALUE',
      /expected the classes of each experience to come from one dataset with oneDatasetPerExp, got several in experience 0$/,
    );
  });

  it('misuse: options', () => {
    const make = (options: object) => () => ncBenchmark(digits(), digits(), options);
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
