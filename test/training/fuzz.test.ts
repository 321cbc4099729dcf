// A few of the random programs of `npm run fuzz -- strategies`.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { fuzzStrategies } from '../fuzz/strategies-target';
import { processTestTimeout } from '../support/child-process';

describe('random programs of strategies', function () {
  this.timeout(processTestTimeout);

  it('end well or with an error of ours, and leave the strategy as good as new', async () => {
    const counts = new Map<string, number>();
    assert.deepEqual(await fuzzStrategies({ seed: 7, from: 0, to: 60 }, counts), []);
    assert.ok(counts.get('ok')! > 20 && counts.size > 3, 'programs of both kinds');
  });
});
