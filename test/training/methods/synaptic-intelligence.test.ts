// Synaptic Intelligence against a small calculation of its own: two weights in plain float64, a loss whose gradient is known.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  Generator,
  nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  SynapticIntelligence,
  SynapticIntelligencePlugin,
  type SynapticIntelligencePluginOptions,
  tensor,
  TensorDataset,
} from '../../../lib/index';

type Vector = number[];

const lr = 0.05;
const momentum = 0.9;
/** Loss 1/2 sum curvature (theta - target)^2 of an experience: the two weights of a layer without bias. */
// The velocity of one experience carries the next up its loss: importances would become negative.
const targets: Vector[] = [[2, 2], [0, 0], [1.5, 1.5]];
const curvature: Vector = [1, 3];
const start: Vector = [0.2, 0.1];
const iterations = 5;

interface Expected {
  importance: Vector[];
  penalties: number[][];
  theta: Vector;
}

/** The same in plain numbers. */
function expected({ siLambda, eps = 1e-7, clip = 0.001, gradient = 'loss', keepNegative = false }: SynapticIntelligencePluginOptions): Expected {
  let theta = [...start];
  let velocity = [0, 0];
  let hasVelocity = false;
  const total = [0, 0];
  let [omega, anchor] = [[0, 0], [...theta]];
  const importance: Vector[] = [];
  const penalties: number[][] = [];
  targets.forEach((target, experience) => {
    const lambda = typeof siLambda === 'number' ? siLambda : siLambda[Math.min(experience, siLambda.length - 1)]!;
    const path = [0, 0];
    anchor = [...theta];
    const ofExperience: number[] = [];
    for (let i = 0; i < iterations; i++) {
      ofExperience.push((lambda / 2) * omega.reduce((sum, value, k) => sum + value * (theta[k]! - anchor[k]!) ** 2, 0));
      const task = theta.map((value, k) => curvature[k]! * (value - target[k]!));
      const whole = task.map((value, k) => value + lambda * omega[k]! * (theta[k]! - anchor[k]!));
      velocity = whole.map((value, k) => (hasVelocity ? momentum * velocity[k]! : 0) + value);
      hasVelocity = true;
      const next = theta.map((value, k) => value - lr * velocity[k]!);
      (gradient === 'task' ? task : whole).forEach((g, k) => (path[k]! += g * (next[k]! - theta[k]!)));
      theta = next;
    }
    theta.forEach((value, k) => (total[k]! += path[k]! / ((value - anchor[k]!) ** 2 + eps)));
    omega = total.map((value) => Math.min(keepNegative ? -value : Math.max(-value, 0), clip ?? Infinity));
    anchor = [...theta];
    importance.push(omega);
    penalties.push(ofExperience);
  });
  return { importance, penalties, theta };
}

class Weights extends nn.Module {
  weight = new nn.Parameter(tensor(start, { dtype: 'float64' }));

  override forward() {
    return this.weight.mul(1).unsqueeze(0);
  }
}

async function measured(options: SynapticIntelligencePluginOptions) {
  const model = new Weights();
  const si = new SynapticIntelligencePlugin(options);
  const importance: Vector[] = [];
  const penalties: number[][] = [];
  let plain = 0;
  const before: Plugin = { beforeBackward: ({ loss }) => void (plain = loss.item()) };
  const after: Plugin = {
    beforeTrainingExp: () => void penalties.push([]),
    beforeBackward: ({ loss }) => void penalties.at(-1)!.push(loss.item() - plain),
    afterTrainingExp: () => void importance.push(si.importance!.get('weight')!.toNumbers()),
  };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr, momentum }),
    criterion: (output, y) => output.sub(y).square().mul(tensor(curvature, { dtype: 'float64' })).sum().div(2),
    trainMbSize: 1,
    trainEpochs: iterations,
    evaluator: null,
    generator: new Generator({ device: 'cpu' }),
    plugins: [before, si, after],
  });
  const sets = targets.map((target) => new TensorDataset(tensor([[0]], { dtype: 'float64' }), tensor([target], { dtype: 'float64' })));
  await strategy.train(benchmarkFromDatasets({ train: sets }).trainStream);
  return { importance, penalties, theta: model.weight.toNumbers() };
}

/** The loss is float32, so that what is added to it is known up to its last digits. */
function close(actual: unknown, wanted: unknown, tolerance = 1e-10): void {
  const [a, b] = [actual, wanted].map((values) => (values as number[][]).flat(3)) as [number[], number[]];
  assert.equal(a.length, b.length);
  a.forEach((value, i) => assert.ok(Math.abs(value - b[i]!) <= tolerance * Math.max(1, Math.abs(b[i]!)), `[${i}]: ${value}, expected ${b[i]}`));
}

describe('SynapticIntelligencePlugin', () => {
  const cases: Record<string, SynapticIntelligencePluginOptions> = {
    'the defaults': { siLambda: 50 },
    'an upper bound that is not reached': { siLambda: 0.3, eps: 0.1, clip: 100 },
    'no bound': { siLambda: 0.3, eps: 0.1, clip: null },
    'negative importances': { siLambda: 0.01, eps: 0.1, clip: null, keepNegative: true },
    'the gradient without the penalty': { siLambda: 0.3, eps: 0.1, clip: null, gradient: 'task' },
    'a weight for each experience, the last for the rest': { siLambda: [0, 0.4], eps: 0.1, clip: null },
  };
  for (const [name, options] of Object.entries(cases)) {
    it(`${name}: importances, penalties and weights`, async () => {
      const [actual, wanted] = [await measured(options), expected(options)];
      close(actual.importance, wanted.importance);
      close(actual.penalties, wanted.penalties, 2e-6);
      close([actual.theta], [wanted.theta]);
    });
  }

  it('the two gradients, and signs, are not the same thing', () => {
    const importance = (options: Partial<SynapticIntelligencePluginOptions>) => JSON.stringify(expected({ siLambda: 0.3, eps: 0.1, clip: null, ...options }).importance);
    assert.notEqual(importance({ gradient: 'task' }), importance({}));
    assert.ok(expected(cases['negative importances']!).importance.flat().some((value) => value < 0));
  });

  const train = async (model: nn.Module, si: SynapticIntelligencePlugin) => {
    const set = () => new TensorDataset(tensor([[1, -2], [0.5, 1], [2, 0], [-1, 1]]), tensor([0, 1, 0, 1], { dtype: 'int64' }));
    const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins: [si] });
    await strategy.train(benchmarkFromDatasets({ train: [set(), set()] }).trainStream);
    return [...si.importance!.keys()];
  };

  it('leaves out normalisation, frozen parameters and what is excluded by patterns', async () => {
    const make = () => new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 3), new nn.ReLU(), new nn.Linear(3, 2));
    const weights = (names: string) => names.split(' ').flatMap((name) => [`${name}.weight`, `${name}.bias`]);
    assert.deepEqual(await train(make(), new SynapticIntelligencePlugin({ siLambda: 1 })), weights('0 2 4'));
    assert.deepEqual(await train(make(), new SynapticIntelligencePlugin({ siLambda: 1, excludedParameters: ['2'] })), weights('0 4'));
    assert.deepEqual(await train(make(), new SynapticIntelligencePlugin({ siLambda: 1, excludedParameters: ['*.bias', '[2-4].w?ight'] })), ['0.weight']);
    const frozen = make();
    (frozen as unknown as nn.Module[])[0]!.requiresGrad_(false);
    assert.deepEqual(await train(frozen, new SynapticIntelligencePlugin({ siLambda: 1 })), weights('2 4'));
  });

  it('says what it cannot do', () => {
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: [] }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: -1 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1, eps: 0 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1, excludedParameters: 'all' as never }), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1, lambda: 1 } as never), { code: 'ERR_UNKNOWN_OPTION' });
  });

  it('goes on from its state, and refuses that of other options', async () => {
    const si = new SynapticIntelligencePlugin({ siLambda: [1, 2] });
    await train(new nn.Linear(2, 2), si);
    const again = new SynapticIntelligencePlugin({ siLambda: [1, 2] });
    again.loadStateDict(si.stateDict());
    assert.deepEqual([...again.importance!].map(([name, value]) => [name, value.toNumbers()]), [...si.importance!].map(([name, value]) => [name, value.toNumbers()]));
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1 }).loadStateDict(si.stateDict()), { code: 'ERR_STATE_DICT' });
  });

  it('joins a strategy of its name', () => {
    const model = new nn.Linear(2, 2);
    const options = { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null };
    const { plugins } = new SynapticIntelligence({ ...options, siLambda: 2 });
    assert.equal(plugins.find((plugin) => plugin instanceof SynapticIntelligencePlugin)?.siLambda, 2);
  });
});
