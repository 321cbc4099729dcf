// Replays traces recorded from the reference: every hook in its order, with what a plugin sees in it.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { readTrace, replayTrace, type TraceEntry } from '../../../lib/cli/trace-run';
import { optim, SupervisedTemplate } from '../../../lib/index';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const folder = path.join(__dirname, '../../fixtures/traces');
const read = (name: string) => readTrace(path.join(folder, `${name}.json`));
const recordings = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .map((file) => path.basename(file, '.json'));

/** The reference skips the experience that follows; see the last test. */
const defective = 'stop_last_epoch';

function assertSameTrace(actual: TraceEntry[], expected: TraceEntry[]): void {
  for (const [i, entry] of expected.entries()) {
    assert.deepEqual(actual[i], entry, `entry ${i}: ${entry.hook} of ${entry.experience ?? 'no experience'}`);
  }
  assert.equal(actual.length, expected.length);
}

describe('hook sequence', () => {
  it('has a recording of every configuration', () => {
    assert.equal(recordings.length, 22);
  });

  for (const name of recordings.filter((recording) => recording !== defective)) {
    it(`equals the recorded one: ${name}`, async () => {
      const recording = await read(name);
      assertSameTrace(await replayTrace(recording), recording.trace);
    });
  }

  it('goes on with the next experience when training is stopped in the last epoch of one', async () => {
    const recording = await read(defective);
    const expected = recording.trace;
    const actual = await replayTrace(recording);
    const stop = expected.findIndex((entry) => entry.stopTrainingCalled);
    const endOfFirst = expected.findIndex((entry) => entry.hook === 'afterTrainingExp');
    assertSameTrace(actual.slice(0, endOfFirst + 1), expected.slice(0, endOfFirst + 1));
    assert.ok(stop > 0 && stop < endOfFirst);
    // The second experience is trained as where nobody stops: two epochs of two iterations.
    const undisturbed = (await read('epoch_every-1')).trace.filter((entry) => entry.experience === 'train/1');
    const second = actual.filter((entry) => entry.experience === 'train/1');
    assert.deepEqual(
      second.map((entry) => entry.hook),
      undisturbed.map((entry) => entry.hook),
    );
  });

  it('calls no hook of a plugin that was taken out, and every hook of one that was put in', async () => {
    const model = smallModel();
    const calls: string[] = [];
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters()),
      trainMbSize: 4,
      evaluator: null,
      plugins: [{ beforeTraining: () => void calls.push('taken out') }],
    });
    strategy.plugins.shift();
    strategy.plugins.unshift({ beforeForward: () => void calls.push('put in') });
    await strategy.train(smallBenchmark().trainStream.at(0)!);
    assert.deepEqual(calls, ['put in', 'put in']);
  });
});
