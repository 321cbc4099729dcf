import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { bwtMetrics, forgettingMetrics, forwardTransferMetrics } from '../../../lib/index';
import { answering, ofTest, three } from '../../support/answering';
import { rejectsWithCode } from '../../support/assertions';

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
