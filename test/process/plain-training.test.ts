// A training loop that never gives anything back by itself: no tidy, no dispose, no await between iterations. What keeps its
// memory flat is that tensors which the collector took are found while new ones are made.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { processTestTimeout, runProgram } from '../support/child-process';

interface Sample {
  iteration: number;
  tensors: number;
  bytes: number;
  rss: number;
  /** Resident memory but for V8's heap, which grows and shrinks by tens of MB as it likes. */
  outsideHeap: number;
}

interface Training {
  samples: Sample[];
  untrainedLoss: number;
  trainedLoss: number;
}

const megabyte = 2 ** 20;

async function train(width: number, iterations: number, batchSize: number): Promise<Training> {
  const { code, stdout, stderr } = await runProgram('test/process/programs/plain-training.ts', [width, iterations, batchSize].map(String));
  assert.deepEqual([code, stderr], [0, '']);
  return JSON.parse(stdout) as Training;
}

describe('a training loop of plain operators', function () {
  this.timeout(processTestTimeout);

  it('uses as much memory after 10,000 iterations as after 2,000', async () => {
    const { samples, untrainedLoss, trainedLoss } = await train(32, 10_000, 8);
    const [early, late] = [samples[1]!, samples.at(-1)!];
    assert.deepEqual([early.iteration, late.iteration], [2000, 10_000]);
    assert.ok(trainedLoss < untrainedLoss / 2, 'the model learns');
    // Each iteration makes some 15 tensors: a leak of one of them would leave 8,000 here. Measured: 200 to 3,600.
    for (const { tensors } of samples) assert.ok(tensors < 6000, `${tensors} tensors are held`);
    // The smallest tensor costs some 300 bytes: a leak of all of an iteration's comes to 30 MB or more. Measured: below 2.
    const grown = (late.outsideHeap - early.outsideHeap) / megabyte;
    assert.ok(grown < 8, `resident memory outside of V8's heap grew by ${grown} MB`);
  });

  it('holds few of its tensors where each has megabytes', async () => {
    const { samples } = await train(1024, 100, 1024);
    // Each iteration makes 25 MB: 90 iterations that nobody gave back would come to 2,300 MB. Measured: 76 at most.
    for (const { bytes } of samples) assert.ok(bytes < 300 * megabyte, `${bytes} bytes are held`);
    const grown = (samples.at(-1)!.rss - samples[0]!.rss) / megabyte;
    assert.ok(grown < 300, `resident memory grew by ${grown} MB`);
  });
});
