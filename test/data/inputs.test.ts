// Data whose samples have several inputs.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import {
  type Benchmark,
  benchmarkFromDatasets,
  classIncrementalBenchmark,
  DataLoader,
  type Inputs,
  IterableDataset,
  manualSeed,
  ncBenchmark,
  newInstancesBenchmark,
  niBenchmark,
  type Sample,
  TaskBalancedDataLoader,
  taskIncrementalBenchmark,
  tensor,
  Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { collect } from '../support/collect';

const labels = [0, 1, 0, 1, 2, 3];
const ids = () => tensor(BigInt64Array.from({ length: 12 }, (_, i) => BigInt(i)), { shape: [6, 2] });
const mask = () => tensor([1, 2, 3, 4, 5, 6]);
const listed = () => new TensorDataset([ids(), mask()], labels);
const named = () => new TensorDataset({ ids: ids(), mask: mask() }, labels);

/** The inputs of each mini-batch as plain numbers. */
async function batchesOf(loader: AsyncIterable<[Inputs, Tensor, Tensor]>): Promise<unknown[]> {
  return (await collect(loader)).map(([x]) =>
    Array.isArray(x)
      ? x.map((each: Tensor) => each.toNumbers())
      : Object.fromEntries(Object.entries(x).map(([name, each]: [string, Tensor]) => [name, each.toNumbers()])),
  );
}

const loaderOf = (data: TensorDataset | IterableDataset, options = {}) =>
  new DataLoader<typeof data, Inputs>(data, { batchSize: 4, ...options });

describe('TensorDataset of several inputs', () => {
  it('takes tensors in an array, and tensors, typed arrays and numbers by name', () => {
    const { inputs } = listed();
    assert.ok(Array.isArray(inputs) && inputs.every((each) => each instanceof Tensor));
    const data = new TensorDataset({ ids: Int32Array.from({ length: 12 }, (_, i) => i), mask: [1, 2, 3, 4, 5, 6], third: mask() }, labels);
    const kinds = Object.entries(data.inputs).map(([name, { dtype, shape }]: [string, Tensor]) => [name, dtype, shape]);
    assert.deepEqual(kinds, [['ids', 'int32', [6, 2]], ['mask', 'float32', [6]], ['third', 'float32', [6]]]); // prettier-ignore
    assert.deepEqual([data.length, data.classes], [6, [0, 1, 2, 3]]);
    assert.equal(inspect(named()), 'TensorDataset (6 samples, x { ids: int64 [2], mask: float32 [] }, y int64 [])');
    assert.equal(inspect(listed()), 'TensorDataset (6 samples, x [int64 [2], float32 []], y int64 [])');
  });

  it('keeps what it was given where the program changes its array or object', () => {
    const given = [ids(), mask()];
    const data = new TensorDataset(given, labels);
    given.pop();
    assert.equal(Object.keys(data.inputs).length, 2);
  });

  it('its views pick samples of each input', async () => {
    for (const data of [listed(), named()]) {
      const [batch] = await batchesOf(loaderOf(data.subset([5, 1, 0]).subset([0, 2]).withTaskLabels(3).eval()));
      assert.deepEqual(Object.values(batch as object), [[10, 11, 0, 1], [6, 1]]); // prettier-ignore
    }
    const { indices, inputs } = named().subset([2, 4]);
    const [batch] = await batchesOf(loaderOf(new TensorDataset(inputs, labels, { indices })));
    assert.deepEqual(batch, { ids: [4, 5, 8, 9], mask: [3, 5] });
  });

  it('each input of a mini-batch holds the same samples, shuffled or balanced', async () => {
    manualSeed(1);
    for (const data of [listed(), named()]) {
      const balanced = new TaskBalancedDataLoader<Inputs>(data.withTaskLabels([0, 0, 0, 0, 1, 1]), { batchSize: 3, shuffle: true, oversampleSmallGroups: true });
      for (const batch of [...(await batchesOf(loaderOf(data, { shuffle: true }))), ...(await batchesOf(balanced))]) {
        const [rows, positions] = Object.values(batch as Record<string, number[]>) as [number[], number[]];
        assert.deepEqual(rows, positions.flatMap((position) => [2 * (position - 1), 2 * (position - 1) + 1]));
      }
    }
  });

  it('a transform gets all inputs, and may give others', async () => {
    const data = listed().withTransform(
      ([x, y]: readonly Tensor[]) => [x!, y!.mul(10)],
      async ([x, y]: readonly Tensor[]) => ({ x: x!, y: y! }),
    );
    assert.deepEqual((await batchesOf(loaderOf(data)))[1], [[8, 9, 10, 11], [50, 60]]); // prettier-ignore
    assert.deepEqual((await batchesOf(loaderOf(data.eval())))[1], { x: [8, 9, 10, 11], y: [5, 6] });
    const split = new TensorDataset(ids(), labels, { transform: (x) => [x, x.select(1, 0)] });
    assert.deepEqual((await batchesOf(loaderOf(split)))[1], [[8, 9, 10, 11], [8, 10]]); // prettier-ignore
  });

  it('benchmarks split them as they split one input', async () => {
    const makers: ((data: TensorDataset) => Benchmark)[] = [
      (data) => benchmarkFromDatasets({ train: [data.subset([0, 1, 2, 3]), data.subset([4, 5])] }),
      (data) => taskIncrementalBenchmark(benchmarkFromDatasets({ train: [data.subset([0, 1, 2, 3]), data.subset([4, 5])] })),
      (data) => ncBenchmark(data, data, { nExperiences: 2, seed: 1 }),
      (data) => ncBenchmark(data, data, { nExperiences: 2, seed: 1, trainTransform: (x) => x }),
      (data) => ncBenchmark([data, data], [data, data], { nExperiences: 2, seed: 1 }),
      (data) => classIncrementalBenchmark({ train: data }, { numExperiences: 2, seed: 1 }),
      (data) => niBenchmark(data, data, { nExperiences: 2, seed: 1 }),
      (data) => newInstancesBenchmark(data, data, { numExperiences: 2, shuffle: false }),
    ];
    const positionsIn = async (make: (typeof makers)[number], data: TensorDataset) => {
      const experiences = [...make(data).streams.get('train')!];
      return Promise.all(
        experiences.map(async ({ dataset }) => (await collect(loaderOf(dataset))).map(([x, y]) => [x, y.toNumbers()])),
      );
    };
    for (const make of makers) {
      const expected = (await positionsIn(make, new TensorDataset(mask(), labels))).flat().map(([x, y]) => [(x as Tensor).toNumbers(), y]);
      for (const data of [listed(), named()]) {
        const actual = (await positionsIn(make, data)).flat().map(([x, y]) => [Object.values(x as object) as Tensor[], y] as const);
        assert.deepEqual(actual.map(([[, positions], y]) => [positions!.toNumbers(), y]), expected); // prettier-ignore
        for (const [[rows, positions]] of actual) {
          assert.deepEqual(rows!.select(1, 0).toNumbers(), positions!.sub(1).mul(2).toNumbers());
        }
      }
    }
  });

  it('by name are joined whatever the order of their names, and cannot be taken away', () => {
    const [a, b] = [torch.ones([4, 2]), torch.zeros([4, 3])];
    const pair = [new TensorDataset({ a, b }, [0, 0, 1, 1]), new TensorDataset({ b, a }, [2, 2, 3, 3])];
    const { trainStream } = ncBenchmark(pair, pair, { nExperiences: 2 });
    assert.deepEqual(Object.keys(trainStream[0]!.dataset.inputs), ['a', 'b']);
    for (const data of [pair[0]!, new TensorDataset([a, b], [0, 0, 1, 1])]) assert.ok(Object.isFrozen(data.inputs));
  });

  it('misuse: lengths that differ, values that are no numbers, nothing', () => {
    const make = (x: unknown, options = {}) => () => new TensorDataset(x as never, labels, options);
    throwsWithCode(make([ids(), mask().narrow(0, 0, 5)]), 'ERR_LENGTH_MISMATCH', /got x of shapes \[\[6, 2\], \[5\]\] and y of shape \[6\]; .*torch\.stack\(rows\)$/);
    throwsWithCode(make({ ids: ids(), mask: tensor(1) }), 'ERR_LENGTH_MISMATCH', /got x of shapes \{ ids: \[6, 2\], mask: \[\] \} and y of shape \[6\]$/);
    throwsWithCode(make({ ids: ids(), mask: 'yes' }), 'ERR_INVALID_ARG_TYPE', /expected x\.mask to be a Tensor, a typed array or nested numbers, got "yes"$/);
    throwsWithCode(make({ ids: [ids(), 3] }), 'ERR_INVALID_ARG_TYPE', /expected x\.ids to be .*, got a Tensor at index 0$/);
    throwsWithCode(make([ids(), 3]), 'ERR_INVALID_ARG_TYPE', /expected x to be .*, got a Tensor at index 0$/);
    throwsWithCode(make({}), 'ERR_INVALID_ARG_TYPE', /got an object$/);
    throwsWithCode(make(new Map([['ids', ids()]])), 'ERR_INVALID_ARG_TYPE', /got a Map$/);
    const locked = { ids: ids(), get mask(): never { throw new Error('locked'); } }; // prettier-ignore
    throwsWithCode(make(locked), 'ERR_INVALID_ARG_VALUE', /^TensorDataset: x cannot be read: locked$/);
    throwsWithCode(make({ ids: new Int32Array(12) }, { sampleShape: [2] }), 'ERR_INVALID_ARG_VALUE', /expected sampleShape with one typed array alone, got it with \{ ids \}/);
  });

  it('misuse: one tensor is asked for, or a transform of one', async () => {
    throwsWithCode(() => listed().x, 'ERR_INPUTS', /^TensorDataset\.x: expected data whose x is one tensor, got an array of 2 inputs: `inputs` of the dataset has all of them$/);
    throwsWithCode(() => named().sampleShape, 'ERR_INPUTS', /^TensorDataset\.sampleShape: .*got \{ ids, mask \}/);
    const described = { transform: { toFloat: true } };
    const message = /expected transform to be a function of all inputs, because x is \{ ids, mask \}, got an object$/;
    throwsWithCode(() => new TensorDataset({ ids: ids(), mask: mask() }, labels, described), 'ERR_INVALID_ARG_VALUE', message);
    throwsWithCode(() => named().withTransform(described.transform), 'ERR_INVALID_ARG_VALUE', message);
    throwsWithCode(() => ncBenchmark(named(), named(), { nExperiences: 2, trainTransform: described.transform }), 'ERR_INVALID_ARG_VALUE', message);
    const same = listed().withTransform((x: readonly Tensor[]) => x);
    const behind = ncBenchmark(same, same, { nExperiences: 2, trainTransform: described.transform });
    await rejectsWithCode(batchesOf(loaderOf(behind.trainStream.at(0)!.dataset)), 'ERR_INPUTS', /give a function that transforms all inputs$/);
    throwsWithCode(() => ncBenchmark([listed(), named()], [listed(), named()], { nExperiences: 2 }), 'ERR_INVALID_ARG_VALUE', /expected datasets with the same transforms and samples \[int64 \[2\], float32 \[\]\], got \{ ids/);
    for (const wrong of [[], {}, [ids(), null], 'x']) {
      const data = listed().withTransform((() => wrong));
      await rejectsWithCode(batchesOf(loaderOf(data)), 'ERR_INVALID_ARG_TYPE', /^transform: expected the function to return a Tensor, an array/);
    }
  });
});

describe('IterableDataset of several inputs', () => {
  const source = (...samples: Sample[]) => new IterableDataset(() => samples);

  it('puts each input together, and task labels', async () => {
    const row = (value: number) => tensor([value, value + 1]);
    const inOrder = source([[row(0), tensor(5)], 0], [[row(2), tensor(6)], 1]);
    assert.deepEqual(await batchesOf(loaderOf(inOrder)), [[[0, 1, 2, 3], [5, 6]]]); // prettier-ignore
    const byName = source([{ a: Int32Array.of(1, 2), length: 2 }, 0], [{ length: 1, a: Int32Array.of(3, 0) }, 1, 7]);
    assert.deepEqual(await batchesOf(loaderOf(byName)), [{ a: [1, 2, 3, 0], length: [2, 1] }]);
    const twice = new IterableDataset(() => [[[row(0), tensor(5)], 0]] as Sample[], { transform: ([x, y]: readonly Tensor[]) => ({ x: x!, y: y!.mul(2) }) });
    assert.deepEqual(await batchesOf(loaderOf(twice)), [{ x: [0, 1], y: [10] }]);
  });

  it('misuse: samples whose inputs are others than those of the first', async () => {
    const one = tensor([1]);
    const cases: [Sample, Sample, RegExp][] = [
      [[one, 0], [[one, one], 1], /expected samples whose x is one tensor, as in the first, got an array of 2 inputs at index 1$/],
      [[[one, one], 0], [[one], 1], /whose x is an array of 2 inputs, as in the first, got an array of 1 inputs at index 1$/],
      [[{ a: one, b: one }, 0], [{ a: one, c: one }, 1], /whose x is \{ a, b \}, as in the first, got \{ a, c \} at index 1$/],
    ];
    for (const [first, second, message] of cases) {
      for (const batchSize of [1, 2]) {
        await rejectsWithCode(collect(new DataLoader(source(first, second), { batchSize })), 'ERR_DATA_SOURCE', message);
      }
    }
    await rejectsWithCode(
      collect(new DataLoader(source([{ a: one }, 0], [{ a: tensor([1, 2]) }, 1]), { batchSize: 2 })),
      'ERR_SHAPE',
      /^IterableDataset: expected every x\.a to be float32 \[1\], got float32 \[2\]$/,
    );
  });
});
