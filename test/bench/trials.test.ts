import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { Program, Question } from '../../bench/question';
import { isReached, measure, median, quantile, summarize } from '../../bench/trials';

const program = (file: string): Program => ({ runs: 'node', file });
const question = (changes: Partial<Question> = {}): Question => ({
  name: 'q',
  asks: '',
  unit: 's',
  ours: { program: program('ours'), value: 'seconds' },
  peer: { name: 'Peer', program: program('peer'), value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 2 },
  ...changes,
});

describe('bench/trials', () => {
  it('takes medians and quartiles, between two values where they fall there', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.equal(quantile([1, 2, 3, 4, 5], 0.25), 2);
    assert.equal(quantile([10, 20], 0.75), 17.5);
    assert.equal(median([7]), 7);
  });

  it('divides medians in the direction of the question, and tells the quartiles of the ratios of each trial', () => {
    const result = summarize(question(), [1, 2, 4], [4, 4, 4]);
    assert.deepEqual([result.ours, result.peer, result.ratio, result.spread, result.trials], [2, 4, 2, [1.5, 3], 3]);
    assert.equal(summarize(question({ ratio: 'ours / peer' }), [1, 2, 4], [4, 4, 4]).ratio, 0.5);
  });

  it('lets the number of ours stand for itself where there is no peer', () => {
    const alone = summarize(question({ peer: null, ratio: null, toReach: { atMost: 12 } }), [11, 12, 13], []);
    assert.deepEqual([alone.ours, alone.peer, alone.ratio, alone.spread], [12, null, null, [11.5, 12.5]]);
    assert.equal(isReached(alone), true);
  });

  it('judges against a least and against a greatest figure', () => {
    const reached = (changes: Partial<Question>) => isReached(summarize(question(changes), [1], [2]));
    assert.equal(reached({ toReach: { atLeast: 2 } }), true);
    assert.equal(reached({ toReach: { atLeast: 2.01 } }), false);
    assert.equal(reached({ toReach: { atMost: 2 } }), true);
    assert.equal(reached({ toReach: { atMost: 1.99 } }), false);
  });

  it('runs both sides alternately, each first in every second trial', async () => {
    const order: string[] = [];
    const done: number[] = [];
    const run = async ({ file }: Program) => {
      order.push(file);
      return { seconds: file === 'ours' ? 1 : 3 };
    };
    const result = await measure(question(), 3, run, (count) => done.push(count));
    assert.deepEqual(order, ['ours', 'peer', 'peer', 'ours', 'ours', 'peer']);
    assert.deepEqual(done, [0, 1, 2]);
    assert.equal(result.ratio, 3);
  });

  it('runs a program once a trial where it measures both sides', async () => {
    let runs = 0;
    const both = program('both');
    const asked = question({ ours: { program: both, value: 'a' }, peer: { name: 'b', program: both, value: 'b' } });
    const result = await measure(asked, 2, async () => ({ a: 1, b: ++runs }));
    assert.equal(runs, 2);
    assert.equal(result.peer, 1.5);
  });

  it('refuses what is not a number', async () => {
    await assert.rejects(measure(question(), 1, async () => ({ minutes: 1 })), /expected it to print a number "seconds"/);
  });
});
