// What a hook may call while another call that it has begun is under way: nothing, and the error says so.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, MASPlugin, type Plugin, tensor, torch } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { smallBenchmark } from '../support/small-runs';
import { smallStrategy } from '../support/survival';

const { trainStream, testStream } = smallBenchmark();
const update = 'MASPlugin.updateImportance';

describe('two calls in one hook', () => {
  type Call = 'eval' | typeof update;
  for (const hook of ['beforeTrainingExp', 'afterTrainingEpoch', 'afterTrainingExp'] as const) {
    for (const [first, second] of [[update, update], ['eval', update], [update, 'eval'], ['eval', 'eval']] as [Call, Call][]) {
      it(`refuses the second: ${first}, then ${second}, in ${hook}`, async () => {
        let count = 0;
        const calling: Plugin = {
          async [hook](running: typeof strategy) {
            const call = (name: Call) => (name === 'eval' ? running.eval(testStream) : mas.updateImportance(running, torch.ones([4, 4])));
            const working = call(first);
            const message = `${second}: expected a hook of the strategy in which no other call is under way, got one with a call of ${first}; await its promise first`;
            const error = await rejectsWithCode(call(second), 'ERR_BUSY', /./);
            assert.equal(error.message, message);
            await working;
            await call(second);
            count++;
          },
        };
        const mas = new MASPlugin();
        const strategy = smallStrategy({ generator: new Generator({ device: 'cpu' }), plugins: [mas, calling] });
        await strategy.train(trainStream);
        assert.equal(count, 2);
      });
    }
  }

  it('refuses an evaluation in a hook of an evaluation', async () => {
    let count = 0;
    const message = /^eval: expected a strategy that does not evaluate, or a hook of training, got a hook of an evaluation; evaluate behind it$/;
    const evaluating: Plugin = {
      async beforeEvalExp(running) {
        await rejectsWithCode(running.eval(testStream), 'ERR_BUSY', message);
        count++;
      },
    };
    const strategy = smallStrategy({ generator: new Generator({ device: 'cpu' }), plugins: [evaluating] });
    await strategy.eval(testStream);
    assert.ok(count > 0);
  });

  it('refuses a call by the data of an update in a hook', async () => {
    let count = 0;
    const mas = new MASPlugin();
    const updating: Plugin = {
      beforeTrainingExp: (running) =>
        mas.updateImportance(running, async () => {
          await rejectsWithCode(running.eval(testStream), 'ERR_BUSY', /^eval: expected a hook .*, got one with a call of MASPlugin\.updateImportance/);
          count++;
          return tensor([[1, 2, 3, 4], [1, 0, 1, 0]]); // prettier-ignore
        }),
    };
    await smallStrategy({ generator: new Generator({ device: 'cpu' }), plugins: [mas, updating] }).train(trainStream);
    assert.equal(count, 2);
  });
});
