// What the recorded runs of the reference do not show of RWalk, and L2 by hand.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  Generator,
  L2,
  L2Plugin,
  nn,
  optim,
  type Plugin,
  RWalk,
  RWalkPlugin,
  SupervisedTemplate,
  tensor,
  TensorDataset,
} from '../../../lib/index';

const set = () => new TensorDataset(tensor([[1, -2], [0.5, 1], [2, 0], [-1, 1]]), tensor([0, 1, 0, 1], { dtype: 'int64' }));
const stream = (experiences = 2) => benchmarkFromDatasets({ train: Array.from({ length: experiences }, set) }).trainStream;
const strategyOf = (model: nn.Module, plugins: Plugin[]) =>
  new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins });
const flat = (model: nn.Module) => model.parameters().flatMap((theta) => theta.toNumbers());

describe('L2Plugin', () => {
  it('charges for the distance of all parameters to where the latest experience left them', async () => {
    const model = new nn.Linear(2, 2);
    const added: number[] = [];
    const distances: number[] = [];
    let plain = 0;
    let anchor = flat(model);
    const before: Plugin = { beforeBackward: ({ loss }) => void (plain = loss.item()) };
    const after: Plugin = {
      beforeBackward({ loss }) {
        added.push(loss.item() - plain);
        distances.push(flat(model).reduce((sum, value, i) => sum + (value - anchor[i]!) ** 2, 0));
      },
      afterTrainingExp: () => void (anchor = flat(model)),
    };
    await strategyOf(model, [before, new L2Plugin({ lambda: 3 }), after]).train(stream(3));
    assert.deepEqual(added.slice(0, 2), [0, 0]);
    added.slice(2).forEach((value, i) => assert.ok(Math.abs(value - 3 * distances[i + 2]!) < 1e-6, `${value}, expected ${3 * distances[i + 2]!}`));
    assert.ok(added[3]! > 1e-4);
  });

  it('says what it cannot do, and joins a strategy of its name', async () => {
    assert.throws(() => new L2Plugin({ lambda: -1 }), { code: 'ERR_INVALID_ARG_VALUE' });
    const model = new nn.Linear(2, 2);
    const { plugins } = new L2({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0 }), evaluator: null, lambda: 2 });
    assert.equal(plugins.find((plugin) => plugin instanceof L2Plugin)?.lambda, 2);
    const late = strategyOf(new nn.Linear(2, 2), []);
    await late.train(stream(1));
    late.plugins.push(new L2Plugin());
    await assert.rejects(late.train(stream(1)), { code: 'ERR_PENALTY_NO_IMPORTANCE', message: /L2Plugin/ });
  });
});

describe('RWalkPlugin', () => {
  it('leaves a term out whose maximum is 0, where the reference divides by it', async () => {
    const model = new nn.Linear(2, 2);
    const rwalk = new RWalkPlugin({ deltaT: 100 });
    await strategyOf(model, [rwalk]).train(stream());
    const importance = [...rwalk.importance!.values()].flatMap((each) => each.toNumbers());
    assert.equal(Math.max(...importance), 1);
    assert.ok(importance.every((value) => value >= 0 && value <= 1));
  });

  it('takes back the scores of an experience that is begun anew', async () => {
    const model = new nn.Linear(2, 2);
    const rwalk = new RWalkPlugin({ deltaT: 1 });
    let fails = false;
    const failing: Plugin = {
      afterTrainingExp() {
        if (fails) throw new Error('disk full');
      },
    };
    const strategy = strategyOf(model, [rwalk, failing]);
    const [first, second] = stream().experiences;
    await strategy.train(first!);
    const scores = () => Object.values(rwalk.stateDict().totalScores as Record<string, { toNumbers(): number[] }>).flatMap((each) => each.toNumbers());
    const once = scores();
    const importance = [...rwalk.importance!.values()].flatMap((each) => each.toNumbers());
    fails = true;
    await assert.rejects(strategy.train(second!), { code: 'ERR_HOOK' });
    assert.notDeepEqual(scores(), once);
    fails = false;
    const seen: number[][] = [];
    strategy.plugins.unshift({ beforeTrainingEpoch: () => void seen.push(scores(), [...rwalk.importance!.values()].flatMap((each) => each.toNumbers())) });
    await strategy.train(second!, { restart: true });
    assert.deepEqual(seen, [once, importance]);
  });

  it('says what it cannot do, and joins a strategy of its name', () => {
    assert.throws(() => new RWalkPlugin({ ewcAlpha: 1.5 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new RWalkPlugin({ deltaT: 0 }), { code: 'ERR_INVALID_ARG_VALUE' });
    const model = new nn.Linear(2, 2);
    const { plugins } = new RWalk({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0 }), evaluator: null, deltaT: 2 });
    assert.equal(plugins.find((plugin) => plugin instanceof RWalkPlugin)?.deltaT, 2);
  });
});
