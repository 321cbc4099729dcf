// Metrics whose numbers can be worked out by hand: mini-batch levels, times, names; and their misuse.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  bwtMetrics,
  confusionMatrixMetrics,
  forgettingMetrics,
  forwardTransferMetrics,
  lossMetrics,
  metricName,
  type Plugin,
  timingMetrics,
} from '../../lib/index';
import { answering, labelled, ofTest, ofTrain, three } from '../support/answering';
import { throwsWithCode } from '../support/assertions';

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
