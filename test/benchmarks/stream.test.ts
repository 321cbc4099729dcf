import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { benchmarkFromDatasets, DataLoader, IterableDataset, Naive, nn, optim, tensor, TensorDataset } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';

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

  it('takes lists of places, in their order, negative and repeated ones too', () => {
    const { trainStream } = benchmark();
    for (const picked of [trainStream.at([2, 0, -2, 2]), trainStream.slice([2, 0, -2, 2])]) {
      assert.deepEqual(
        [...picked].map((e) => e.currentExperience),
        [2, 0, 1, 2],
      );
      assert.ok([...picked].every((experience) => experience.originStream === picked));
      assert.deepEqual([picked.name, picked.benchmark === trainStream.benchmark], ['train', true]);
      assert.deepEqual(picked.at(0)!.previousClasses, [1, 2, 3]);
    }
    assert.equal(trainStream.at([]).length, 0);
  });

  it('has its experiences by index', () => {
    const { trainStream } = benchmark();
    assert.ok(trainStream[0] === trainStream.at(0) && trainStream[2] === trainStream.at(-1));
    assert.equal(trainStream[3], undefined);
    assert.equal(trainStream.slice(1)[0]!.currentExperience, 1);
    assert.throws(() => ((trainStream as unknown as unknown[])[0] = 1), TypeError);
    assert.deepEqual(Object.keys(trainStream).filter((key) => /^\d/.test(key)), []);
  });

  it('takes data in memory and from a source together', async () => {
    const source = new IterableDataset(() => [[[1], 1]], { classes: [1] });
    const { trainStream, testStream, mixedStream } = benchmarkFromDatasets({
      train: [source],
      test: [dataset(1)],
      mixed: [source, dataset(1)],
    });
    assert.equal(testStream[0]!.dataset.x.shape[0], 1); // its own type: a TensorDataset
    assert.equal(mixedStream.length, 2);
    const model = new nn.Linear(1, 2);
    const strategy = new Naive({ model, optimizer: new optim.SGD(model.parameters()), evaluator: quietEvaluator() });
    await strategy.train(trainStream);
    assert.equal(Object.keys(await strategy.eval(testStream)).length, 6);
  });

  it('is short where it is printed', () => {
    const whole = benchmarkFromDatasets({ train: [dataset(3, 1, 3), dataset(2).withTaskLabels(4)], test: [] });
    const source = new IterableDataset(() => []);
    for (const [value, text] of [
      [whole, 'Benchmark (train: 2 experiences, test: 0 experiences)'],
      [whole.trainStream, 'Stream train (2 experiences)'],
      [whole.trainStream[0], 'Experience 0 of train (3 samples, classes 1, 3)'],
      [whole.trainStream[1], 'Experience 1 of train (1 sample, task label 4, classes 2)'],
      [dataset(...Array(12).keys()), 'TensorDataset (12 samples, x float32 [1], y int64 [])'],
      [dataset(0, 1).withTaskLabels([1, 2]), 'TensorDataset (2 samples, x float32 [1], y int64 [], task labels 1, 2)'],
      [source, 'IterableDataset (unknown number of samples)'],
      [new DataLoader(dataset(1, 2, 3), { batchSize: 2, shuffle: true }), 'DataLoader (2 mini-batches, batchSize 2, shuffle)'],
    ]) {
      assert.equal(inspect(value), text);
    }
    const classes = benchmarkFromDatasets({ train: [dataset(...Array(12).keys())] }).trainStream[0];
    assert.match(inspect(classes), /classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\. \(12\)\)$/);
  });

  it('is the same line in JSON', () => {
    const whole = benchmarkFromDatasets({ train: [dataset(3, 1)], test: [] });
    assert.deepEqual(JSON.parse(JSON.stringify([whole, whole.trainStream, whole.trainStream[0]])), [
      'Benchmark (train: 1 experience, test: 0 experiences)',
      'Stream train (1 experience)',
      'Experience 0 of train (2 samples, classes 1, 3)',
    ]);
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
    throwsWithCode(() => trainStream.at(0.5), 'ERR_INVALID_ARG_VALUE', /^Stream.at: expected index to be an integer or an array of integers, got 0.5$/);
    throwsWithCode(() => trainStream.at('0' as never), 'ERR_INVALID_ARG_TYPE', /got "0"$/);
    throwsWithCode(() => trainStream.slice(NaN), 'ERR_INVALID_ARG_VALUE', /^Stream.slice: expected start .*, got NaN$/);
    throwsWithCode(() => trainStream.at(['0'] as never), 'ERR_INVALID_ARG_TYPE', /expected index .*, got an array of 1$/);
    for (const place of [2, -3]) {
      throwsWithCode(
        () => trainStream.at([0, place]),
        'ERR_INDEX_RANGE',
        new RegExp(`^Stream.at: expected places in the stream "train" of 2 experiences, got ${place}$`),
      );
    }
    throwsWithCode(() => trainStream.slice([5]), 'ERR_INDEX_RANGE', /^Stream.slice: .*, got 5$/);
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
