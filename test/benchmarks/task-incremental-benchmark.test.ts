import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  IterableDataset,
  ncBenchmark,
  taskIncrementalBenchmark,
  withTaskLabels,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { numbered } from '../support/numbered';

const plain = () =>
  benchmarkFromDatasets({
    train: [numbered([0, 1]), numbered([2])],
    test: [numbered([0]), numbered([2]), numbered([3])],
  });

describe('taskIncrementalBenchmark', () => {
  it('labels the tasks of every stream by place', () => {
    const { trainStream, testStream } = taskIncrementalBenchmark(plain());
    assert.deepEqual(
      [...trainStream, ...testStream].map((e) => e.taskLabel),
      [0, 1, 0, 1, 2],
    );
    assert.deepEqual(trainStream.at(1)!.dataset.taskLabelOfEachSample(), [1]);
    assert.deepEqual(trainStream.at(1)!.classesSeenSoFar, [0, 1, 2]);
  });

  it('replaces task labels only where asked', () => {
    const benchmark = ncBenchmark(numbered([0, 1]), numbered([0, 1]), { nExperiences: 2, shuffle: false });
    throwsWithCode(
      () => taskIncrementalBenchmark(benchmark),
      'ERR_INVALID_ARG_VALUE',
      /expected data without task labels, or resetTaskLabels, got task label 0 in experience 0 of stream "train"$/,
    );
    const { testStream } = taskIncrementalBenchmark(benchmark, { resetTaskLabels: true });
    assert.deepEqual(
      [...testStream].map((e) => e.taskLabels),
      [[0], [1]],
    );
    assert.deepEqual(benchmark.testStream.at(1)!.taskLabels, [0]);
  });

  it('labels samples that come from a source', () => {
    const source = () => new IterableDataset(() => []);
    const { trainStream } = taskIncrementalBenchmark(benchmarkFromDatasets({ train: [source(), source()] }));
    assert.deepEqual(
      [...trainStream].map((e) => e.taskLabel),
      [0, 1],
    );
  });

  it('misuse', () => {
    throwsWithCode(
      () => taskIncrementalBenchmark([] as never),
      'ERR_INVALID_ARG_TYPE',
      /benchmark to be a Benchmark, got an array of 0$/,
    );
    throwsWithCode(() => taskIncrementalBenchmark(plain(), { reset: true } as never), 'ERR_UNKNOWN_OPTION', /"reset"/);
  });
});

describe('withTaskLabels', () => {
  it('returns what it got where all data carries task labels', () => {
    const benchmark = taskIncrementalBenchmark(plain());
    for (const source of [benchmark, benchmark.testStream, benchmark.trainStream.at(1)!]) {
      assert.equal(withTaskLabels(source), source);
    }
  });

  it('refuses data without', () => {
    const { trainStream } = benchmarkFromDatasets({ train: [numbered([0]).withTaskLabels(3), numbered([0])] });
    assert.equal(withTaskLabels(trainStream.at(0)!).taskLabel, 3);
    for (const source of [trainStream, trainStream.benchmark, trainStream.at(1)!]) {
      throwsWithCode(
        () => withTaskLabels(source),
        'ERR_INVALID_ARG_VALUE',
        /^withTaskLabels: expected data with task labels, got none in experience 1 of stream "train"$/,
      );
    }
    throwsWithCode(() => withTaskLabels(null as never), 'ERR_INVALID_ARG_TYPE', /a Stream or an Experience, got null$/);
  });
});
