// Metrics whose numbers can be worked out by hand: mini-batch levels, times, transfer, confusion; and their misuse.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  bwtMetrics,
  confusionMatrixMetrics,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  lossMetrics,
  type MetricArgument,
  metricName,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  tensor,
  TensorDataset,
  timingMetrics,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { setValues, smallBenchmark } from '../support/small-runs';
import { assertUsable, smallStrategy } from '../support/survival';

const ofTest = (metric: string, experience?: number) =>
  `${metric}/eval_phase/test_stream${experience === undefined ? '' : `/Task000/Exp00${experience}`}`;
const ofTrain = (metric: string) => `${metric}/train_phase/train_stream/Task000`;

/** Four samples, each a unit vector, so that row k of the transposed weight is the output for sample k. */
const unitVectors = tensor([0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : 0))));
const labelled = (labels: number[]) => new TensorDataset(unitVectors, tensor(labels, { dtype: 'int64' }), { taskLabels: 0 });
const constant = (label: number) => labelled([label, label, label, label]);

/** A strategy whose model answers as told: `answer` sets the class predicted for each of the four samples. */
function answering(metrics: MetricArgument[], options: Partial<SupervisedTemplateOptions> = {}) {
  const model = new nn.Linear(4, 4, { bias: false });
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 2,
    evalMbSize: 3,
    evaluator: new EvaluationPlugin(...metrics, { loggers: [] }),
    ...options,
  });
  const answer = (predictions: number[]) =>
    setValues(
      model.parameters()[0]!,
      [0, 1, 2, 3].flatMap((output) => predictions.map((predicted) => (predicted === output ? 1 : 0))),
    );
  return { strategy, answer };
}

// The accuracy on experience k is the share of predictions that are k.
const three = () => benchmarkFromDatasets({ train: [0, 1, 2].map(constant), test: [0, 1, 2].map(constant) });

describe('mini-batch and running levels', () => {
  it('are of each mini-batch, and of the epoch so far', async () => {
    const { strategy, answer } = answering([accuracyMetrics({ minibatch: true, epochRunning: true })], {
      trainMbSize: 3,
      trainEpochs: 2,
    });
    answer([0, 0, 1, 2]);
    // Labels 0, 1, 1, 2: right, wrong, right; then right.
    const { trainStream } = benchmarkFromDatasets({ train: [labelled([0, 1, 1, 2])] });
    await strategy.train(trainStream, { shuffle: false });
    assert.deepEqual(strategy.evaluator.getAllMetrics(), {
      [ofTrain('Top1_Acc_MB')]: [[0, 1, 2, 3], [2 / 3, 1, 2 / 3, 1]],
      [ofTrain('Top1_RunningAcc_Epoch')]: [[0, 1, 2, 3], [2 / 3, 3 / 4, 2 / 3, 3 / 4]],
    });
  });

  it('are not mixed with an evaluation between two iterations', async () => {
    const metrics = [accuracyMetrics({ minibatch: true, epochRunning: true, epoch: true })];
    const { strategy, answer } = answering(metrics, { evalEvery: 1, pevalMode: 'iteration' });
    answer([0, 0, 1, 1]);
    const { trainStream, testStream } = three();
    await strategy.train(trainStream.at(0)!, { shuffle: false, evalStreams: [testStream] });
    const all = strategy.evaluator.getAllMetrics();
    assert.deepEqual(all[ofTrain('Top1_Acc_MB')]![1], [1, 0]);
    assert.deepEqual(all[ofTrain('Top1_RunningAcc_Epoch')]![1], [1, 0.5]);
    assert.deepEqual(all[ofTrain('Top1_Acc_Epoch')]![1], [0.5]);
  });
});

describe('mini-batch levels of an evaluator that rested', () => {
  it('are those of the mini-batches since', async () => {
    // The second epoch begins without the evaluator, which wakes in its second iteration.
    const wake: Plugin = {
      beforeTrainingEpoch: (s) => void (s.evaluator.active = s.clock.trainExpEpochs === 0),
      beforeTrainingIteration: (s) => void (s.clock.trainIterations === 3 && (s.evaluator.active = true)),
    };
    const metrics = [accuracyMetrics({ minibatch: true })];
    const { strategy, answer } = answering(metrics, { trainEpochs: 2, plugins: [wake] });
    answer([0, 0, 0, 1]);
    await strategy.train(three().trainStream.at(0)!, { shuffle: false });
    assert.deepEqual(strategy.evaluator.getAllMetrics()[ofTrain('Top1_Acc_MB')], [[0, 1, 3], [1, 0.5, 0.5]]);
  });
});

describe('Accuracy_On_Trained_Experiences', () => {
  it('is over experiences up to the last one trained on, the first before any training', async () => {
    const { strategy, answer } = answering([accuracyMetrics({ trainedExperience: true })]);
    const name = `${ofTest('Accuracy_On_Trained_Experiences')}/Task000`;
    const { trainStream, testStream } = three();
    answer([0, 1, 1, 2]);
    assert.equal((await strategy.eval(testStream))[name], 1 / 4);
    await strategy.train(trainStream.at(1)!);
    assert.equal((await strategy.eval(testStream))[name], 3 / 8);
    await strategy.train(trainStream.at(2)!);
    assert.equal((await strategy.eval(testStream))[name], 4 / 12);
  });
});

describe('times', () => {
  /** Seconds that pass in hooks; nothing else moves this clock. */
  async function withClock(run: (pass: (seconds: number) => void) => Promise<void>): Promise<void> {
    const { now } = performance;
    let seconds = 100;
    performance.now = () => 1000 * seconds;
    try {
      await run((passing) => (seconds += passing));
    } finally {
      performance.now = now;
    }
  }

  it('are those of the iteration, the epoch, their mean in the epoch so far, the experience and the stream', () =>
    withClock(async (pass) => {
      let iteration = 0;
      const plugin: Plugin = {
        // Before the evaluator's hook: outside of the iteration's time, inside of the epoch's.
        beforeTrainingIteration: () => pass(10),
        beforeForward: () => pass(++iteration),
        beforeEvalExp: () => pass(1000),
        beforeEvalForward: () => pass(5),
      };
      const levels = { minibatch: true, epoch: true, epochRunning: true, experience: true, stream: true };
      const { strategy } = answering([timingMetrics(levels)], { plugins: [plugin], trainEpochs: 2 });
      const { trainStream, testStream } = three();
      await strategy.train(trainStream.at(0)!);
      await strategy.eval(testStream.slice(0, 2));
      const seconds = Object.fromEntries(
        Object.entries(strategy.evaluator.getAllMetrics()).map(([name, [, values]]) => [
          name,
          values.map((value) => Math.round((value as number) * 1e6) / 1e6),
        ]),
      );
      assert.deepEqual(seconds, {
        [ofTrain('Time_MB')]: [1, 2, 3, 4],
        [ofTrain('RunningTime_Epoch')]: [1, 1.5, 3, 3.5],
        [ofTrain('Time_Epoch')]: [10 + 1 + 10 + 2, 10 + 3 + 10 + 4],
        // Two mini-batches of 3 and 1 samples.
        [ofTest('Time_Exp', 0)]: [10],
        [ofTest('Time_Exp', 1)]: [10],
        [`${ofTest('Time_Stream')}/Task000`]: [2 * 1010],
      });
    }));
});

describe('backward transfer', () => {
  it('is forgetting with the other sign', async () => {
    const levels = { experience: true, stream: true };
    const { strategy, answer } = answering([forgettingMetrics(levels), bwtMetrics(levels)]);
    const { trainStream, testStream } = three();
    answer([0, 0, 0, 1]);
    await strategy.train(trainStream.at(0)!);
    await strategy.eval(testStream);
    answer([0, 1, 1, 1]);
    await strategy.train(trainStream.at(1)!);
    assert.deepEqual(await strategy.eval(testStream), {
      [ofTest('ExperienceForgetting', 0)]: 0.5,
      [ofTest('StreamForgetting')]: 0.5,
      [ofTest('ExperienceBWT', 0)]: -0.5,
      [ofTest('StreamBWT')]: -0.5,
    });
    answer([0, 0, 0, 1]);
    // Nothing forgotten: 0, and not -0.
    assert.equal((await strategy.eval(testStream))[ofTest('ExperienceBWT', 0)], 0);
  });
});

describe('forward transfer', () => {
  const levels = { experience: true, stream: true };

  it('is the gain on an experience after the one before it, since before all training', async () => {
    const { strategy, answer } = answering([forwardTransferMetrics(levels)]);
    const { trainStream, testStream } = three();
    answer([1, 0, 0, 3]);
    assert.deepEqual(await strategy.eval(testStream), { [ofTest('StreamForwardTransfer')]: 0 });
    await strategy.train(trainStream.at(0)!);
    answer([1, 1, 1, 2]);
    // Experience 1: 3/4 - 1/4.
    assert.deepEqual(await strategy.eval(testStream), {
      [ofTest('ExperienceForwardTransfer', 1)]: 0.5,
      [ofTest('StreamForwardTransfer')]: 0.5,
    });
    await strategy.train(trainStream.at(1)!);
    answer([2, 2, 2, 2]);
    // Experience 2: 1 - 0; that to experience 1 is as it was.
    assert.deepEqual(await strategy.eval(testStream), {
      [ofTest('ExperienceForwardTransfer', 1)]: 0.5,
      [ofTest('ExperienceForwardTransfer', 2)]: 1,
      [ofTest('StreamForwardTransfer')]: 0.75,
    });
    // Another part of the stream: the mean is over what was evaluated.
    assert.equal((await strategy.eval(testStream.at(1)!))[ofTest('StreamForwardTransfer')], 0.5);
  });

  it('needs an evaluation before the first training', async () => {
    const { strategy } = answering([forwardTransferMetrics(levels)]);
    const { trainStream, testStream } = three();
    await rejectsWithCode(
      strategy.train(trainStream),
      'ERR_NO_INITIAL_EVALUATION',
      /^forwardTransferMetrics: expected an evaluation of every experience before the first training .*, got none$/,
    );
    await strategy.eval(testStream);
    await strategy.train(trainStream);
  });

  it('needs that evaluation of every experience that is evaluated later', async () => {
    const { strategy } = answering([forwardTransferMetrics({ stream: true })]);
    const { trainStream, testStream } = three();
    await strategy.eval(testStream.at(0)!);
    await strategy.train(trainStream.at(0)!);
    await rejectsWithCode(
      strategy.eval(testStream),
      'ERR_NO_INITIAL_EVALUATION',
      /, got none of experience 1 of stream "test"$/,
    );
    await strategy.eval(testStream.at(0)!);
  });
});

describe('the confusion matrix', () => {
  const name = ofTest('ConfusionMatrix_Stream');

  async function matrixOf(
    options: Parameters<typeof confusionMatrixMetrics>[0],
    predictions = [0, 0, 2, 1],
    labels = [0, 1, 2, 2],
  ): Promise<number[][]> {
    const { strategy, answer } = answering([confusionMatrixMetrics({ stream: true, ...options })]);
    answer(predictions);
    await strategy.eval(benchmarkFromDatasets({ test: [labelled(labels)] }).testStream);
    return strategy.evaluator.results.toJSON().curves[name]!.y[0] as number[][];
  }

  it('counts the true class by rows and the predicted one by columns', async () => {
    assert.deepEqual(await matrixOf({}), [
      [1, 0, 0, 0],
      [1, 0, 0, 0],
      [0, 1, 1, 0],
      [0, 0, 0, 0],
    ]);
  });

  it('is normalized over rows, columns or all, 0 / 0 being 0', async () => {
    const rest = [0, 0, 0, 0];
    assert.deepEqual(await matrixOf({ normalize: 'true' }), [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0.5, 0.5, 0], rest]);
    assert.deepEqual(await matrixOf({ normalize: 'pred' }), [[0.5, 0, 0, 0], [0.5, 0, 0, 0], [0, 1, 1, 0], rest]);
    assert.deepEqual(await matrixOf({ normalize: 'all' }), [[0.25, 0, 0, 0], [0.25, 0, 0, 0], [0, 0.25, 0.25, 0], rest]);
  });

  it('has the size asked for, and leaves outputs beyond it out', async () => {
    assert.equal((await matrixOf({ numClasses: 6 })).length, 6);
    // Class 3 is predicted for sample 1, but of classes 0 to 2, all 0, the first.
    assert.deepEqual(await matrixOf({ numClasses: 3 }, [0, 3, 2, 1]), [
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 1],
    ]);
  });

  it('takes targets of one number a class, and starts anew with each evaluation', async () => {
    const { strategy, answer } = answering([confusionMatrixMetrics({ stream: true })], {
      criterion: (output) => ops.aten.sum!(output) as Tensor,
    });
    answer([1, 1, 2, 3]);
    const { testStream } = benchmarkFromDatasets({ test: [new TensorDataset(unitVectors, unitVectors)] });
    await strategy.eval(testStream);
    await strategy.eval(testStream);
    const expected = [
      [0, 1, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    assert.deepEqual(strategy.evaluator.results.toJSON().curves[name]!.y, [expected, expected]);
  });

  it('grows with labels that the outputs have no place for, within bounds', async () => {
    const run = async (label: number) => {
      const criterion = (output: Tensor) => ops.aten.sum!(output) as Tensor;
      const { strategy } = answering([confusionMatrixMetrics({ stream: true })], { criterion });
      await strategy.eval(benchmarkFromDatasets({ test: [constant(label)] }).testStream);
      return strategy.evaluator.getLastMetrics()[name] as Tensor;
    };
    assert.deepEqual((await run(5)).shape, [6, 6]);
    for (const label of [-1, 2 ** 14, 2 ** 40]) {
      const message = new RegExp(`expected targets to be labels of at least 0 and less than 16384, got ${label}$`);
      await rejectsWithCode(run(label), 'ERR_LABEL_RANGE', message);
    }
  });

  it('misuse: labels beyond numClasses, outputs of three dimensions', async () => {
    await rejectsWithCode(matrixOf({ numClasses: 2 }), 'ERR_LABEL_RANGE', /targets to be labels .* less than 2, got 2$/);
    const model = new nn.Linear(4, 4);
    const strategy = smallStrategy({
      model,
      optimizer: new optim.SGD(model.parameters()),
      criterion: (output) => ops.aten.sum!(output) as Tensor,
      evaluator: new EvaluationPlugin(confusionMatrixMetrics({ stream: true }), { loggers: [] }),
      plugins: [{ afterEvalForward: (s) => void (s.mbOutput = ops.aten.unsqueeze!(s.mbOutput, 2) as Tensor) }],
    });
    await rejectsWithCode(
      strategy.eval(smallBenchmark().testStream),
      'ERR_SHAPE',
      /^confusionMatrixMetrics: expected outputs of shape \[B\] or \[B, C\], got \[4, 4, 1\]$/,
    );
    strategy.plugins.shift();
    await assertUsable(strategy);
  });

  it('misuse: more outputs than targets, or fewer, or of more classes than it has room for', async () => {
    const run = (change: (output: Tensor) => Tensor) => {
      const plugins: Plugin[] = [{ afterEvalForward: (s) => void (s.mbOutput = change(s.mbOutput!)) }];
      const criterion = (output: Tensor) => ops.aten.sum!(output) as Tensor;
      const { strategy } = answering([confusionMatrixMetrics({ stream: true })], { plugins, criterion, evalMbSize: 4 });
      return strategy.eval(three().testStream);
    };
    for (const [repeats, count] of [[[2, 1], 8], [[0, 1], 0]] as const) {
      await rejectsWithCode(
        run((output) => ops.aten.repeat!(output, [...repeats]) as Tensor),
        'ERR_SHAPE',
        new RegExp(`^confusionMatrixMetrics: expected as many outputs as targets, got ${count} and 4$`),
      );
    }
    await rejectsWithCode(
      run((output) => ops.aten.repeat!(output, [1, 4097]) as Tensor),
      'ERR_SHAPE',
      /^confusionMatrixMetrics: expected outputs of at most 16384 classes, got \[4, 16388\]; numClasses says/,
    );
  });
});

describe('names of metrics', () => {
  it('have a task label only where the experience has exactly one', () => {
    const name = (taskLabels: number[]) =>
      metricName(
        'M',
        { experience: { taskLabels, currentExperience: 12, originStream: { name: 'valid' } }, isTraining: true } as any,
        { task: true, exp: true },
      );
    assert.equal(name([7]), 'M/train_phase/valid_stream/Task007/Exp012');
    // As Python's format pads it.
    assert.equal(name([-1]), 'M/train_phase/valid_stream/Task-01/Exp012');
    assert.equal(name([]), 'M/train_phase/valid_stream/Exp012');
    assert.equal(name([0, 1]), 'M/train_phase/valid_stream/Exp012');
  });
});

describe('helpers of metrics', () => {
  it('give nothing unless asked to', () => {
    for (const helper of [
      accuracyMetrics,
      lossMetrics,
      timingMetrics,
      forgettingMetrics,
      bwtMetrics,
      forwardTransferMetrics,
      confusionMatrixMetrics,
    ]) {
      assert.deepEqual(helper(), [], helper.name);
      assert.deepEqual(helper({}), [], helper.name);
    }
  });

  it('misuse: levels that they do not know, and values of another type', () => {
    const helpers = {
      accuracyMetrics,
      lossMetrics,
      timingMetrics,
      forgettingMetrics,
      bwtMetrics,
      forwardTransferMetrics,
      confusionMatrixMetrics,
    };
    for (const [name, helper] of Object.entries(helpers)) {
      const unknown = new RegExp(`^${name}: unknown option "streams"; expected among .*stream`);
      throwsWithCode(() => helper({ streams: true } as object), 'ERR_UNKNOWN_OPTION', unknown);
      const type = new RegExp(`^${name}: expected stream to be true or false, got 1$`);
      throwsWithCode(() => helper({ stream: 1 } as object), 'ERR_INVALID_ARG_TYPE', type);
    }
    throwsWithCode(
      () => confusionMatrixMetrics({ normalize: 'rows' as 'true' }),
      'ERR_INVALID_ARG_VALUE',
      /^confusionMatrixMetrics: expected normalize to be "true", "pred", "all" or null, got "rows"$/,
    );
    for (const numClasses of [0, 1.5, NaN, 2 ** 15]) {
      throwsWithCode(() => confusionMatrixMetrics({ numClasses }), 'ERR_INVALID_ARG_VALUE', /expected numClasses to be an? /);
    }
  });
});
