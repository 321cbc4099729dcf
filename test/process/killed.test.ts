import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { getDefaultDevice } from '../../lib/index';
import { processTestTimeout } from '../support/child-process';
import { type Disk, type RunName, runs, trainToTheEnd } from '../support/killed-runs';

// `kill-runs.ts` does the same a hundred times.
describe('a run that is killed with SIGKILL', function () {
  this.timeout(processTestTimeout);

  const disks: Disk[] = ['sound', 'failing'];
  runs.forEach((run: RunName, i) => {
    const disk = disks[i % disks.length]!;
    it(`goes on and ends with the same bits: ${run}, disk ${disk}`, async function () {
      if (getDefaultDevice() !== 'cpu') this.skip(); // the data of these runs is drawn on the CPU
      const { digest, milliseconds } = await trainToTheEnd(run);
      const end = await trainToTheEnd(run, [0.5 * milliseconds, 0.3 * milliseconds], disk, i);
      assert.equal(end.digest, digest, `killed ${end.kills} times, went on from ${end.from.join(', ')}`);
    });
  });
});
