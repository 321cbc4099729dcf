// Parameters lie in flat memory behind the scenes: what several strategies and optimizers do to one model must not show.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, MASPlugin, nn, optim, ops, type Plugin, SupervisedTemplate, type Tensor } from '../../lib/index';
import { processTestTimeout, runProgram } from '../support/child-process';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';

const sgd = { lr: 0.1, momentum: 0.9 };

function strategyOf(model: nn.Module, optimizer: optim.Optimizer, plugins: Plugin[] = []): SupervisedTemplate {
  return new SupervisedTemplate({ model, optimizer, trainMbSize: 4, plugins, evaluator: null });
}

describe('one model in several hands', () => {
  const [first, second] = smallBenchmark().trainStream.experiences as [never, never];

  it("a strategy's first training clears what the optimizer remembers, as the reference's does", async () => {
    const run = async (fresh: boolean) => {
      manualSeed(3);
      const model = smallModel();
      const optimizer = new optim.SGD(model.parameters(), sgd);
      await strategyOf(model, optimizer).train(first, { shuffle: false });
      const next = fresh ? new optim.SGD(model.parameters(), sgd) : optimizer;
      await strategyOf(model, next).train(second, { shuffle: false });
      return numbersOf(model.namedParameters());
    };
    assert.deepEqual(await run(false), await run(true));
  });

  it('keeps momentum from one experience to the next of one strategy', async () => {
    const run = async (resetOptimizerState: boolean) => {
      manualSeed(3);
      const model = smallModel();
      const strategy = strategyOf(model, new optim.SGD(model.parameters(), sgd));
      await strategy.train(first, { shuffle: false });
      await strategy.train(second, { shuffle: false, resetOptimizerState });
      return numbersOf(model.namedParameters());
    };
    assert.notDeepEqual(await run(false), await run(true));
  });

  it('the penalty sees what a second optimizer did to some of the parameters', async () => {
    const run = async (update: (parameter: Tensor) => () => void) => {
      manualSeed(3);
      const model = smallModel();
      const losses: number[] = [];
      const step = update(model.parameters()[0]!);
      const watch: Plugin = {
        afterBackward: (strategy) => void losses.push(strategy.loss.item()),
        afterUpdate: () => step(),
      };
      const mas = new MASPlugin({ lambdaReg: 10 });
      const strategy = strategyOf(model, new optim.SGD(model.parameters(), { lr: 0.1 }), [mas, watch]);
      for (const experience of [first, second]) await strategy.train(experience, { shuffle: false });
      return losses;
    };
    const byOptimizer = await run((parameter) => {
      const other = new optim.SGD([parameter], { lr: 0.5 });
      return () => other.step();
    });
    const byOperator = await run((parameter) => () => {
      parameter.requiresGrad_(false);
      ops.aten.sub_!(parameter, parameter.grad, { alpha: 0.5 });
      parameter.requiresGrad_(true);
    });
    assert.equal(byOptimizer.length, byOperator.length);
    byOptimizer.forEach((loss, i) => assert.ok(Math.abs(loss - byOperator[i]!) < 1e-5 * loss, `${i}: ${loss}`));
  });

  it('parameters outlive the strategies that laid them out', async function () {
    this.timeout(processTestTimeout);
    const ended = await runProgram('test/process/programs/dropped-strategy.ts', [], ['--expose-gc']);
    assert.deepEqual(ended, { code: 0, signal: null, stdout: 'end\n', stderr: '' });
  });
});
