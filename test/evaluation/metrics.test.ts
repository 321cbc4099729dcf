// Accuracy and loss: names, levels and values, each worked out from the model's outputs.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  EvaluationPlugin,
  type Experience,
  InteractiveLogger,
  type LastMetrics,
  lossMetrics,
  manualSeed,
  MASPlugin,
  ncBenchmark,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { captured, quietEvaluator } from '../support/evaluators';
import { classes, features, smallBenchmark, smallDataset, smallModel } from '../support/small-runs';

const crossEntropy = new nn.CrossEntropyLoss();
/** float32 sums in another order. */
const tolerance = 1e-5;

function assertNear(actual: number | undefined, expected: number, name: string): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= tolerance,
    `${name}: expected ${expected}, got ${actual}`,
  );
}

function makeStrategy(options: Partial<SupervisedTemplateOptions> = {}) {
  manualSeed(4);
  const model = smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 4,
    evalMbSize: 3,
    evaluator: quietEvaluator(),
    ...options,
  });
}

/** Accuracy and mean loss of a model that does not move. */
function measure(strategy: SupervisedTemplate, { dataset }: Experience) {
  const output = strategy.model.forward(dataset.x);
  const predicted = (ops.aten.argmax!(output, 1) as Tensor).toNumbers();
  const correct = dataset.labels().filter((label, i) => label === predicted[i]).length;
  return {
    accuracy: correct / dataset.length,
    loss: crossEntropy.forward(output, dataset.y).item(),
    samples: dataset.length,
  };
}

describe('metrics', () => {
  it('are accuracy and loss of every epoch, experience and stream by default', async () => {
    const strategy = makeStrategy({ evaluator: undefined });
    const { trainStream, testStream } = smallBenchmark();
    let evaluated: LastMetrics = {};
    const trained: LastMetrics = {};
    const printed = await captured('stdout', async () => {
      Object.assign(trained, await strategy.train(trainStream));
      evaluated = await strategy.eval(testStream);
    });
    assert.match(printed, /^-- >> Start of training phase << --\nEpoch 0 ended\.\n\tLoss_Epoch/);
    assert.deepEqual(strategy.evaluator.loggers.map((logger) => logger.constructor), [InteractiveLogger]);
    assert.deepEqual(Object.keys(trained).sort(), [
      'Loss_Epoch/train_phase/train_stream/Task000',
      'Top1_Acc_Epoch/train_phase/train_stream/Task000',
    ]);
    assert.deepEqual(
      Object.keys(evaluated).sort(),
      [
        ...Object.keys(trained),
        'Loss_Exp/eval_phase/test_stream/Task000/Exp000',
        'Loss_Exp/eval_phase/test_stream/Task000/Exp001',
        'Loss_Stream/eval_phase/test_stream/Task000',
        'Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000',
        'Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp001',
        'Top1_Acc_Stream/eval_phase/test_stream/Task000',
      ].sort(),
    );
    assert.deepEqual(strategy.evaluator.getLastMetrics(), evaluated);
  });

  it('carry the task label of the experience, the stream’s that of the last one', async () => {
    const strategy = makeStrategy();
    const data = smallDataset(16, [0, 1, 2, 3]);
    const { trainStream, testStream } = ncBenchmark(data, data, { nExperiences: 2, taskLabels: true, shuffle: false });
    await strategy.train(trainStream);
    const metrics = await strategy.eval(testStream);
    for (const name of [
      'Top1_Acc_Epoch/train_phase/train_stream/Task001',
      'Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000',
      'Top1_Acc_Exp/eval_phase/test_stream/Task001/Exp001',
      'Top1_Acc_Stream/eval_phase/test_stream/Task001',
    ]) {
      assert.ok(name in metrics, name);
    }
    assert.ok(!('Top1_Acc_Stream/eval_phase/test_stream/Task000' in metrics));
  });

  for (const [how, plugins] of Object.entries({ joined: [], 'with a listener': [{ afterEvalForward: () => {} }] })) {
    it(`weigh mini-batches by their samples, experiences too, in evaluation (${how})`, async () => {
      const strategy = makeStrategy({ plugins });
      // 7 samples in mini-batches of 3, 3, 1, and 5 in 3, 2.
      const { testStream } = benchmarkFromDatasets({ test: [smallDataset(7, [0, 1]), smallDataset(5, [2, 3], 1)] });
      const metrics = await strategy.eval(testStream);
      const parts = [...testStream].map((experience) => measure(strategy, experience));
      parts.forEach(({ accuracy, loss }, i) => {
        assertNear(metrics[`Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp00${i}`], accuracy, `accuracy ${i}`);
        assertNear(metrics[`Loss_Exp/eval_phase/test_stream/Task000/Exp00${i}`], loss, `loss ${i}`);
      });
      const mean = (key: 'accuracy' | 'loss') => parts.reduce((sum, part) => sum + part[key] * part.samples, 0) / 12;
      assertNear(metrics['Top1_Acc_Stream/eval_phase/test_stream/Task000'], mean('accuracy'), 'stream accuracy');
      assertNear(metrics['Loss_Stream/eval_phase/test_stream/Task000'], mean('loss'), 'stream loss');
      const distinct = new Set(parts.map((part) => part.loss));
      assert.equal(distinct.size, 2);
    });
  }

  it('are those of the last epoch in training, each mini-batch as it was seen, penalties included', async () => {
    const seen: { loss: number; samples: number; correct: number }[] = [];
    const watch: Plugin = {
      afterTrainingEpoch: () => void seen.splice(0, seen.length - 2),
      afterTrainingIteration: (s) => {
        const predicted = (ops.aten.argmax!(s.mbOutput, 1) as Tensor).toNumbers();
        const labels = s.mbY!.toNumbers();
        const correct = labels.filter((label, i) => label === predicted[i]).length;
        seen.push({ loss: s.loss.item(), samples: labels.length, correct });
      },
    };
    const strategy = makeStrategy({ trainEpochs: 3, plugins: [new MASPlugin({ lambdaReg: 50 }), watch] });
    const { trainStream } = benchmarkFromDatasets({ train: [smallDataset(7, [0, 1]), smallDataset(7, [2, 3], 1)] });
    const metrics = await strategy.train(trainStream);
    assert.equal(seen.length, 2);
    const total = (weigh: (part: (typeof seen)[number]) => number) =>
      seen.reduce((sum, part) => sum + weigh(part), 0) / 7;
    assertNear(
      metrics['Loss_Epoch/train_phase/train_stream/Task000'],
      total((part) => part.loss * part.samples),
      'loss',
    );
    assertNear(
      metrics['Top1_Acc_Epoch/train_phase/train_stream/Task000'],
      total((part) => part.correct),
      'accuracy',
    );
  });

  it('count a prediction as the first of equal outputs', async () => {
    const model = new nn.Linear(features, classes, { bias: false });
    const strategy = makeStrategy({ model, optimizer: new optim.SGD(model.parameters()) });
    // Inputs of 0: all four outputs are 0, the prediction is class 0.
    const dataset = new TensorDataset(
      tensor(new Array<number>(4 * features).fill(0), { shape: [4, features] }),
      tensor([0, 0, 0, 1], { dtype: 'int64' }),
      { taskLabels: 0 },
    );
    const metrics = await strategy.eval(benchmarkFromDatasets({ test: [dataset] }).testStream);
    assert.equal(metrics['Top1_Acc_Stream/eval_phase/test_stream/Task000'], 0.75);
    assertNear(metrics['Loss_Stream/eval_phase/test_stream/Task000'], Math.log(4), 'loss');
  });

  it('are only those of the levels that are asked for', async () => {
    const evaluator = new EvaluationPlugin(accuracyMetrics({ stream: true }), lossMetrics({ epoch: true }), { loggers: [] });
    const strategy = makeStrategy({ evaluator });
    const { trainStream, testStream } = smallBenchmark();
    await strategy.train(trainStream);
    assert.deepEqual(Object.keys(await strategy.eval(testStream)), [
      'Loss_Epoch/train_phase/train_stream/Task000',
      'Top1_Acc_Stream/eval_phase/test_stream/Task000',
    ]);
  });

  it('may be the user’s own, called in the hooks that they name', async () => {
    const evaluator = new EvaluationPlugin({
      afterTrainingExp: (s) => [{ name: 'experiences', value: s.clock.trainExpCounter + 1 }],
      beforeEval: () => {},
    });
    const metrics = await makeStrategy({ evaluator }).train(smallBenchmark().trainStream);
    assert.deepEqual(metrics, { experiences: 2 });
    throwsWithCode(
      () => new EvaluationPlugin(3 as never),
      'ERR_INVALID_ARG_TYPE',
      /^EvaluationPlugin: expected metrics, objects with hooks, got 3 at index 0$/,
    );
  });

  it('do not exist with evaluator null', async () => {
    const strategy = makeStrategy({ evaluator: null });
    const { trainStream, testStream } = smallBenchmark();
    assert.deepEqual(await strategy.train(trainStream), {});
    assert.deepEqual(await strategy.eval(testStream), {});
    assert.ok(strategy.evaluator instanceof EvaluationPlugin);
  });

  it('belong to one strategy each', async () => {
    const [one, other] = [makeStrategy({ evaluator: undefined }), makeStrategy({ evaluator: undefined })];
    await captured('stdout', () => one.train(smallBenchmark().trainStream));
    assert.equal(Object.keys(one.evaluator.getLastMetrics()).length, 2);
    assert.deepEqual(other.evaluator.getLastMetrics(), {});
    assert.notEqual(one.evaluator, other.evaluator);
  });

  it('come in a copy that later training leaves as it was', async () => {
    const strategy = makeStrategy();
    const { trainStream } = smallBenchmark();
    const first = await strategy.train(trainStream.at(0)!);
    const copy = { ...first };
    const second = await strategy.train(trainStream.at(0)!);
    assert.deepEqual(first, copy);
    assert.notDeepEqual(second, first);
  });
});
