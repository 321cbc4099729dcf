// A few of the calls that `npm run fuzz -- calls` makes by the hundred thousand.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { fuzzCalls } from '../fuzz/calls/run';
import { processTestTimeout } from '../support/child-process';

describe('random calls of operators and methods', function () {
  this.timeout(processTestTimeout);

  it('give a value or an error of this package; none ends the process', async () => {
    const { counts, findings } = await fuzzCalls({ count: 500, seed: 3, from: 0 });
    assert.deepEqual(findings, []);
    // They reach what they are meant to.
    for (const outcome of ['value', 'ERR_TORCH', 'ERR_NO_OVERLOAD', 'ERR_INVALID_ARG_TYPE']) assert.ok(counts.get(outcome)! > 10, outcome);
  });
});
