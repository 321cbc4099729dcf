// Mini-batches in PyTorch's order: recorded shuffles and balanced mini-batches, and what a loader refuses.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { readFileSync } from 'node:fs';
import {
  DataLoader,
  type DataLoaderOptions,
  type Dataset,
  Generator,
  IterableDataset,
  manualSeed,
  type MiniBatch,
  ops,
  TaskBalancedDataLoader,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { collect } from '../support/collect';
import { fixturePath } from '../support/fixtures';
import { nextDraw, recordedRandom } from '../support/recorded-random';

interface Case {
  seed: number;
  samples?: number;
  taskLabels?: number[];
  batchSize: number;
  shuffle?: boolean;
  dropLast: boolean;
  oversample?: boolean;
  epochs: number[][][];
  rng: number;
}

const recorded = (name: string) => JSON.parse(readFileSync(fixturePath('runs', name), 'utf8')) as Case[];

/** Sample i is the number i. */
function countingDataset(samples: number, taskLabels: number[] | null = null): TensorDataset {
  const numbers = Array.from({ length: samples }, (_, i) => i);
  return new TensorDataset(
    numbers.map((i) => [i]),
    numbers,
    { taskLabels },
  );
}

/** The samples of each mini-batch. */
async function samplesOf(loader: DataLoader, stopAfter: number | null = null): Promise<number[][]> {
  const batches: MiniBatch[] = [];
  for await (const batch of loader) {
    batches.push(batch);
    if (batches.length === stopAfter) break;
  }
  return batches.map(([x, y, taskId]) => {
    assert.deepEqual(y.toNumbers(), x.toNumbers());
    assert.equal(taskId.shape[0], x.shape[0]);
    return x.toNumbers();
  });
}

describe('DataLoader', () => {
  for (const { seed, samples, batchSize, dropLast, epochs, rng } of recorded('shuffles.json')) {
    it(`shuffles as recorded: ${samples} samples in ${batchSize}s, seed ${seed}, dropLast ${dropLast}`, async () => {
      const loader = new DataLoader(countingDataset(samples!), { batchSize, dropLast, shuffle: true });
      manualSeed(seed);
      assert.deepEqual([await samplesOf(loader), await samplesOf(loader)], epochs);
      assert.equal(loader.length, epochs[0]!.length);
      assert.equal(nextDraw(), rng);
    });
  }

  for (const { seed, samples, batchSize, dropLast, shuffle, stopAfter, epochs, rng } of recordedRandom.loaders) {
    const until = stopAfter === null ? '' : `, broken off after ${stopAfter} mini-batches`;
    it(`draws from a generator as recorded: ${samples} in ${batchSize}s, dropLast ${dropLast}, shuffle ${shuffle}${until}`, async () => {
      const generator = new Generator({ device: 'cpu' }).manualSeed(seed);
      const loader = new DataLoader(countingDataset(samples), { batchSize, dropLast, shuffle, generator });
      const before = torch.getRngState();
      const [first, second] = [await samplesOf(loader), await samplesOf(loader, stopAfter)];
      assert.deepEqual([first, second], epochs);
      assert.equal(nextDraw(generator), rng);
      assertTensorEqual(torch.getRngState(), before);
    });
  }

  it('opens a pass over an iterable dataset with a number of the generator', async () => {
    const [generator, twin] = [0, 0].map((seed) => new Generator({ device: 'cpu' }).manualSeed(seed)) as [Generator, Generator];
    const before = torch.getRngState();
    await collect(new DataLoader(new IterableDataset(() => [[[1], 0]]), { generator }));
    assertTensorEqual(torch.getRngState(), before);
    ops.aten.random_!(tensor(0, { dtype: 'int64', device: 'cpu' }), { generator: twin });
    assertTensorEqual(generator.getState(), twin.getState());
  });

  it('keeps the order of the data and a smaller last mini-batch unless told otherwise', async () => {
    assert.deepEqual(await samplesOf(new DataLoader(countingDataset(5), { batchSize: 2 })), [[0, 1], [2, 3], [4]]);
    assert.deepEqual(await samplesOf(new DataLoader(countingDataset(2))), [[0], [1]]);
  });

  it('gives task labels with the samples that they belong to', async () => {
    const dataset = countingDataset(4, [7, 8, 9, 7]).subset([3, 1, 0]);
    const [[x, , taskId]] = (await collect(new DataLoader(dataset, { batchSize: 3 }))) as [MiniBatch];
    assert.deepEqual([x.toNumbers(), taskId.toNumbers()], [
      [3, 1, 0],
      [7, 8, 7],
    ]);
    assert.deepEqual(dataset.taskLabels, [8, 7]);
  });

  it('applies the transform of the group: a function in training, named operations in evaluation', async () => {
    const dataset = new TensorDataset([[1], [2]], [1, 2], {
      transform: (x) => ops.aten.mul!(x, 10) as Tensor,
      evalTransform: { normalize: { mean: 1, std: 2 } },
    });
    const first = async (data: Dataset) => {
      const [[x]] = (await collect(new DataLoader(data, { batchSize: 2 }))) as [MiniBatch];
      return x.toNumbers();
    };
    assert.deepEqual(await first(dataset), [10, 20]);
    assert.deepEqual(await first(dataset.eval()), [0, 0.5]);
    assert.deepEqual(await first(dataset.eval().train()), [10, 20]);
  });

  it('misuse: positions that are overwritten with others, of bytes and of floats', async () => {
    for (const dtype of ['uint8', 'float32'] as const) {
      const indices = tensor([0, 1], { dtype: 'int64', device: 'cpu' }); // where the data is, which it stays part of
      const x = ops.aten.zeros!([2, 3], { dtype }) as Tensor;
      const dataset = new TensorDataset(x, tensor([0, 1], { dtype: 'int64' }), { indices, transform: { toFloat: true } });
      await collect(new DataLoader(dataset));
      ops.aten.fill_!(indices, 1e12);
      await rejectsWithCode(collect(new DataLoader(dataset)), 'ERR_TORCH', /out of /);
    }
  });

  it('misuse: a transform that returns no tensor, an unknown option, no dataset, a size of 0', async () => {
    const dataset = new TensorDataset([[1]], [1], { transform: (() => 3) as never });
    await rejectsWithCode(
      samplesOf(new DataLoader(dataset)),
      'ERR_INVALID_ARG_TYPE',
      /^transform: expected the function to return a Tensor, an array of Tensors or an object of Tensors, got 3$/,
    );
    throwsWithCode(() => new DataLoader(dataset, { size: 3 } as never), 'ERR_UNKNOWN_OPTION', /"size"/);
    throwsWithCode(() => new DataLoader([] as never), 'ERR_INVALID_ARG_TYPE', /a TensorDataset or an IterableDataset/);
    throwsWithCode(() => new DataLoader(dataset, { generator: 3 as never }), 'ERR_INVALID_ARG_TYPE', /generator to be a Generator on the CPU or null, got 3/);
    throwsWithCode(() => new DataLoader(dataset, { batchSize: 0 }), 'ERR_INVALID_ARG_VALUE', /batchSize/);
  });
});

describe('TaskBalancedDataLoader', () => {
  it('has recorded cases of every kind', () => {
    assert.equal(recorded('task-balanced.json').length, 64);
  });

  for (const [i, recording] of recorded('task-balanced.json').entries()) {
    const { seed, taskLabels, batchSize, shuffle, dropLast, oversample, epochs, rng } = recording;
    it(`makes mini-batches as recorded (${i})`, async () => {
      const options: DataLoaderOptions = { batchSize, shuffle, dropLast };
      const dataset = countingDataset(taskLabels!.length, taskLabels);
      const loader = new TaskBalancedDataLoader(dataset, { ...options, oversampleSmallGroups: oversample });
      manualSeed(seed);
      assert.deepEqual([await samplesOf(loader), await samplesOf(loader)], epochs);
      assert.equal(loader.length, epochs[0]!.length);
      assert.equal(nextDraw(), rng);
    });
  }

  for (const oversampleSmallGroups of [true, false]) {
    it(`draws from a generator alone, oversampling ${oversampleSmallGroups}`, async () => {
      const dataset = countingDataset(11, [0, 1, 0, 0, 1, 0, 0, 0, 2, 2, 2]);
      const passes = async (seed: number) => {
        const generator = new Generator({ device: 'cpu' }).manualSeed(seed);
        const loader = new TaskBalancedDataLoader(dataset, { batchSize: 6, shuffle: true, oversampleSmallGroups, generator });
        return [await samplesOf(loader), await samplesOf(loader), nextDraw(generator)];
      };
      const before = torch.getRngState();
      const expected = await passes(1);
      assert.deepEqual(await passes(1), expected);
      assert.notDeepEqual(await passes(2), expected);
      assertTensorEqual(torch.getRngState(), before);
    });
  }

  it('misuse: fewer samples in a mini-batch than tasks', () => {
    throwsWithCode(
      () => new TaskBalancedDataLoader(countingDataset(3, [0, 1, 2]), { batchSize: 2 }),
      'ERR_INVALID_ARG_VALUE',
      /at least the number of tasks, 3, got 2$/,
    );
  });

  it('misuse: an IterableDataset', () => {
    throwsWithCode(
      () => new TaskBalancedDataLoader(new IterableDataset(() => []) as never),
      'ERR_INVALID_ARG_TYPE',
      /a TensorDataset/,
    );
  });
});
