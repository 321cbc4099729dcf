import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { benchmarkFromDatasets, tensor, TensorDataset } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';

const dataset = (...labels: number[]) =>
  new TensorDataset(tensor(labels.map((label) => [label])), tensor(labels, { dtype: 'int64' }));
const benchmark = () =>
  benchmarkFromDatasets({ train: [dataset(3, 1, 3), dataset(2), dataset(0)], test: [dataset(1)], extra_1: [] });

describe('benchmarkFromDatasets', () => {
  it('makes one experience of each dataset, with its place, its classes in ascending order, and the task labels that it carries', () => {
    const { trainStream } = benchmark();
    assert.deepEqual(
      [...trainStream].map((e) => [e.currentExperience, e.classesInThisExperience, e.taskLabels, e.dataset.length]),
      [
        [0, [1, 3], [], 3],
        [1, [2], [], 1],
        [2, [0], [], 1],
      ],
    );
    assert.ok([...trainStream].every((experience) => experience.originStream === trainStream));
  });

  it('has streams by name, and names those that there are where one is missing', () => {
    assert.equal(benchmark().stream('extra_1').length, 0);
    assert.equal(benchmark().testStream.name, 'test');
    throwsWithCode(
      () => benchmark().stream('valid'),
      'ERR_INVALID_ARG_VALUE',
      /^Benchmark: expected a stream among train, test, extra_1, got "valid"$/,
    );
  });

  it('at() counts from the end where negative, slice() leaves the end out and keeps the indices', () => {
    const { trainStream } = benchmark();
    assert.equal(trainStream.at(-1)!.currentExperience, 2);
    assert.equal(trainStream.at(3), undefined);
    assert.deepEqual(
      trainStream.slice(1, 3).map((e) => e.currentExperience),
      [1, 2],
    );
    assert.deepEqual(
      trainStream.slice(-1).map((e) => e.currentExperience),
      [2],
    );
  });

  it('misuse: names and values', () => {
    throwsWithCode(
      () => benchmarkFromDatasets({ 'my-stream': [] }),
      'ERR_INVALID_ARG_VALUE',
      /^benchmarkFromDatasets: expected stream names of letters, digits and _, beginning with a letter, got "my-stream"$/,
    );
    throwsWithCode(
      () => benchmarkFromDatasets({ train: dataset(1) as never }),
      'ERR_INVALID_ARG_TYPE',
      /expected stream "train" to be an array of TensorDataset or IterableDataset, got a TensorDataset$/,
    );
    throwsWithCode(
      () => benchmarkFromDatasets({ train: [3 as never] }),
      'ERR_INVALID_ARG_TYPE',
      /expected stream "train"/,
    );
  });
});
