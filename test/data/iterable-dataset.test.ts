// Samples that come one after the other: the same training as from memory, and sources that fail.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  benchmarkFromDatasets,
  DataLoader,
  type Dataset,
  IterableDataset,
  MAS,
  manualSeed,
  optim,
  ops,
  type Sample,
  type Tensor,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { collect } from '../support/collect';
import { quietEvaluator } from '../support/evaluators';
import { numbersOf, smallBenchmark, smallDataset, smallModel } from '../support/small-runs';

const inMemory = [smallDataset(13, [0, 1], 0), smallDataset(13, [2, 3], 1)];

/** The samples of a dataset in memory, one by one, as typed arrays. */
function streamed(index: number, options = {}): IterableDataset {
  const { x, y } = inMemory[index]!;
  const values = x.toTypedArray() as Float32Array;
  const labels = y.toNumbers();
  return new IterableDataset(
    async function* () {
      for (const [i, label] of labels.entries()) {
        if (i % 4 === 0) await nextTurn();
        yield [values.slice(4 * i, 4 * i + 4), label];
      }
    },
    { taskLabel: 0, ...options },
  );
}

function makeStrategy(model = smallModel()) {
  return new MAS({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    trainMbSize: 5,
    evalMbSize: 4,
    trainEpochs: 2,
    evaluator: quietEvaluator(),
  });
}

describe('IterableDataset', () => {
  it('trains, measures importances and evaluates as the same data in memory', async () => {
    const run = async (datasets: Dataset[]) => {
      manualSeed(3);
      const strategy = makeStrategy();
      const { trainStream } = benchmarkFromDatasets({ train: datasets });
      await strategy.train(trainStream, { shuffle: false });
      return [await strategy.eval(trainStream), numbersOf(strategy.model.namedParameters())];
    };
    assert.deepEqual(await run([streamed(0), streamed(1)]), await run(inMemory));
  });

  it('opens the source anew for every pass', async () => {
    let opened = 0;
    const dataset = new IterableDataset(function* (): Generator<Sample> {
      opened++;
      yield* [
        [[1, 2, 3, 4], 0],
        [[4, 3, 2, 1], 1],
      ] as Sample[];
    });
    await makeStrategy().train(benchmarkFromDatasets({ train: [dataset] }).trainStream);
    assert.equal(opened, 3); // two epochs and MAS's pass
  });

  it('stacks tensors, arrays and numbers, and takes task labels of samples', async () => {
    const dataset = new IterableDataset(() => [
      [ops.aten.ones!([2]) as Tensor, 3, 8],
      [ops.aten.zeros!([2]) as Tensor, 4],
    ]);
    const [batch] = await collect(new DataLoader(dataset.withTaskLabels(5), { batchSize: 2 }));
    const [x, y, taskId] = batch!;
    assert.deepEqual(
      [x.toNumbers(), y.toNumbers(), y.dtype, taskId.toNumbers()],
      [[1, 1, 0, 0], [3, 4], 'int64', [8, 5]],
    );
  });

  it('applies transforms to mini-batches, another one in evaluation', async () => {
    const times = (factor: number) => (x: Tensor) => ops.aten.mul!(x, factor) as Tensor;
    const dataset = new IterableDataset(() => [[[1], 0]], { transform: times(2), evalTransform: times(3) });
    const first = async (data: IterableDataset) => (await collect(new DataLoader(data)))[0]![0].toNumbers();
    assert.deepEqual([await first(dataset), await first(dataset.eval())], [[2], [3]]);
  });

  it('ends training with ERR_DATA_SOURCE where the source throws in mid-epoch; the strategy can be used again', async () => {
    const cause = new Error('connection lost');
    let isClosed = false;
    const broken = new IterableDataset(async function* (): AsyncGenerator<Sample> {
      try {
        for (let i = 0; ; i++) {
          if (i === 7) throw cause;
          await nextTurn();
          yield [[i, 1, 2, 3], 0];
        }
      } finally {
        isClosed = true;
      }
    });
    const strategy = makeStrategy();
    const initial = numbersOf(strategy.model.namedParameters());
    const error = await rejectsWithCode(
      strategy.train(benchmarkFromDatasets({ train: [broken] }).trainStream),
      'ERR_DATA_SOURCE',
      /^IterableDataset: the source failed after 7 samples: connection lost$/,
    );
    assert.equal(error.cause, cause);
    assert.ok(isClosed);
    assert.equal(strategy.clock.trainIterations, 1); // five samples were trained on before
    assert.notDeepEqual(numbersOf(strategy.model.namedParameters()), initial);
    await strategy.train(smallBenchmark().trainStream);
    assert.equal(strategy.clock.trainIterations, 1 + 2 * 2 * 2);
  });

  it('closes the source where training is stopped', async () => {
    let isClosed = false;
    const endless = new IterableDataset(async function* (): AsyncGenerator<Sample> {
      try {
        for (;;) yield [[1, 2, 3, 4], 0];
      } finally {
        isClosed = true;
      }
    });
    const model = smallModel();
    const strategy = makeStrategy(model);
    strategy.plugins.pop(); // the clock
    strategy.plugins.length = 0;
    strategy.plugins.push({ afterTrainingIteration: (s) => s.stopTraining() });
    await strategy.train(benchmarkFromDatasets({ train: [endless] }).trainStream);
    assert.ok(isClosed);
  });

  it('misuse: a source that gives nothing, no samples, samples of different shapes', async () => {
    const train = (source: () => Iterable<unknown>) =>
      makeStrategy().train(benchmarkFromDatasets({ train: [new IterableDataset(source as never)] }).trainStream);
    await rejectsWithCode(train(() => []), 'ERR_DATA_SOURCE', /expected samples from the source, got none$/);
    await rejectsWithCode(train(() => [3]), 'ERR_DATA_SOURCE', /expected samples \[x, y\].*got 3 at index 0$/);
    await rejectsWithCode(train(() => 5 as never), 'ERR_DATA_SOURCE', /the source failed after 0 samples/);
    await rejectsWithCode(
      train(() => [
        [[1, 2], 0],
        [[1, 2, 3], 0],
      ]),
      'ERR_SHAPE',
      /every x to be float32 \[2\], got float32 \[3\]$/,
    );
    await rejectsWithCode(train(() => [[{}, 0]]), 'ERR_INVALID_ARG_TYPE', /^IterableDataset: expected x to be /);
  });

  it('misuse: shuffling, an iterable in place of a function, options of another kind', async () => {
    const { trainStream } = benchmarkFromDatasets({ train: [streamed(0)] });
    await rejectsWithCode(makeStrategy().train(trainStream, { shuffle: true }), 'ERR_INVALID_ARG_VALUE', /shuffle/);
    throwsWithCode(() => new IterableDataset([] as never), 'ERR_INVALID_ARG_TYPE', /a function that opens the source/);
    throwsWithCode(() => streamed(0, { classes: ['a'] }), 'ERR_INVALID_ARG_TYPE', /classes/);
    throwsWithCode(() => streamed(0, { length: -1 }), 'ERR_INVALID_ARG_VALUE', /length/);
    throwsWithCode(() => streamed(0).withTaskLabels([1] as never), 'ERR_INVALID_ARG_TYPE', /taskLabels/);
  });

  it('is refused at once where it says that it is empty', async () => {
    const { trainStream } = benchmarkFromDatasets({ train: [streamed(0, { length: 0 })] });
    await rejectsWithCode(makeStrategy().train(trainStream), 'ERR_EMPTY_EXPERIENCE', /experience 0 of stream "train"/);
  });
});
