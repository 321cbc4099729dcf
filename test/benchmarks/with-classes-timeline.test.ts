import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { benchmarkFromDatasets, ncBenchmark, withClassesTimeline } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { numbered } from '../support/numbered';

describe('withClassesTimeline', () => {
  it('makes a stream of a slice: numbered from 0, without a past', () => {
    const { trainStream } = benchmarkFromDatasets({ train: [numbered([0]), numbered([1]), numbered([2])] });
    const stream = withClassesTimeline(trainStream.slice(1));
    assert.deepEqual(
      [...stream].map((e) => [e.currentExperience, e.previousClasses, e.futureClasses]),
      [
        [0, [], [2]],
        [1, [1], []],
      ],
    );
    assert.ok([...stream].every((e) => e.originStream === stream && e.dataset.length === 1));
  });

  it('looks at the data of every stream of a benchmark', () => {
    const benchmark = ncBenchmark(numbered([0, 1]), numbered([1]), { nExperiences: 2, shuffle: false });
    assert.deepEqual(benchmark.testStream.at(0)!.classesInThisExperience, [0]);
    const { trainStream, testStream } = withClassesTimeline(benchmark);
    assert.deepEqual(testStream.at(0)!.classesInThisExperience, []);
    assert.deepEqual(trainStream.at(1)!.classesSeenSoFar, [0, 1]);
  });

  it('misuse', () => {
    const { trainStream } = benchmarkFromDatasets({ train: [numbered([0])] });
    throwsWithCode(() => withClassesTimeline(trainStream.at(0) as never), 'ERR_INVALID_ARG_TYPE', /got a Experience$/);
  });
});
