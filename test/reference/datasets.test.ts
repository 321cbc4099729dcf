// What the reference's tests of datasets show, as far as they are not about PIL images or its chains of wrappers
// (tests/benchmarks/utils/test_avalanche_classification_dataset.py, test_avalanche_dataset.py).
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { benchmarkFromDatasets, models, Naive, optim, tensor, TensorDataset, torch } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { firstBatch } from '../support/fast-benchmark';

const bytes = Uint8Array.from({ length: 40 }, (_, i) => 6 * i);
const labels = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3];
const images = (options = {}) => new TensorDataset(bytes, labels, { sampleShape: [1, 2, 2], ...options });
const toFloat = { toFloat: true };

/** Input, target and task label of the samples at these places. */
async function samples(dataset: TensorDataset, ...places: number[]): Promise<[x: number[], y: number, task: number][]> {
  return Promise.all(
    places.map(async (place) => {
      const [x, y, taskId] = await firstBatch(dataset.subset([place]), 1);
      return [x.toNumbers(), y.toNumbers()[0]!, taskId.toNumbers()[0]!];
    }),
  );
}
const pixels = (place: number) => [...bytes.slice(4 * place, 4 * place + 4)];
const dtypeOf = async (dataset: TensorDataset) => (await firstBatch(dataset, 1))[0].dtype;

describe("the reference's tests: classification datasets", () => {
  it('one task label for all samples (test_avalanche_dataset_uniform_task_labels_simple_def)', async () => {
    const data = images({ taskLabels: 1 });
    assert.equal((await samples(data, 0))[0]![2], 1);
    assert.deepEqual([data.taskLabelOfEachSample(), data.taskLabels], [Array(10).fill(1), [1]]);
  });

  it('are trained on with several task labels in one experience (test_avalanche_tensor_dataset_task_labels_train)', async () => {
    const make = (i: number) =>
      new TensorDataset(torch.randn([10, 4]), Array.from({ length: 10 }, (_, j) => (i + j) % 3), { taskLabels: labels.map((l) => l % 5) }); // prettier-ignore
    const { trainStream } = benchmarkFromDatasets({ train: [0, 1, 2].map(make), test: [3, 4, 5].map(make) });
    const model = new models.SimpleMLP({ inputSize: 4, numClasses: 3 });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.001, momentum: 0.9 });
    const strategy = new Naive({ model, optimizer, trainMbSize: 5, evalMbSize: 5, evaluator: null });
    for (const experience of trainStream) await strategy.train(experience);
    assert.equal(strategy.clock.trainExpCounter, 3);
  });

  it('views keep the task labels (test_avalanche_dataset_task_labels_inheritance)', async () => {
    const data = images({ taskLabels: labels });
    for (const view of [data, data.withTransform(toFloat), data.eval(), data.subset([...labels.keys()])]) {
      assert.deepEqual(view.taskLabelOfEachSample(), labels);
      assert.equal((await samples(view, 0))[0]![2], 3);
    }
  });

  it('hold tensors; the task label is 0 where they carry none (test_avalanche_dataset_tensor_dataset_input)', async () => {
    const data = new TensorDataset(torch.rand([50, 3, 4, 4]), torch.ones([50]));
    assert.deepEqual([data.length, (await samples(data, 0))[0]!.slice(1)], [50, [1, 0]]);
  });

  it('a subset of a subset, with a task label of its own (test_avalanche_pytorch_subset_recursion)', async () => {
    const subset = images().subset([3, 8, 4, 1, 7]);
    const inner = subset.subset([0, 3]);
    assert.deepEqual([subset.length, inner.length], [5, 2]);
    assert.deepEqual(await samples(inner, 0, 1), [[pixels(3), 1, 0], [pixels(1), 1, 0]]); // prettier-ignore
    assert.deepEqual((await samples(inner.withTaskLabels(5), 0, 1)).map(([, , task]) => task), [5, 5]); // prettier-ignore
  });

  it('all of a subset (test_avalanche_pytorch_subset_recursion_no_indices)', async () => {
    const view = images().subset([3, 8, 4, 1, 7]).train();
    assert.equal(view.length, 5);
    assert.deepEqual(await samples(view, 0, 1), [[pixels(3), 1, 0], [pixels(8), 5, 0]]); // prettier-ignore
  });

  it('a subset with a transform (test_avalanche_subset_transform)', async () => {
    const [x, y, taskId] = await firstBatch(images().subset([0]).withTransform(toFloat), 1);
    assertTensorEqual(x, tensor(bytes.slice(0, 4), { shape: [1, 1, 2, 2] }).to('float32').div(255));
    assert.deepEqual([x.dtype, y.toNumbers(), taskId.toNumbers()], ['float32', [3], [0]]);
  });

  it('a subset by places (test_avalanche_subset_indices)', async () => {
    assert.deepEqual(await samples(images().subset([2, 7]), 0, 1), [[pixels(2), 4, 0], [pixels(7), 6, 0]]); // prettier-ignore
  });

  it('task labels of all data, or of the subset (test_avalanche_subset_uniform_task_labels)', async () => {
    const before = images({ taskLabels: Array(10).fill(1) }).subset([2, 7]);
    const after = images().subset([2, 7]).withTaskLabels([1, 1]);
    for (const data of [before, after]) assert.deepEqual((await samples(data, 0, 1)).map((each) => each.slice(1)), [[4, 1], [6, 1]]); // prettier-ignore
  });

  it('several task labels of all data, or of the subset (test_avalanche_subset_mixed_task_labels)', async () => {
    const tasks = Array(10).fill(1) as number[];
    tasks[2] = 2;
    const before = images({ taskLabels: tasks }).subset([2, 7]);
    assert.deepEqual((await samples(before, 0, 1)).map(([, , task]) => task), [2, 1]); // prettier-ignore
    const after = images().subset([2, 7]).withTaskLabels([3, 5]);
    assert.deepEqual((await samples(after, 0, 1)).map(([, , task]) => task), [3, 5]); // prettier-ignore
  });

  it('a subset keeps the task labels of its samples (test_avalanche_subset_task_labels_inheritance)', () => {
    const data = images({ taskLabels: labels });
    assert.deepEqual(data.subset([2, 7]).taskLabelOfEachSample(), [labels[2], labels[7]]);
    assert.deepEqual(data.taskLabelOfEachSample(), labels);
  });

  for (const [name, kind] of [
    ['a tensor (test_tensor_dataset_helper_tensor_y)', (y: number[]) => tensor(y, { dtype: 'int64' })],
    ['a list (test_tensor_dataset_helper_list_y)', (y: number[]) => y],
  ] as const) {
    it(`give back inputs and targets as they were, targets as ${name}`, async () => {
      const make = (count: number) =>
        Array.from({ length: 5 }, () => ({ x: torch.rand([count, 4, 4]), y: Array.from({ length: count }, (_, i) => (7 * i) % 10) }));
      const given = { train: make(9), test: make(4) };
      const sets = (list: ReturnType<typeof make>) => list.map(({ x, y }) => new TensorDataset(x, kind(y), { taskLabels: 0 }));
      const { streams } = benchmarkFromDatasets({ train: sets(given.train), test: sets(given.test) });
      for (const [stream, list] of Object.entries(given)) {
        for (const [i, { dataset, taskLabel }] of [...streams.get(stream)!].entries()) {
          const [x, y] = await firstBatch(dataset, 100);
          assertTensorEqual(x, list[i]!.x);
          assert.deepEqual([y.toNumbers(), dataset.labels(), taskLabel], [list[i]!.y, list[i]!.y, 0]);
        }
      }
    });
  }

  it('a view has another transform, the data keeps its own (test_replace_transforms)', async () => {
    const data = images({ transform: toFloat });
    const reset = data.withTransform({});
    const again = reset.withTransform(toFloat);
    assert.deepEqual(await Promise.all([data, reset, again].map(dtypeOf)), ['float32', 'uint8', 'float32']);
    reset.withTransform(toFloat);
    assert.equal(await dtypeOf(reset), 'uint8');
  });

  it('training and evaluation each have their transforms (test_transforms_groups_base_usage)', async () => {
    const data = images({ transform: toFloat, evalTransform: {} });
    assert.deepEqual(await Promise.all([data, data.eval(), data.eval().train()].map(dtypeOf)), ['float32', 'uint8', 'float32']);
    assert.deepEqual(await Promise.all([data.withTransform({}), data.train()].map(dtypeOf)), ['uint8', 'float32']);
  });

  it('refuse transforms that are none (test_transforms_groups_constructor_error)', () => {
    for (const transform of [null, [null, toFloat], 'Hello world!']) {
      throwsWithCode(() => images({ transform }), 'ERR_INVALID_ARG_TYPE', /expected transform to be a function/);
    }
    throwsWithCode(() => images({ transform: { train: toFloat } }), 'ERR_UNKNOWN_OPTION', /"transform\.train"/);
  });

  it('evaluation has the transform of training unless it is given one (test_transforms_groups_partial_constructor)', async () => {
    const data = images({ transform: toFloat });
    assert.deepEqual(await Promise.all([data, data.eval()].map(dtypeOf)), ['float32', 'float32']);
  });
});

describe("the reference's tests: datasets", () => {
  it('want a label for each sample, and picked places (test_avldata_subset_size)', () => {
    assert.equal(images({ taskLabels: labels }).subset([0, 1]).length, 2);
    throwsWithCode(() => images({ taskLabels: labels.slice(0, 2) }), 'ERR_LENGTH_MISMATCH', /expected one task label, or 10, got 2/);
  });

  it('subsets of subsets, four deep (test_subset_subset_merge)', () => {
    let data = new TensorDataset([[0], [1], [2]], [0, 1, 2], { taskLabels: [7, 8, 9] });
    let expected = [0, 1, 2];
    for (const order of [[2, 0, 1], [1, 0, 2], [2, 1, 0], [0, 2, 1]]) { // prettier-ignore
      data = data.subset(order);
      expected = order.map((i) => expected[i]!);
      assert.deepEqual([data.labels(), data.taskLabelOfEachSample()], [expected, expected.map((i) => i + 7)]);
    }
  });

  it('a transform of the inputs leaves the targets (test_avalanche_dataset_transform)', async () => {
    const [x, y] = await firstBatch(images({ transform: toFloat }), 1);
    assertTensorEqual(x, tensor(bytes.slice(0, 4), { shape: [1, 1, 2, 2] }).to('float32').div(255));
    assert.deepEqual(y.toNumbers(), [3]);
  });

  it('samples without a task label are of task 0 (test_avalanche_dataset_uniform_task_labels)', async () => {
    assert.deepEqual((await samples(images(), 0, 9)).map(([, , task]) => task), [0, 0]); // prettier-ignore
  });
});
