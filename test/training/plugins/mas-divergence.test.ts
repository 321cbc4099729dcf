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
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  type Tensor,
  TensorDataset,
} from '../../../lib/index';
import { setValues } from '../../support/small-runs';

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
  }

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

  it('a loss that is not finite for another reason is not blamed on it', async () => {
    const { error } = await run(1, (parameters) => new optim.SGD(parameters, { lr: 0.1 }), {
      criterion: (output) => output.mean().mul(NaN),
    });
    assert.equal(error?.code, 'ERR_LOSS_NOT_FINITE');
    assert.doesNotMatch(error.message, /MAS/);
  });
});
