// Hooks that take their time, and hooks that take all of it: the iteration waits for the former, the event loop turns in
// spite of the latter.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  type Hook,
  type HookName,
  hookNames,
  optim,
  type Plugin,
  SupervisedTemplate,
} from '../../../lib/index';
import { smallBenchmark, smallDataset, smallModel } from '../../support/small-runs';

function strategyWith(plugins: Plugin[], trainMbSize: number): SupervisedTemplate {
  const model = smallModel();
  return new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters()), trainMbSize, evaluator: null, plugins });
}

const trainingHooks = hookNames.filter((name) => !name.includes('Eval'));

describe('a hook that returns a thenable', () => {
  /** Resolves a turn of the event loop after somebody has asked for it; says when. */
  const thenable = (settled: () => void) => ({
    then(resolve: () => void) {
      setImmediate(() => {
        settled();
        resolve();
      });
    },
  });

  it('is awaited like one that returns a promise, whichever it is', async () => {
    const events: string[] = [];
    const slow = (name: HookName): Hook =>
      (() => {
        events.push(`${name} begins`);
        return thenable(() => events.push(`${name} ends`));
      }) as unknown as Hook;
    const next = (name: HookName): Hook => () => void events.push(`behind ${name}`);
    const plugins = [slow, next].map((hook): Plugin => Object.fromEntries(trainingHooks.map((name) => [name, hook(name)])));
    await strategyWith(plugins, 4).train(smallBenchmark().trainStream.at(0)!);
    const called = events.flatMap((event) => (event.endsWith(' begins') ? [event.slice(0, -' begins'.length)] : []));
    assert.deepEqual(new Set(called), new Set(trainingHooks));
    const expected = called.flatMap((name) => [`${name} begins`, `${name} ends`, `behind ${name}`]);
    assert.deepEqual(events, expected);
  });

  it('ends the training where it rejects', async () => {
    const refusing = { then: (_: unknown, reject: (reason: Error) => void) => setImmediate(reject, new Error('refused')) };
    const plugin = { beforeUpdate: (() => refusing) as unknown as Hook };
    await assert.rejects(strategyWith([plugin], 4).train(smallBenchmark().trainStream.at(0)!), /refused/);
  });
});

describe('timers', () => {
  /** Far more than are trained where timers fire. */
  const iterations = 20_000;

  for (const name of ['beforeForward', 'afterUpdate'] as const) {
    it(`fire while a synchronous hook listens: ${name}`, async () => {
      let timer: NodeJS.Timeout | undefined;
      let hasFired = false;
      const hook: Hook = (strategy) => {
        timer ??= setTimeout(() => (hasFired = true), 0);
        if (hasFired) strategy.stopTraining();
      };
      const { trainStream } = benchmarkFromDatasets({ train: [smallDataset(iterations, [0, 1])] });
      const strategy = strategyWith([{ [name]: hook }], 1);
      await strategy.train(trainStream);
      assert.ok(hasFired && strategy.clock.trainIterations < iterations, `${strategy.clock.trainIterations} iterations`);
    });
  }
});
