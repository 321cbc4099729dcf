// What the reference's tests of `ni_benchmark` and `new_instances_benchmark` show
// (tests/benchmarks/scenarios/deprecated/test_ni_sit_scenario.py, test_scenarios_typechecks.py, ../test_supervised_scenario.py).
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type Benchmark, Experience, newInstancesBenchmark, niBenchmark, Stream, TensorDataset } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { classesOf, classified, sorted } from '../support/fast-benchmark';

const [train, test] = [classified({ perClass: 11 }), classified({ perClass: 4, seed: 2 })];
const countOf = (labels: number[], label: number) => labels.filter((each) => each === label).length;

/** Five experiences of about a fifth of each class, and one to test with. */
function assertSpread({ trainStream, testStream }: Benchmark): void {
  assert.deepEqual(classesOf(trainStream).map(({ length }) => length), Array(5).fill(10)); // prettier-ignore
  const least = sorted(train.labels()).reduce((sum, label) => sum + Math.floor(countOf(train.labels(), label) / 5), 0);
  const sizes = [...trainStream].map(({ dataset }) => dataset.length);
  assert.ok(sizes.every((size) => size >= least && size <= least + 10), sizes.join());
  assert.equal(sizes.reduce((a, b) => a + b), train.length);
  assert.deepEqual([...trainStream].map((each) => each.currentExperience), [0, 1, 2, 3, 4]); // prettier-ignore
  assert.deepEqual([...testStream].map(({ currentExperience, dataset }) => [currentExperience, dataset.length]), [[0, test.length]]); // prettier-ignore
}

describe("the reference's tests: ni_benchmark", () => {
  it('all classes in each of five balanced experiences, all of task 0 (test_ni_sit_single_dataset)', () => {
    const benchmark = niBenchmark(train, test, { nExperiences: 5, shuffle: true, seed: 1234, balanceExperiences: true });
    assertSpread(benchmark);
    for (const stream of benchmark.streams.values()) for (const { taskLabel } of stream) assert.equal(taskLabel, 0);
  });

  it('a fixed assignment, whatever the seed (test_ni_sit_single_dataset_fixed_assignment)', () => {
    const first = niBenchmark(train, test, { nExperiences: 5, seed: 1234 });
    const fixedExpAssignment = first.trainExpsPatternsAssignment;
    const again = niBenchmark(train, test, { nExperiences: 5, seed: 4321, fixedExpAssignment });
    assert.deepEqual(again.trainExpsPatternsAssignment, first.trainExpsPatternsAssignment);
    assert.deepEqual(classesOf(again.trainStream), classesOf(first.trainStream));
  });

  it('the same samples again from reproducibility data (test_ni_sit_single_dataset_reproducibility_data)', () => {
    const first = niBenchmark(train, test, { nExperiences: 5, seed: 1234 });
    const again = niBenchmark(train, test, { reproducibilityData: first.getReproducibilityData() });
    assert.deepEqual(again.trainExpsPatternsAssignment, first.trainExpsPatternsAssignment);
    assert.equal(again.trainStream.length, 5);
  });

  it('two datasets taken together, classes told apart (test_ni_sit_multi_dataset_merge)', () => {
    const part = (data: TensorDataset, first: number) => {
      const positions = data.labels().flatMap((label, i) => (label >= first && label < first + 5 ? [i] : []));
      return new TensorDataset(positions.map((i) => [i]), positions.map((i) => data.labels()[i]! - first)); // prettier-ignore
    };
    const parts = (data: TensorDataset) => [part(data, 0), part(data, 5)];
    const { trainStream } = niBenchmark(parts(train), parts(test), { nExperiences: 5, seed: 1234, balanceExperiences: true });
    assert.deepEqual(classesOf(trainStream).map(sorted), Array(5).fill([...Array(10).keys()]));
  });

  it('streams of picked places; the one experience of the test three times (test_ni_sit_slicing)', () => {
    const { trainStream, testStream } = niBenchmark(train, test, { nExperiences: 5, seed: 1234 });
    assert.deepEqual([...trainStream.at([3, 4, 1])].map((each) => each.currentExperience), [3, 4, 1]); // prettier-ignore
    assert.ok(trainStream.at([3, 4, 1]) instanceof Stream && trainStream.at([3]).name === 'train');
    assert.equal(testStream.length, 1);
    throwsWithCode(() => testStream.at([3, 4, 1]), 'ERR_INDEX_RANGE', /got 3$/);
    const picked = testStream.at([0, 0, 0]);
    assert.deepEqual([picked.name, [...picked].map((each) => each.currentExperience)], ['test', [0, 0, 0]]);
  });

  it('experiences of one class in both streams (test_ni_sit_type)', () => {
    for (const stream of niBenchmark(train, test, { nExperiences: 5 }).streams.values()) {
      for (const each of stream) assert.ok(each instanceof Experience);
    }
  });
});

describe("the reference's tests: new_instances_benchmark", () => {
  it('balanced: every class spread evenly (test_ni_balanced)', () => {
    const benchmark = newInstancesBenchmark(train, test, { numExperiences: 5, shuffle: true, seed: 1234, balanceExperiences: true });
    assertSpread(benchmark);
    for (const { dataset } of benchmark.trainStream) {
      for (const label of sorted(train.labels())) {
        assert.ok(countOf(dataset.labels(), label) >= Math.floor(countOf(train.labels(), label) / 5));
      }
    }
  });

  it('not balanced (test_ni_unbalanced)', () => {
    assertSpread(newInstancesBenchmark(train, test, { numExperiences: 5, shuffle: true, seed: 1234 }));
  });
});
