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
      [...trainStream.slice(1, 3)].map((e) => e.currentExperience),
      [1, 2],
    );
    assert.deepEqual(
      [...trainStream.slice(-1)].map((e) => e.currentExperience),
      [2],
    );
  });

  it('a slice is a stream: its experiences have it as origin, and know the classes of the whole stream', () => {
    const whole = benchmark();
    const slice = whole.trainStream.slice(1);
    assert.deepEqual([slice.name, slice.length, slice.benchmark], ['train', 2, whole]);
    assert.ok([...slice].every((experience) => experience.originStream === slice && experience.benchmark === whole));
    assert.deepEqual(slice.at(0)!.previousClasses, [1, 3]);
    assert.deepEqual(
      [...slice.slice(1, 2)].map((e) => [e.currentExperience, e.classesSeenSoFar]),
      [[2, [0, 1, 2, 3]]],
    );
    assert.equal(whole.trainStream.slice(5).length, 0);
  });

  it('tells the classes of an experience, of those before, of both, and of those after', () => {
    const { trainStream } = benchmarkFromDatasets({ train: [dataset(3, 1, 3), dataset(2, 1), dataset(0, 3)] });
    assert.deepEqual(
      [...trainStream].map((e) => [e.previousClasses, e.classesInThisExperience, e.classesSeenSoFar, e.futureClasses]),
      [
        [[], [1, 3], [1, 3], [0, 1, 2, 3]],
        [
          [1, 3],
          [1, 2],
          [1, 2, 3],
          [0, 3],
        ],
        [[1, 2, 3], [0, 3], [0, 1, 2, 3], []],
      ],
    );
  });

  it('has a property for each stream', () => {
    const { trainStream, extra_1Stream } = benchmark();
    assert.equal(trainStream.length, 3);
    assert.equal(extra_1Stream.name, 'extra_1');
  });

  it('starts the training stream with the training transform and the test stream with that of evaluation', () => {
    const data = dataset(1).withTransform({ normalize: { mean: 1, std: 1 } }, { normalize: { mean: 2, std: 1 } });
    const { streams } = benchmarkFromDatasets({ train: [data.eval()], test: [data], valid: [data.eval()] });
    assert.deepEqual(
      [...streams.values()].map((stream) => stream.at(0)!.dataset.transform),
      [1, 2, 2].map((mean) => ({ normalize: { mean, std: 1 } })),
    );
  });

  it('misuse: places that are no integers', () => {
    const { trainStream } = benchmarkFromDatasets({ train: [dataset(1), dataset(2)] });
    throwsWithCode(() => trainStream.at(0.5), 'ERR_INVALID_ARG_VALUE', /^Stream.at: expected index to be an integer, got 0.5$/);
    throwsWithCode(() => trainStream.at('0' as never), 'ERR_INVALID_ARG_TYPE', /got "0"$/);
    throwsWithCode(() => trainStream.slice(NaN), 'ERR_INVALID_ARG_VALUE', /^Stream.slice: expected start .*, got NaN$/);
    throwsWithCode(() => trainStream.slice(0, '1' as never), 'ERR_INVALID_ARG_TYPE', /expected end .*, got "1"$/);
    assert.equal(trainStream.slice(1).length, 1);
  });

  it('misuse: names and values', () => {
    throwsWithCode(
      () => benchmarkFromDatasets({ 'my-stream': [] }),
      'ERR_INVALID_ARG_VALUE',
      /^benchmarkFromDatasets: expected stream names of letters, digits and _, beginning with a letter, got "my-stream"$/,
    );
    throwsWithCode(() => benchmarkFromDatasets({ trän: [] }), 'ERR_INVALID_ARG_VALUE', /got "trän"$/);
    for (const wrong of [null, undefined, 3, [dataset(1)]]) {
      throwsWithCode(
        () => benchmarkFromDatasets(wrong as never),
        'ERR_INVALID_ARG_TYPE',
        /^benchmarkFromDatasets: expected an object \{ train, test \} with an array of TensorDataset or IterableDataset for each stream, got /,
      );
    }
    throwsWithCode(
      () => benchmarkFromDatasets({ train: dataset(1) as never }),
      'ERR_INVALID_ARG_TYPE',
      /expected stream "train" to be an array of TensorDataset or IterableDataset, got a TensorDataset$/,
    );
    throwsWithCode(
      // eslint-disable-next-line no-sparse-arrays -- what is tested
      () => benchmarkFromDatasets({ train: [, dataset(1)] as never }),
      'ERR_INVALID_ARG_TYPE',
      /expected stream "train"/,
    );
    throwsWithCode(
      () => benchmarkFromDatasets({ train: [3 as never] }),
      'ERR_INVALID_ARG_TYPE',
      /expected stream "train"/,
    );
  });
});
