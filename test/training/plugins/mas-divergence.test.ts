// Where lambdaReg is too large: SGD's steps on the penalty of one weight are
//   d <- (1 - 2 lr lambda Omega) d + lr g,
// which runs away where 2 lr lambda Omega >= 2.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  type ContinualTorchError,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  type Tensor,
  TensorDataset,
} from '../../../lib/index';
import { setValues } from '../../support/small-runs';
import { warnings } from '../../support/warnings';

/** F(x) = w x with w = 1 and x = 1: Omega = |2 w x^2| = 2. The loss pulls by a constant gradient: -1 a step. */
async function run(
  lambdaReg: number,
  makeOptimizer: (parameters: Tensor[]) => optim.Optimizer,
  options: Partial<SupervisedTemplateOptions> = {},
): Promise<{ error: ContinualTorchError | null; weight: number }> {
  const model = new nn.Linear(1, 1, { bias: false });
  model.weight.data.fill_(1);
  const data = (count: number) =>
    new TensorDataset(
      tensor(
        Array.from({ length: count }, () => [1]),
        { dtype: 'float32' },
      ),
      tensor(
        Array.from({ length: count }, () => 0),
        { dtype: 'int64' },
      ),
    );
  let isFirst = true;
  const optimizer = makeOptimizer(model.parameters());
  const [group] = optimizer.paramGroups;
  const { weightDecay } = group!;
  // Neither gradient nor decay in the first experience, so that w stays 1.
  group!.weightDecay = 0;
  const begin = () => {
    isFirst = false;
    group!.weightDecay = weightDecay;
  };
  const strategy = new SupervisedTemplate({
    model,
    optimizer,
    criterion: (output) => output.mean().mul(isFirst ? 0 : -1),
    evaluator: null,
    plugins: [new MASPlugin({ lambdaReg }), { afterTrainingExp: begin }],
    ...options,
  });
  const { trainStream } = benchmarkFromDatasets({ train: [data(1), data(400)] });
  const error = await strategy.train(trainStream).then(
    () => null,
    (e: ContinualTorchError) => e,
  );
  return { error, weight: model.weight.item() };
}

/** The bound that the message tells. */
function told(error: ContinualTorchError | null): number {
  assert.equal(error?.code, 'ERR_LOSS_NOT_FINITE');
  return Number(/SGD is stable on the penalty alone up to lambdaReg ([\d.e+-]+)/.exec(error.message)?.[1]);
}

describe('MAS with a lambdaReg that is too large', () => {
  const kinds: Record<string, { options: optim.SGDOptions; bound: number }> = {
    // lambda < 1 / (lr max Omega)
    'plain SGD': { options: { lr: 0.1 }, bound: 5 },
    'SGD with momentum': { options: { lr: 0.1, momentum: 0.5 }, bound: 7.5 },
    "SGD with Nesterov's momentum": { options: { lr: 0.1, momentum: 0.5, nesterov: true }, bound: 3.75 },
    'SGD with dampened momentum': { options: { lr: 0.1, momentum: 0.5, dampening: 0.5 }, bound: 15 },
    'SGD with weight decay': { options: { lr: 0.1, weightDecay: 4 }, bound: 4 },
  };
  for (const [name, { options, bound }] of Object.entries(kinds)) {
    it(`${name}: the loss that is not finite comes with the largest lambdaReg that is stable, which it is`, async () => {
      const sgd = (parameters: Tensor[]) => new optim.SGD(parameters, options);
      const { error } = await run(1.2 * bound, sgd);
      assert.ok(Math.abs(told(error) - bound) < 1e-4, error!.message);
      assert.match(error!.message, /lambdaReg [\d.]+ at learning rate 0\.1;.*: a smaller one is meant\)/);
      assert.match(error!.message, /^train: stopped in iteration \d+ of epoch 0, experience 1 of stream "train": /);
      const stable = await run(0.9 * bound, sgd);
      assert.equal(stable.error, null);
      assert.ok(Math.abs(stable.weight) < 10, String(stable.weight));
    });

    it(`${name}: is warned of with the numbers and both ways out, and not below the bound`, async () => {
      const sgd = (parameters: Tensor[]) => new optim.SGD(parameters, options);
      const seen = await warnings(() => run(1.2 * bound, sgd));
      assert.equal(seen.length, 1, seen.join('\n'));
      const shown = (value: number) => String(Number(value.toPrecision(4))).replace('.', '\\.');
      assert.match(
        seen[0]!,
        new RegExp(
          `^WARN_PENALTY_UNSTABLE: MASPlugin: expected 2 lr lambdaReg max\\(Omega\\) of at most ${shown(0.4 * bound)}, .* ` +
            `got ${shown(0.48 * bound)} \\(lr 0\\.1, lambdaReg ${shown(1.2 * bound)}, max\\(Omega\\) 2\\): .*` +
            `Give penaltyUpdate: 'proximal', which is stable for any lambdaReg, or a lambdaReg of less than ${shown(bound)}\\.$`,
        ),
      );
      assert.deepEqual(await warnings(() => run(0.99 * bound, sgd)), []);
    });
  }

  describe('the warning', () => {
    // A loss without gradient: theta stays theta*, so that nothing explodes.
    const still = (output: Tensor) => output.mean().mul(0);
    const learn = async (mas: MASPlugin, make: (parameters: Tensor[]) => optim.Optimizer, plugins: Plugin[] = []) => {
      const model = new nn.Linear(1, 1, { bias: false });
      setValues(model.weight, [1]);
      const data = new TensorDataset(tensor([[1]]), tensor([0]));
      const strategy = new SupervisedTemplate({ model, optimizer: make(model.parameters()), criterion: still, evaluator: null, plugins: [...plugins, mas] });
      return warnings(() => strategy.train(benchmarkFromDatasets({ train: [data, data, data, data] }).trainStream));
    };
    const sgd = (parameters: Tensor[]) => new optim.SGD(parameters, { lr: 0.1 });

    it('comes once a plugin, before the loss explodes', async () => {
      const mas = new MASPlugin({ lambdaReg: 6 });
      assert.equal((await learn(mas, sgd)).length, 1);
      assert.equal((await learn(new MASPlugin({ lambdaReg: 6 }), sgd)).length, 1);
    });

    it('names the learning rate of the experience that begins, and its group', async () => {
      const raise: Plugin = { beforeTrainingExp: ({ clock, optimizer }) => void (optimizer.paramGroups[0]!.lr = clock.trainExpCounter) };
      const seen = await learn(new MASPlugin({ lambdaReg: 0.3 }), sgd, [raise]);
      assert.equal(seen.length, 1);
      assert.match(seen[0]!, /at most 2,.* got 2\.4 \(lr 2, lambdaReg 0\.3, max\(Omega\) 2\).* a lambdaReg of less than 0\.25\.$/);
      const groups = ([weight]: Tensor[]) => new optim.SGD([{ params: [tensor([1]).to('float32').requiresGrad_()], lr: 7 }, { params: [weight!], lr: 0.1 }]);
      assert.match((await learn(new MASPlugin({ lambdaReg: 6 }), groups))[0]!, /\(lr 0\.1, lambdaReg 6, max\(Omega\) 2\)/);
    });

    it('does not come at the bound, without a bound, without a penalty, or where the update is proximal', async () => {
      assert.deepEqual(await learn(new MASPlugin({ lambdaReg: 5 }), (parameters) => new optim.SGD(parameters, { lr: 0.1 })), []);
      assert.deepEqual(await learn(new MASPlugin({ lambdaReg: 1e10 }), (parameters) => new optim.Adam(parameters, { lr: 0.1 })), []);
      assert.deepEqual(await learn(new MASPlugin({ lambdaReg: 1e10 }), (parameters) => new optim.SGD(parameters, { lr: 0 })), []);
      assert.deepEqual(await learn(new MASPlugin({ lambdaReg: 0 }), sgd), []);
      assert.deepEqual(await learn(new MASPlugin({ lambdaReg: 1e10, penaltyUpdate: 'proximal' }), sgd), []);
    });

    it('comes in the first experience where the memory was loaded', async () => {
      const mas = new MASPlugin({ lambdaReg: 6 });
      mas.loadStateDict({ importance: { weight: tensor([[2]]) }, anchor: { weight: tensor([[1]]) } });
      assert.equal((await learn(mas, sgd)).length, 1);
    });
  });

  it('is told the same where a hook stands in every iteration, and where backward is overridden', async () => {
    const sgd = (parameters: Tensor[]) => new optim.SGD(parameters, { lr: 0.1 });
    const plugins = [new MASPlugin({ lambdaReg: 8 }), { beforeForward: () => {} }];
    const model = new nn.Linear(1, 1, { bias: false });
    setValues(model.weight, [1]);
    class Own extends SupervisedTemplate {
      override backward() {
        return super.backward();
      }
    }
    const data = new TensorDataset(tensor(Array.from({ length: 400 }, () => [1])).to('float32'), tensor(Array.from({ length: 400 }, () => 0)));
    let lr = 0;
    const strategy = new Own({
      model,
      optimizer: sgd(model.parameters()),
      criterion: (output) => output.mean().mul(lr),
      evaluator: null,
      plugins: [...plugins, { afterTrainingExp: () => void (lr = -1) }],
    });
    const { trainStream } = benchmarkFromDatasets({ train: [data, data] });
    await assert.rejects(strategy.train(trainStream), (error: ContinualTorchError) => Math.abs(told(error) - 5) < 1e-4);
  });

  it('of several groups the one that runs away first counts', async () => {
    const { error } = await run(8, ([weight]) => new optim.SGD([{ params: [tensor([1]).to('float32').requiresGrad_()], lr: 0.7 }, { params: [weight!], lr: 0.1 }]));
    assert.ok(Math.abs(told(error) - 5) < 1e-4, error!.message);
  });

  it('other optimizers scale their gradients: lambdaReg and learning rate are named', async () => {
    const { error } = await run(3, (parameters) => new optim.Adam(parameters, { lr: 1e30 }));
    assert.equal(error?.code, 'ERR_LOSS_NOT_FINITE');
    assert.match(error.message, /lambdaReg 3 at learning rate 1e\+30: a smaller lambdaReg or learning rate may be meant/);
  });

  it('nothing is said of a penalty that weighs nothing', async () => {
    for (const make of [(all: Tensor[]) => new optim.Adam(all, { lr: 1e30 }), (all: Tensor[]) => new optim.SGD(all, { lr: 1e30 })]) {
      const { error } = await run(0, make, { criterion: (output) => output.square().mean() });
      assert.equal(error?.code, 'ERR_LOSS_NOT_FINITE');
      assert.doesNotMatch(error.message, /MAS|lambdaReg/);
    }
  });

  it('a loss that is not finite for another reason is not blamed on it', async () => {
    const { error } = await run(1, (parameters) => new optim.SGD(parameters, { lr: 0.1 }), {
      criterion: (output) => output.mean().mul(NaN),
    });
    assert.equal(error?.code, 'ERR_LOSS_NOT_FINITE');
    assert.doesNotMatch(error.message, /MAS/);
  });
});
