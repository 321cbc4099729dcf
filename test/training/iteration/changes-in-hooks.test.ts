// What hooks change inside an iteration counts from there on, as in the reference, and so do methods of the model and the optimizer.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { hookNames, type Hook, MASPlugin, nn, ops, optim, type Plugin, SupervisedTemplate, type Tensor } from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { numbersOf, smallBenchmark, smallModel } from '../../support/small-runs';
import { assertUsable, smallStrategy } from '../../support/survival';

const { trainStream, testStream } = smallBenchmark();
const train = (strategy: SupervisedTemplate) => strategy.train(trainStream.at(0)!, { shuffle: false });

describe('changes in hooks', () => {
  it('calls a plugin that was put in during the iteration, and no longer one that was taken out', async () => {
    const calls: string[] = [];
    const late: Plugin = { beforeForward: () => void calls.push('late, before'), afterForward: () => void calls.push('late') };
    const first: Plugin = {
      beforeForward: ({ plugins }) => {
        calls.push('first');
        plugins.splice(plugins.indexOf(first), 1, late);
      },
      afterForward: () => void calls.push('first, after'),
    };
    await train(smallStrategy({ plugins: [first] }));
    assert.deepEqual(calls, ['first', 'late', 'late, before', 'late']);
  });

  it('calls methods that were replaced during the iteration', async () => {
    let steps = 0;
    const replace: Plugin = {
      beforeForward: (strategy) => {
        strategy.optimizerStep = () => void steps++;
      },
    };
    const strategy = smallStrategy({ plugins: [replace] });
    const before = numbersOf(strategy.model.namedParameters());
    await train(strategy);
    assert.equal(steps, 2);
    assert.deepEqual(numbersOf(strategy.model.namedParameters()), before);
  });

  for (const name of hookNames.filter((hook) => !/Eval|^beforeTrainingIteration|Forward$|^beforeBackward/.test(hook))) {
    it(`goes on when an evaluation has ended that ${name} does not wait for`, async () => {
      const run = async (hook: Hook) => {
        const strategy = smallStrategy({ evaluator: null });
        strategy.plugins.unshift({ [name]: hook });
        await train(strategy);
        strategy.plugins.shift();
        const outcome = { parameters: numbersOf(strategy.model.namedParameters()), clock: { ...strategy.clock } };
        await assertUsable(strategy);
        return outcome;
      };
      const waiting = await run(async (strategy) => void (await strategy.eval(testStream)));
      assert.deepEqual(await run((strategy) => void strategy.eval(testStream)), waiting);
    });
  }

  it('refuses an evaluation that a hook begins after it has ended', async () => {
    let late: Promise<unknown> | undefined;
    const plugin: Plugin = {
      afterTrainingEpoch: (strategy) => {
        late ??= nextTurn().then(() => rejectsWithCode(strategy.eval(testStream), 'ERR_BUSY', /^eval: /));
      },
      beforeTrainingEpoch: async () => void (await late),
    };
    const strategy = smallStrategy({ plugins: [plugin], trainEpochs: 2 });
    await train(strategy);
    assert.ok(late);
  });
});

describe('methods of the model and the optimizer', () => {
  const run = async (model: nn.Module, optimizer: optim.Optimizer, plugins: Plugin[] = []) => {
    const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 4, evalMbSize: 4, evaluator: null, plugins });
    await train(strategy);
    await strategy.eval(testStream.at(0)!);
    return numbersOf(model.namedParameters());
  };

  it('are called where a subclass of the optimizer overrides step and zeroGrad', async () => {
    let zeroed = 0;
    class Frozen extends optim.SGD {
      override step() {}
      override zeroGrad() {
        zeroed++;
        super.zeroGrad();
      }
    }
    const model = smallModel();
    const before = numbersOf(model.namedParameters());
    assert.deepEqual(await run(model, new Frozen(model.parameters(), { lr: 0.1 })), before);
    assert.equal(zeroed, 2);
  });

  it('sums gradients up where zeroGrad does nothing', async () => {
    class Summing extends optim.SGD {
      override zeroGrad() {}
    }
    const constant = (output: Tensor) => ops.aten.sum!(output) as Tensor;
    const model = new nn.Linear(4, 1, { bias: false });
    const [weight] = model.parameters();
    const before = weight!.toNumbers();
    const optimizer = new Summing(model.parameters(), { lr: 1 });
    const strategy = new SupervisedTemplate({ model, optimizer, criterion: constant, trainMbSize: 4, evaluator: null });
    const { x } = trainStream.at(0)!.dataset;
    await train(strategy);
    // d/dw sum(w.x) = sum x: the first mini-batch counts in both steps, the second in its own.
    const rows = x.toNumbers();
    const sum = (from: number, column: number) =>
      [0, 1, 2, 3].reduce((total, row) => total + rows[4 * (from + row) + column]!, 0);
    weight!.toNumbers().forEach((value, i) => assert.ok(Math.abs(value - (before[i]! - 2 * sum(0, i) - sum(4, i))) < 1e-5));
  });

  class Counting extends nn.Sequential {
    calls = 0;
    override forward(input: Tensor) {
      this.calls++;
      return ops.aten.mul!(super.forward(input), 0) as Tensor;
    }
  }
  const counting = () => new Counting(new nn.Linear(4, 5), new nn.ReLU(), new nn.Linear(5, 4));

  it('are called where a subclass of the model overrides forward', async () => {
    const model = counting();
    const before = numbersOf(model.namedParameters());
    assert.deepEqual(await run(model, new optim.SGD(model.parameters(), { lr: 0.1 })), before);
    assert.equal(model.calls, 3);
  });

  it('measures the importances of such a model with its own forward', async () => {
    const model = counting();
    const mas = new MASPlugin();
    await run(model, new optim.SGD(model.parameters(), { lr: 0.1 }), [mas]);
    assert.equal(model.calls, 3 + 2, 'mini-batches of training and of the importance pass');
    for (const omega of mas.importance!.values()) assert.ok(omega.toNumbers().every((value) => value === 0));
  });

  it('refuses a dataloader that is no object', async () => {
    for (const dataloader of [null, undefined, 5]) {
      const strategy = smallStrategy({
        plugins: [{ beforeTrainingExp: (s) => void (s.dataloader = dataloader as never) }],
      });
      await rejectsWithCode(train(strategy), 'ERR_INVALID_ARG_TYPE', /^dataloader: expected a DataLoader or an iterable/);
      strategy.plugins.shift();
      await assertUsable(strategy);
    }
  });
});
