// How often the host reads a value of the device that a strategy trains on, and waits for it.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import {
  type ContinualTorchError,
  getDefaultDevice,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  setDefaultDevice,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
} from '../../lib/index';
import { native } from '../../lib/native/binding';
import { device } from '../support/device';
import { quietEvaluator } from '../support/evaluators';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';

/** The stand-in counts them. A process that has begun without it cannot get it any more. */
const { standinReads } = native as unknown as { standinReads?: () => number };

interface Outcome {
  /** In the epoch of each experience, and for its metrics. */
  reads: number[];
  error: ContinualTorchError | null;
  strategy: SupervisedTemplate;
  parameters: Record<string, number[]>;
}

type Settings = Partial<SupervisedTemplateOptions> & {
  makeOptimizer?: (parameters: Tensor[]) => optim.Optimizer;
  /** Of the second experience: the first mini-batch whose input is NaN. */
  nanIn?: number;
};

const sgd = (parameters: Tensor[]) => new optim.SGD(parameters, { lr: 0.1, momentum: 0.9 });
const iterations = 6;

/** Two experiences of one epoch of six iterations, of which none parts into several jobs for the time that it takes. */
async function run(on: string, { makeOptimizer = sgd, plugins = [], nanIn, ...options }: Settings): Promise<Outcome> {
  const usual = getDefaultDevice();
  setDefaultDevice(on);
  try {
    manualSeed(3);
    const model = smallModel();
    setDefaultDevice('cpu');
    const reads: number[] = [];
    let begun = 0;
    const counter: Plugin = {
      beforeTrainingEpoch: () => void (begun = standinReads!()),
      afterTrainingExp: () => void reads.push(standinReads!() - begun),
    };
    const { trainStream } = smallBenchmark({ train: 5 * iterations });
    if (nanIn !== undefined) {
      const { inputs } = trainStream.at(1)!.dataset;
      (inputs as Tensor).narrow(0, 5 * nanIn, 1).fill_(NaN);
    }
    const strategy = new SupervisedTemplate({
      model,
      optimizer: makeOptimizer(model.parameters()),
      device: on,
      trainMbSize: 5,
      evaluator: null,
      ...options,
      plugins: [counter, ...plugins],
    });
    const { step } = strategy;
    const runJob = step.run.bind(step);
    const inOneJob: typeof step.run = (plan, gradEnabled, maxIterations, _budgetMs, patienceUs) =>
      runJob(plan, gradEnabled, maxIterations, 1e9, patienceUs);
    Object.defineProperty(step, 'run', { value: inOneJob });
    const error = await strategy.train(trainStream, { shuffle: false }).then(
      () => null,
      (e: ContinualTorchError) => e,
    );
    return { reads, error, strategy, parameters: numbersOf(model.namedParameters()) };
  } finally {
    setDefaultDevice(usual);
  }
}

function assertClose(ours: Record<string, number[]>, theirs: Record<string, number[]>): void {
  for (const [name, values] of Object.entries(theirs)) {
    ours[name]!.forEach((value, i) => assert.ok(Math.abs(value - values[i]!) < 1e-5, `${name}: ${value} is not ${values[i]}`));
  }
}

describe('reads of a device value by the host', () => {
  before(function () {
    if (!device.startsWith('standin')) this.skip();
  });

  const optimizers: Record<string, (parameters: Tensor[]) => optim.Optimizer> = {
    SGD: sgd,
    Adam: (parameters) => new optim.Adam(parameters, { lr: 0.01 }),
    AdamW: (parameters) => new optim.AdamW(parameters, { lr: 0.01 }),
    Adagrad: (parameters) => new optim.Adagrad(parameters, { lr: 0.01 }),
    RMSprop: (parameters) => new optim.RMSprop(parameters, { lr: 0.01, momentum: 0.9 }),
  };
  for (const [name, makeOptimizer] of Object.entries(optimizers)) {
    for (const withMas of [false, true]) {
      it(`${name}${withMas ? ' with MAS' : ''}: one at the end of a job of many iterations, with the numbers of the CPU`, async () => {
        const settings = () => ({ makeOptimizer, plugins: withMas ? [new MASPlugin({ lambdaReg: 2 })] : [] });
        const { reads, error, strategy, parameters } = await run(device, settings());
        assert.equal(error, null);
        assert.equal(strategy.clock.trainIterations, 2 * iterations);
        assert.deepEqual(reads, [1, 1]);
        assertClose(parameters, (await run('cpu', settings())).parameters);
      });
    }
  }

  it('metrics of epochs add those of their own moments', async () => {
    const { reads } = await run(device, { evaluator: quietEvaluator() });
    // The sum of the losses and that of the correct predictions, when the pass has ended.
    assert.deepEqual(reads, [3, 3]);
  });

  it('a hook inside the iteration has the loss looked at before backward', async () => {
    const { reads } = await run(device, { plugins: [{ beforeBackward: () => {} }] });
    assert.deepEqual(reads, [iterations, iterations]);
  });

  it('an importance pass needs one, at its end: whether all was finite', async () => {
    let begun = 0;
    let ended = 0;
    const first: Plugin = { afterTrainingExp: () => void (begun = standinReads!()) };
    const last: Plugin = { afterTrainingExp: () => void (ended = standinReads!()) };
    await run(device, { plugins: [first, new MASPlugin(), last] });
    assert.equal(ended - begun, 1);
  });

  for (const [name, makeOptimizer] of Object.entries(optimizers)) {
    it(`${name}: a loss that is not finite is told as on the CPU, and reaches nothing`, async () => {
      const settings = () => ({ makeOptimizer, plugins: [new MASPlugin({ lambdaReg: 2 })], nanIn: 3 });
      const ours = await run(device, settings());
      const theirs = await run('cpu', settings());
      assert.equal(ours.error?.code, 'ERR_LOSS_NOT_FINITE');
      assert.match(ours.error.message, /^train: stopped in iteration 3 of epoch 0, experience 1 .*the mini-batch holds NaN/);
      assert.equal(ours.error.message, theirs.error?.message);
      assert.deepEqual({ ...ours.strategy.clock }, { ...theirs.strategy.clock });
      assertClose(ours.parameters, theirs.parameters);
      const steps = ({ strategy }: Outcome) =>
        Object.values(strategy.optimizer.stateDict().state as object).map(({ step }: { step?: number | Tensor }) => Number(step));
      assert.deepEqual(steps(ours), steps(theirs));
    });
  }

  it('labels that a hook makes on the device are read to be checked', async () => {
    const criterion = new nn.CrossEntropyLoss();
    const relabel: Plugin = { beforeForward: (strategy) => void (strategy.mbY = strategy.mbY!.clone()) };
    const { reads, error } = await run(device, { criterion, plugins: [relabel] });
    assert.equal(error, null);
    assert.deepEqual(reads, [2 * iterations, 2 * iterations]);
    const wrong: Plugin = { beforeForward: (strategy) => void (strategy.mbY = strategy.mbY!.clone().fill_(99)) };
    assert.equal((await run(device, { criterion, plugins: [wrong] })).error?.code, 'ERR_LABEL_RANGE');
  });
});
