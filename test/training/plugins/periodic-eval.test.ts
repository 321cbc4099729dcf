// When PeriodicEval evaluates is pinned by the recorded traces (test/training/templates); here is its misuse.
import { describe, it } from 'mocha';
import { PeriodicEval } from '../../../lib/index';
import { throwsWithCode } from '../../support/assertions';

describe('PeriodicEval', () => {
  it('misuse: numbers and modes that do not exist', () => {
    for (const evalEvery of [-2, 0.5, NaN]) {
      throwsWithCode(
        () => new PeriodicEval(evalEvery),
        'ERR_INVALID_ARG_VALUE',
        /^PeriodicEval: expected evalEvery to be an integer of at least -1, got /,
      );
    }
    throwsWithCode(() => new PeriodicEval('1' as never), 'ERR_INVALID_ARG_TYPE', /, got "1"$/);
    throwsWithCode(
      () => new PeriodicEval(1, 'epochs' as never),
      'ERR_INVALID_ARG_VALUE',
      /^PeriodicEval: expected pevalMode to be "epoch", "iteration" or "experience", got "epochs"$/,
    );
  });
});
