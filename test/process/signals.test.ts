// stopOnSignals: one signal ends what strategies are at, two end the process.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Naive, optim, stopOnSignals } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { processTestTimeout, type Program, runProgram, startProgram } from '../support/child-process';
import { smallBenchmark, smallModel } from '../support/small-runs';

const file = 'test/process/programs/interrupted.ts';

/** Resolves when the program has said on stderr that it ends. */
function toldOnStderr({ child }: Program): Promise<void> {
  return new Promise((resolve) => child.stderr!.on('data', (text: string) => /again: stop at once/.test(text) && resolve()));
}

describe('stopOnSignals', function () {
  this.timeout(processTestTimeout);
  const isWindows = process.platform === 'win32';

  for (const [count, signal, at] of [[1, 'SIGINT', 'training'], [1, 'SIGTERM', 'training'], [2, 'SIGINT', 'training'], [2, 'SIGINT', 'update']] as const) { // prettier-ignore
    it(`aborts ${count} under way on ${signal} (${at}), which can be used afterwards`, async function () {
      if (isWindows) this.skip();
      const program = startProgram(file, [String(count), at]);
      await program.printed('begun');
      program.child.kill(signal);
      const { code, stdout, stderr } = await program.ended;
      const ends = `ERR_ABORTED true ${signal}\n`.repeat(count);
      assert.deepEqual([code, stdout, stderr], [0, `begun\n${ends}usable, 0 listeners\n`, `${signal}: finishing the iteration; again: stop at once\n`]);
    });
  }

  for (const [signal, second, status] of [['SIGINT', 'SIGINT', 130], ['SIGTERM', 'SIGTERM', 143], ['SIGINT', 'SIGTERM', 143]] as const) { // prettier-ignore
    it(`ends the process on ${second} after ${signal}, whatever it waits for`, async function () {
      if (isWindows) this.skip();
      const program = startProgram(file, ['1', 'hook']);
      await program.printed('begun');
      const told = toldOnStderr(program);
      program.child.kill(signal);
      await told;
      program.child.kill(second);
      const { code, stdout } = await program.ended;
      assert.deepEqual([code, stdout], [status, 'begun\n']);
    });
  }

  it('lets nothing begin after a signal that comes while nothing is under way', async function () {
    if (isWindows) this.skip();
    const program = startProgram(file, ['1', 'idle']);
    await program.printed('begun');
    program.child.kill('SIGTERM');
    const { code, stdout, stderr } = await program.ended;
    const end = 'ERR_ABORTED true SIGTERM\npassOver: aborted on its way: SIGTERM\n';
    assert.deepEqual([code, stdout, stderr], [0, `begun\n${end}usable, 0 listeners\n`, 'SIGTERM: nothing is begun any more; again: stop at once\n']);
  });

  it('says in a worker thread that signals do not arrive there', async () => {
    const { code, stdout, stderr } = await runProgram(file, ['1', 'worker']);
    assert.deepEqual([code, stdout], [0, 'begun\n']);
    assert.match(stderr, /stopOnSignals: SIGINT and SIGTERM do not arrive in worker threads/);
  });

  const strategy = () => {
    const model = smallModel();
    return new Naive({ model, optimizer: new optim.SGD(model.parameters()), evaluator: null });
  };

  it('leaves no listener behind, in whatever order it is disposed of', async () => {
    const before = ['SIGINT', 'SIGTERM'].map((name) => process.listenerCount(name));
    const now = () => ['SIGINT', 'SIGTERM'].map((name, i) => process.listenerCount(name) - before[i]!);
    const [a, b] = [strategy(), strategy()];
    const [first, second, both] = [stopOnSignals(a), stopOnSignals(a), stopOnSignals(a, b)];
    assert.deepEqual(now(), [1, 1]);
    for (const one of [second, first, first]) one[Symbol.dispose]();
    assert.deepEqual(now(), [1, 1]);
    both[Symbol.dispose]();
    assert.deepEqual(now(), [0, 0]);
    await a.train(smallBenchmark().trainStream);
  });

  it('refuses what is no strategy', async () => {
    const call = async (...given: unknown[]) => Promise.resolve(stopOnSignals(...(given as Naive[])));
    for (const given of [[], [3], [strategy(), {}]]) await rejectsWithCode(call(...given), 'ERR_INVALID_ARG_TYPE', /^stopOnSignals: expected strategies, got/);
  });
});
