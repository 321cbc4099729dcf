// What the reference's tests of metrics, loggers and results show (tests/test_metrics.py, test_loggers.py,
// evaluation/test_functional.py, training/test_stream_completeness.py).
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  averageForgetting,
  confusionMatrixMetrics,
  CSVLogger,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  InteractiveLogger,
  type LastMetrics,
  type Logger,
  lossMetrics,
  type MetricArgument,
  models,
  Naive,
  optim,
  type SupervisedTemplateOptions,
  TensorboardLogger,
  TextLogger,
  timingMetrics,
} from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { captured, collector } from '../support/evaluators';
import { fastBenchmark } from '../support/fast-benchmark';
import { withTempFolder } from '../support/temp-folder';

const { trainStream, testStream } = fastBenchmark();
const levels = { minibatch: true, epoch: true, epochRunning: true, experience: true, stream: true };

function strategyWith(metrics: MetricArgument[], loggers: Logger[] = [], options: Partial<SupervisedTemplateOptions> = {}) {
  const model = new models.SimpleMLP({ inputSize: 6, hiddenSize: 10 });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
  const evaluator = new EvaluationPlugin(...metrics, { loggers, strictChecks: options.trainEpochs === 2 });
  return new Naive({ model, optimizer, trainMbSize: 10, evalMbSize: 10, evaluator, ...options });
}

/** What was measured after each experience. */
async function run(metrics: MetricArgument[], loggers: Logger[] = []): Promise<LastMetrics[]> {
  const strategy = strategyWith(metrics, loggers);
  const measured: LastMetrics[] = [await strategy.eval(testStream)];
  for (const experience of trainStream.slice(0, 2)) {
    await strategy.train(experience);
    measured.push(await strategy.eval(testStream));
  }
  return measured;
}
const numbers = (metrics: LastMetrics, metric: string) =>
  Object.entries(metrics).flatMap(([name, value]) => (name.startsWith(`${metric}_`) ? [value as number] : []));

describe("the reference's tests: metrics", () => {
  it('accuracies are in [0, 1], none before anything was measured (test_accuracy)', async () => {
    assert.deepEqual(strategyWith([accuracyMetrics(levels)]).evaluator.getLastMetrics(), {});
    const accuracies = numbers((await run([accuracyMetrics(levels)])).at(-1)!, 'Top1_Acc');
    assert.ok(accuracies.length > 0 && accuracies.every((value) => value >= 0 && value <= 1));
  });

  it('losses are not negative (test_loss)', async () => {
    const losses = numbers((await run([lossMetrics(levels)])).at(-1)!, 'Loss');
    assert.ok(losses.length > 0 && losses.every((value) => value >= 0));
  });

  it('a confusion matrix counts the samples of each evaluation anew (test_cm)', async () => {
    for (const metrics of await run([confusionMatrixMetrics({ numClasses: 10, stream: true })])) {
      const counts = metrics['ConfusionMatrix_Stream/eval_phase/test_stream']!.toNumbers();
      const samples = [...testStream].reduce((sum, { dataset }) => sum + dataset.length, 0);
      assert.ok(counts.every((count) => count >= 0));
      assert.equal(counts.reduce((a, b) => a + b), samples); // prettier-ignore
    }
  });

  it('times are not negative (test_timing)', async () => {
    const times = numbers((await run([timingMetrics(levels)])).at(-1)!, 'Time');
    assert.ok(times.length > 0 && times.every((value) => value >= 0));
  });

  it('forgetting exists once an experience was measured twice, and is the difference (test_forgetting)', async () => {
    const [before, first, second] = await run([accuracyMetrics({ experience: true }), forgettingMetrics({ experience: true })]);
    const name = 'ExperienceForgetting/eval_phase/test_stream/Task000/Exp000';
    const accuracy = 'Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000';
    assert.deepEqual([before![name], first![name]], [undefined, undefined]);
    assert.equal(second![name], first![accuracy]! - second![accuracy]!);
  });

  it('forward transfer is the difference to the first measurement (test_forward_transfer)', async () => {
    const [before, first] = await run([accuracyMetrics({ experience: true }), forwardTransferMetrics({ experience: true })]);
    const name = 'ExperienceForwardTransfer/eval_phase/test_stream/Task000/Exp001';
    const accuracy = 'Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp001';
    assert.equal(before![name], undefined);
    assert.equal(first![name], first![accuracy]! - before![accuracy]!);
  });

  /** Of each experience before the current one, its accuracy when it was learned minus that of now. */
  const forgetting = (matrix: number[][]) =>
    matrix.map((_, i) => averageForgetting(matrix.slice(0, i + 1)) * Math.max(i, 1));
  it('forgetting from a matrix of accuracies (test_diag_forgetting)', () => {
    const matrix = [[1, 0, 0], [0.5, 0.8, 1], [0.2, 1, 0.5]]; // prettier-ignore
    // Sums of [], [0.5], [0.8, -0.2].
    forgetting(matrix).forEach((sum, i) => assert.ok(Math.abs(sum - [0, 0.5, 0.6][i]!) < 1e-12));
  });

  it('and from one with more rows than experiences, which are left out (test_non_diag_forgetting)', () => {
    const matrix = [[1, 0, 0], [0.5, 0.8, 1], [0.5, 0.5, 1], [0.2, 1, 0.5]]; // prettier-ignore
    const until = (rows: number[]) => forgetting(rows.map((row) => matrix[row]!)).at(-1)!;
    for (const [rows, sum] of [[[0], 0], [[0, 1], 0.5], [[0, 1, 2], 0.8], [[0, 1, 3], 0.6]] as const) { // prettier-ignore
      assert.ok(Math.abs(until([...rows]) - sum) < 1e-12);
    }
  });
});

describe("the reference's tests: loggers", () => {
  const everything = [accuracyMetrics(levels), lossMetrics(levels), timingMetrics(levels), forgettingMetrics({ experience: true })];

  it('a text logger takes every metric (test_text_logger)', async () => {
    const stream = collector();
    await run(everything, [new TextLogger(stream)]);
    assert.match(stream.text, /Top1_Acc_Stream[\s\S]*Loss_Epoch/);
  });

  it('an interactive logger (test_interactive_logger)', async () => {
    assert.match(await captured('stdout', () => run(everything, [new InteractiveLogger()])), /Top1_Acc_Stream/);
  });

  it('TensorBoard (test_tensorboard_logger)', () =>
    withTempFolder(async (folder) => {
      await run(everything, [new TensorboardLogger(folder)]);
      assert.match((await readdir(folder)).join(), /^events\.out\.tfevents/);
    }));

  it('CSV files (test_csv_logger)', () =>
    withTempFolder(async (folder) => {
      await run(everything, [new CSVLogger(folder)]);
      assert.deepEqual((await readdir(folder)).sort(), ['eval_results.csv', 'training_results.csv']);
    }));
});

describe("the reference's tests: evaluation of whole streams", () => {
  it('strict checks refuse a part of a stream (test_raise_error)', async () => {
    const strategy = strategyWith([accuracyMetrics({ stream: true })], [], { trainEpochs: 2 });
    for (const experience of trainStream) {
      await strategy.train(experience);
      await strategy.eval(testStream);
    }
    await rejectsWithCode(strategy.eval(testStream.slice(0, 2)), 'ERR_INVALID_ARG_VALUE', /expected the whole stream "test"/);
  });

  it('and take a whole one, in training too (test_no_errors)', async () => {
    const strategy = strategyWith([accuracyMetrics({ stream: true })], [], { trainEpochs: 2, evalEvery: 0 });
    for (const experience of trainStream) {
      await strategy.train(experience, { evalStreams: [testStream] });
      await strategy.eval(testStream);
    }
    assert.equal(strategy.clock.trainExpCounter, 5);
  });
});
