// What the reference's tests of `nc_benchmark` show (tests/benchmarks/scenarios/deprecated/test_nc_mt_scenario.py,
// test_nc_sit_scenario.py, test_scenarios_typechecks.py), of this library; the name of each there stands in brackets.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Experience, ncBenchmark, type NCBenchmarkOptions, Stream, TensorDataset, torch } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { classesOf, classified, firstBatch, sorted } from '../support/fast-benchmark';

const [train, test] = [classified(), classified({ perClass: 4, seed: 2 })];
const make = (options: NCBenchmarkOptions) => ncBenchmark(train, test, options);
const of = (data: TensorDataset, classes: number[], first = 0) => {
  const labels = data.labels();
  const positions = labels.flatMap((label, i) => (classes.includes(label) ? [i] : []));
  return new TensorDataset(data.x.indexSelect(0, torch.tensor(positions, { dtype: 'int64' })), positions.map((i) => labels[i]! - first)); // prettier-ignore
};
const places = (benchmark: { trainStream: Stream; testStream: Stream }) =>
  [...benchmark.trainStream, ...benchmark.testStream].map(({ dataset }) => dataset.indices!.toNumbers());
const low = [0, 1, 2];
const high = [3, 4, 5, 6, 7, 8, 9];
const half = [0, 1, 2, 3, 4];
const upperHalf = [5, 6, 7, 8, 9];

/** Both streams know their places, and give streams of picked ones. */
function assertSliceable({ trainStream, testStream }: { trainStream: Stream; testStream: Stream }): void {
  for (const [stream, name] of [[trainStream, 'train'], [testStream, 'test']] as const) { // prettier-ignore
    assert.deepEqual([...stream].map((each) => each.currentExperience), [0, 1, 2, 3, 4]); // prettier-ignore
    const picked = stream.at([3, 4, 1]);
    assert.ok(picked instanceof Stream && [...picked].every((each) => each instanceof Experience));
    assert.deepEqual([picked.length, picked.name], [3, name]);
    assert.deepEqual([...picked].map((each) => each.currentExperience), [3, 4, 1]); // prettier-ignore
  }
}

describe("the reference's tests: nc_benchmark with task labels", () => {
  it('two classes in each of five tasks, numbered from 0 in each (test_mt_single_dataset)', () => {
    const benchmark = make({ nExperiences: 5, taskLabels: true, shuffle: true, seed: 1234, classIdsFromZeroInEachExp: true });
    assert.deepEqual([benchmark.trainStream.length, benchmark.nClasses], [5, 10]);
    assert.deepEqual(classesOf(benchmark.trainStream), Array(5).fill([0, 1]));
    assert.deepEqual(sorted(benchmark.originalClassesInExp.flat()), [...Array(10).keys()]);
    assert.deepEqual([...benchmark.trainStream].map(({ taskLabel }) => taskLabel), [0, 1, 2, 3, 4]); // prettier-ignore
  });

  it('all ten labels without renaming (test_mt_single_dataset_without_class_id_remap)', () => {
    const { trainStream } = make({ nExperiences: 5, taskLabels: true, seed: 1234 });
    assert.ok(classesOf(trainStream).every(({ length }) => length === 2));
    assert.equal(sorted(classesOf(trainStream).flat()).length, 10);
  });

  it('a fixed order of classes (test_mt_single_dataset_fixed_order)', () => {
    const order = [2, 3, 5, 7, 8, 9, 0, 1, 4, 6];
    const { trainStream } = make({ nExperiences: 5, taskLabels: true, fixedClassOrder: order });
    assert.deepEqual(classesOf(trainStream).map(sorted), [[2, 3], [5, 7], [8, 9], [0, 1], [4, 6]]); // prettier-ignore
  });

  it('some classes in a fixed order, numbered from 0 in each (nc_mt: test_sit_single_dataset_fixed_order_subset)', () => {
    const fixedClassOrder = [2, 5, 7, 8, 9, 0, 1, 4];
    const benchmark = make({ nExperiences: 4, taskLabels: true, fixedClassOrder, classIdsFromZeroInEachExp: true });
    assert.deepEqual(classesOf(benchmark.trainStream), Array(4).fill([0, 1]));
    assert.deepEqual(benchmark.originalClassesInExp.map(sorted), [[2, 5], [7, 8], [0, 9], [1, 4]]); // prettier-ignore
  });

  it('some classes in a fixed order, as they are called (test_sit_single_dataset_fixed_subset_no_remap_idx)', () => {
    const fixedClassOrder = [2, 5, 7, 8, 9, 0, 1, 4];
    const benchmark = make({ nExperiences: 2, taskLabels: true, fixedClassOrder });
    assert.deepEqual(classesOf(benchmark.trainStream).map(sorted), [[2, 5, 7, 8], [0, 1, 4, 9]]); // prettier-ignore
    assert.deepEqual(benchmark.originalClassesInExp.map(sorted), [[2, 5, 7, 8], [0, 1, 4, 9]]); // prettier-ignore
  });

  it('the same samples again from reproducibility data (test_mt_single_dataset_reproducibility_data)', () => {
    const first = make({ nExperiences: 5, taskLabels: true, seed: 5678 });
    assert.deepEqual(places(make({ taskLabels: true, reproducibilityData: first.getReproducibilityData() })), places(first));
  });

  it('tasks of other sizes (test_mt_single_dataset_task_size)', () => {
    const benchmark = make({ nExperiences: 3, taskLabels: true, perExpClasses: { 0: 5, 2: 2 }, classIdsFromZeroInEachExp: true });
    assert.deepEqual(classesOf(benchmark.trainStream).map(({ length }) => length), [5, 3, 2]); // prettier-ignore
    assert.deepEqual([benchmark.nClasses, sorted(classesOf(benchmark.trainStream).flat()).length], [10, 5]);
  });

  it('one task for each dataset (test_mt_multi_dataset_one_task_per_set)', () => {
    const parts = (data: TensorDataset) => [of(data, low), of(data, high, 3)];
    const options = { nExperiences: 2, taskLabels: true, seed: 1234, classIdsFromZeroInEachExp: true, oneDatasetPerExp: true };
    const benchmark = ncBenchmark(parts(train), parts(test), options);
    assert.deepEqual([benchmark.nClasses, benchmark.trainStream.length, benchmark.testStream.length], [10, 2, 2]);
    const ofTrain = classesOf(benchmark.trainStream);
    assert.deepEqual(ofTrain.map(({ length }) => length).sort(), [3, 7]);
    assert.deepEqual(sorted(ofTrain.flat()), [0, 1, 2, 3, 4, 5, 6]);
    assert.deepEqual(classesOf(benchmark.testStream), ofTrain);
  });

  it('one dataset in a list is one task with all of its samples (test_nc_utils_corner_cases)', () => {
    const benchmark = ncBenchmark([train], [test], { taskLabels: true, seed: 1234, oneDatasetPerExp: true });
    assert.deepEqual([benchmark.trainStream.length, benchmark.testStream.length, benchmark.nClasses], [1, 1, 10]);
    for (const [stream, data] of [[benchmark.trainStream, train], [benchmark.testStream, test]] as const) { // prettier-ignore
      const labels = stream[0]!.dataset.labels();
      assert.deepEqual([labels.length, sorted(labels)], [data.length, [...Array(10).keys()]]);
      assert.deepEqual(labels.sort(), data.labels().sort());
    }
  });

  it('streams of picked places (test_nc_mt_slicing)', () => {
    assertSliceable(make({ nExperiences: 5, taskLabels: true, seed: 1234 }));
  });

  it('experiences of one class in both streams (test_nc_mt_type)', () => {
    const { streams } = make({ nExperiences: 5, taskLabels: true, classIdsFromZeroInEachExp: true });
    for (const stream of streams.values()) for (const each of stream) assert.ok(each instanceof Experience);
  });
});

describe("the reference's tests: nc_benchmark without task labels", () => {
  it('two classes in each of five experiences, all of task 0 (test_sit_single_dataset)', () => {
    const benchmark = make({ nExperiences: 5, seed: 1234 });
    assert.deepEqual([benchmark.trainStream.length, benchmark.nClasses], [5, 10]);
    assert.deepEqual(classesOf(benchmark.trainStream).map(({ length }) => length), [2, 2, 2, 2, 2]); // prettier-ignore
    assert.equal(sorted(classesOf(benchmark.trainStream).flat()).length, 10);
    assert.ok([...benchmark.trainStream].every(({ taskLabel }) => taskLabel === 0));
  });

  it('a fixed order of classes (test_sit_single_dataset_fixed_order)', () => {
    const { trainStream } = make({ nExperiences: 5, fixedClassOrder: [2, 3, 5, 7, 8, 9, 0, 1, 4, 6] });
    assert.deepEqual(classesOf(trainStream).map(sorted), [[2, 3], [5, 7], [8, 9], [0, 1], [4, 6]]); // prettier-ignore
  });

  const order = [2, 3, 5, 8, 9, 1, 4, 6];
  it('some classes in a fixed order (nc_sit: test_sit_single_dataset_fixed_order_subset)', () => {
    const { trainStream } = make({ nExperiences: 4, fixedClassOrder: order });
    assert.deepEqual(classesOf(trainStream).map(({ length }) => length), [2, 2, 2, 2]); // prettier-ignore
    assert.deepEqual(sorted(classesOf(trainStream).flat()), sorted(order));
  });

  it('labels numbered in order of appearance, those of the data too (test_sit_single_dataset_remap_indexes)', () => {
    const benchmark = make({ nExperiences: 4, fixedClassOrder: order, classIdsFromZeroFromFirstExp: true });
    assert.deepEqual(classesOf(benchmark.trainStream), [[0, 1], [2, 3], [4, 5], [6, 7]]); // prettier-ignore
    [...benchmark.trainStream].forEach(({ dataset }, i) => {
      assert.deepEqual(sorted(dataset.labels()), [2 * i, 2 * i + 1]);
      assert.deepEqual(sorted(benchmark.originalClassesInExp[i]!), sorted(order.slice(2 * i, 2 * i + 2)));
    });
  });

  it('labels numbered in each experience, and not both ways at once (test_sit_single_dataset_remap_indexes_each_exp)', () => {
    const options = { nExperiences: 4, fixedClassOrder: order, classIdsFromZeroInEachExp: true };
    throwsWithCode(() => make({ ...options, classIdsFromZeroFromFirstExp: true }), 'ERR_INVALID_ARG_VALUE', /got both/);
    const benchmark = make(options);
    [...benchmark.trainStream].forEach(({ dataset, classesInThisExperience }, i) => {
      assert.deepEqual([classesInThisExperience, sorted(dataset.labels())], [[0, 1], [0, 1]]); // prettier-ignore
      assert.deepEqual(sorted(benchmark.originalClassesInExp[i]!), sorted(order.slice(2 * i, 2 * i + 2)));
    });
  });

  it('the same samples again from reproducibility data (test_sit_single_dataset_reproducibility_data)', () => {
    const first = make({ nExperiences: 5, seed: 5678 });
    assert.deepEqual(places(make({ reproducibilityData: first.getReproducibilityData() })), places(first));
  });

  it('experiences of other sizes (test_sit_single_dataset_batch_size)', () => {
    const benchmark = make({ nExperiences: 3, perExpClasses: { 0: 5, 2: 2 } });
    assert.deepEqual(classesOf(benchmark.trainStream).map(({ length }) => length), [5, 3, 2]); // prettier-ignore
    assert.deepEqual([benchmark.nClasses, sorted(classesOf(benchmark.trainStream).flat()).length], [10, 10]);
  });

  it('one experience for each dataset, classes told apart (test_sit_multi_dataset_one_batch_per_set)', () => {
    const parts = (data: TensorDataset) => [of(data, low), of(data, high, 3)];
    const benchmark = ncBenchmark(parts(train), parts(test), { nExperiences: 2, seed: 1234, oneDatasetPerExp: true });
    assert.equal(benchmark.nClasses, 10);
    const classes = classesOf(benchmark.trainStream).map(sorted).sort((a, b) => a.length - b.length); // prettier-ignore
    assert.deepEqual(classes, [low, high]);
  });

  it('two datasets taken together, classes told apart (test_sit_multi_dataset_merge)', () => {
    const parts = (data: TensorDataset) => [of(data, half), of(data, upperHalf, 5)];
    const benchmark = ncBenchmark(parts(train), parts(test), { nExperiences: 5, seed: 1234 });
    assert.deepEqual([benchmark.trainStream.length, benchmark.nClasses], [5, 10]);
    assert.ok(classesOf(benchmark.trainStream).every(({ length }) => length === 2));
    assert.equal(sorted(classesOf(benchmark.trainStream).flat()).length, 10);
  });

  it('streams of picked places (test_nc_sit_slicing)', () => {
    assertSliceable(make({ nExperiences: 5, seed: 1234 }));
  });

  it("applies the dataset's own transform (test_nc_benchmark_transformations_basic)", async () => {
    const bytes = new TensorDataset(new Uint8Array(20).fill(255), [...Array(10).keys()], { transform: { toFloat: true } });
    const { trainStream } = ncBenchmark(bytes, bytes, { nExperiences: 10, seed: 1234 });
    const [x] = await firstBatch(trainStream[0]!.dataset);
    assert.deepEqual([x.dtype, x.toNumbers()], ['float32', [1, 1]]);
  });

  it('training and evaluation have transforms of their own in both streams (test_nc_benchmark_transformations_advanced)', async () => {
    const bytes = new TensorDataset(new Uint8Array(20).fill(255), [...Array(10).keys()]);
    const options = { nExperiences: 10, seed: 1234, trainTransform: { toFloat: true }, evalTransform: null };
    const { trainStream, testStream } = ncBenchmark(bytes, bytes, options);
    const [ofTrain, ofTest] = [trainStream[0]!.dataset, testStream[0]!.dataset];
    const dtypes = await Promise.all([ofTrain, ofTrain.eval(), ofTest, ofTest.train()].map(async (data) => (await firstBatch(data))[0].dtype));
    assert.deepEqual(dtypes, ['float32', 'uint8', 'uint8', 'float32']);
  });

  it('tells the classes of a range of experiences, in their order (test_nc_benchmark_classes_in_exp_range)', () => {
    const hundred = classified({ perClass: 1, classes: 100 });
    const range = (order: number[] | null, from: number, to?: number) => {
      const { trainStream } = ncBenchmark(hundred, hundred, { nExperiences: 5, shuffle: false, fixedClassOrder: order });
      return classesOf(trainStream.slice(from, to)).flat();
    };
    assert.deepEqual(sorted(range(null, 0)), [...Array(100).keys()]);
    assert.deepEqual(sorted(range(null, 1, 4)), Array.from({ length: 60 }, (_, i) => i + 20));
    const order = Array.from({ length: 100 }, (_, i) => (i * 37) % 100);
    for (let i = 0; i < 5; i++) assert.deepEqual(sorted(range(order, i, i + 1)), sorted(order.slice(20 * i, 20 * i + 20)));
  });

  it('experiences of one class in both streams (test_nc_sit_type)', () => {
    for (const stream of make({ nExperiences: 5 }).streams.values()) {
      for (const each of stream) assert.ok(each instanceof Experience);
    }
  });
});
