import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SafePoints } from '../../../lib/training/iteration/safe-points';

/** What becomes of promises and steps, in order. */
function recording() {
  const log: string[] = [];
  return { log, step: (name: string) => () => void log.push(name) };
}

describe('SafePoints', () => {
  it('serves at once where nothing is under way, and gives the result or the error', async () => {
    const points = new SafePoints();
    assert.equal(await points.ask(() => 7), 7);
    await assert.rejects(points.ask(() => { throw new Error('no'); }), /^Error: no$/); // prettier-ignore
    await assert.rejects(points.ask(() => Promise.reject(new Error('later'))), /^Error: later$/);
    assert.equal(points.quiet(), undefined);
  });

  it('has what is asked from elsewhere wait for the next safe point of a call, and for its end', async () => {
    const points = new SafePoints();
    const { log, step } = recording();
    let goOn!: () => void;
    const call = points.during(1, async () => {
      await new Promise<void>((resolve) => (goOn = resolve));
      log.push('work');
      await points.serve();
      log.push('more work');
      await new Promise<void>((resolve) => (goOn = resolve));
    });
    await nextTurn();
    const first = points.ask(step('first'));
    await nextTurn();
    goOn();
    await first;
    await nextTurn();
    const second = points.ask(step('second'));
    await nextTurn();
    assert.deepEqual(log, ['work', 'first', 'more work']);
    goOn();
    await call;
    log.push('ended');
    await second;
    assert.deepEqual(log, ['work', 'first', 'more work', 'second', 'ended']);
  });

  it('serves what the call itself asks at once, or at the end of the job at work', async () => {
    const points = new SafePoints();
    const { log, step } = recording();
    await points.during(1, async () => {
      await points.ask(step('in a hook'));
      const running = points.job(nextTurn().then(step('job')));
      await points.ask(step('behind the job'));
      await running;
    });
    assert.deepEqual(log, ['in a hook', 'job', 'behind the job']);
  });

  it('serves one after the other, and has calls wait for those that have begun', async () => {
    const points = new SafePoints();
    const { log, step } = recording();
    const asked = ['a', 'b'].map((name) => points.ask(() => nextTurn().then(step(name))));
    await points.during(1, () => Promise.resolve(log.push('call')));
    await Promise.all(asked);
    assert.deepEqual(log, ['a', 'b', 'call']);
  });
});
