import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  averageAccuracy,
  averageForgetting,
  benchmarkFromDatasets,
  EvaluationPlugin,
  forgettingMetrics,
  optim,
  SupervisedTemplate,
} from '../../../lib/index';
import { answeringModel, labelled } from '../../support/answering';

const exp = (i: number) => `ExperienceForgetting/eval_phase/test_stream/Task000/Exp00${i}`;
const stream = 'StreamForgetting/eval_phase/test_stream';

function makeStrategy(evaluator: EvaluationPlugin) {
  const { model, answer } = answeringModel();
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 4,
    evaluator,
  });
  return { strategy, answer };
}

// Sample i of experience 0 has label 0, of experience 1 label 1, of experience 2 label 2: the accuracy on experience k is
// the share of predictions that are k.
const { trainStream, testStream } = benchmarkFromDatasets({
  train: [labelled([0, 0, 0, 0]), labelled([1, 1, 1, 1]), labelled([2, 2, 2, 2])],
  test: [labelled([0, 0, 0, 0]), labelled([1, 1, 1, 1]), labelled([2, 2, 2, 2])],
});

describe('forgetting', () => {
  it('is the loss of accuracy since the experience was the current one', async () => {
    const { strategy, answer } = makeStrategy(
      new EvaluationPlugin(forgettingMetrics({ experience: true, stream: true }), { loggers: [] }),
    );

    answer([0, 0, 0, 1]);
    await strategy.train(trainStream.at(0)!);
    // Accuracy on experience 0: 3/4. Nothing can have been forgotten.
    assert.deepEqual(await strategy.eval(testStream), { [stream]: 0 });

    answer([0, 1, 1, 1]);
    await strategy.train(trainStream.at(1)!);
    // Experience 0: 3/4 - 1/4. Experience 1, the current one, has no value.
    assert.deepEqual(await strategy.eval(testStream), { [exp(0)]: 0.5, [stream]: 0.5 });

    answer([0, 1, 2, 2]);
    await strategy.train(trainStream.at(2)!);
    // Experience 0: 3/4 - 1/4; experience 1: 3/4 - 1/4.
    assert.deepEqual(await strategy.eval(testStream), { [exp(0)]: 0.5, [exp(1)]: 0.5, [stream]: 0.5 });

    answer([0, 0, 0, 0]);
    // Experience 0: 3/4 - 1; experience 1: 3/4 - 0.
    assert.deepEqual(await strategy.eval(testStream), { [exp(0)]: -0.25, [exp(1)]: 0.75, [stream]: 0.25 });
  });

  it('keeps two streams apart, and leaves out experiences that were not evaluated when they were current', async () => {
    const { strategy, answer } = makeStrategy(
      new EvaluationPlugin(forgettingMetrics({ experience: true, stream: true }), { loggers: [] }),
    );
    answer([0, 0, 0, 0]);
    await strategy.train(trainStream.at(0)!);
    await strategy.eval(testStream.at(0)!);
    answer([1, 1, 1, 1]);
    await strategy.train(trainStream.at(1)!);
    // The training stream was never evaluated before: its experience 0 has no value.
    const metrics = await strategy.eval(trainStream);
    assert.deepEqual(metrics, { [stream]: 0, 'StreamForgetting/eval_phase/train_stream': 0 });
    assert.equal((await strategy.eval(testStream))[exp(0)], 1);
  });

  it('has only the levels that are asked for', async () => {
    const { strategy, answer } = makeStrategy(new EvaluationPlugin(forgettingMetrics({ stream: true }), { loggers: [] }));
    answer([0, 0, 0, 0]);
    await strategy.train(trainStream.at(0)!);
    assert.deepEqual(Object.keys(await strategy.eval(testStream)), [stream]);
  });
});

describe('accuracy matrix', () => {
  // Row i: after experience i; column k: accuracy on experience k.
  const matrix = [
    [0.75, 0, 0],
    [0.25, 1, 0.5],
    [0.5, 0.25, 0.75],
  ];

  it('averages the last row', () => {
    assert.equal(averageAccuracy(matrix), 0.5);
    assert.equal(averageAccuracy([[0.75]]), 0.75);
    assert.equal(averageAccuracy([]), 0);
  });

  it('leaves out what was not evaluated', () => {
    const partly = [
      [0.75, null, null],
      [null, null, 0.5],
      [0.5, 0.25, null],
    ];
    assert.equal(averageAccuracy(partly), 0.375);
    assert.equal(averageForgetting(partly), 0.25);
    assert.equal(averageAccuracy([[null, null]]), 0);
  });

  it('averages what was lost since each experience was learned, but for the last', () => {
    // (0.75 - 0.5 + 1 - 0.25) / 2
    assert.equal(averageForgetting(matrix), 0.5);
    assert.equal(averageForgetting([[0.75]]), 0);
    assert.equal(averageForgetting([]), 0);
    assert.equal(
      averageForgetting([
        [0.25, 0],
        [0.75, 1],
      ]),
      -0.5,
    );
  });
});
