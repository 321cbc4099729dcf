// What the reference's tests of optimizers beside growing models show (tests/test_optimizer.py).
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { models, Naive, nn, optim, SupervisedTemplate, type Tensor, torch } from '../../lib/index';
import { fastBenchmark } from '../support/fast-benchmark';

const { IncrementalClassifier, MTSimpleMLP, SimpleMLP } = models;

const groupOf = (parameter: Tensor, { paramGroups }: optim.Optimizer) =>
  paramGroups.findIndex(({ params }) => [...params].some((each) => (each).isSame(parameter)));

/** A model whose classifier grows, in a module of its own so that others can be put into it. */
class Net extends nn.Module {
  readonly features: nn.Module = new nn.Linear(6, 10);
  readonly classifier = new IncrementalClassifier(10);

  override forward(x: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x));
  }
}

/** A strategy with the classifier in the first group and all else in the second one. */
function grouped(model: nn.Module) {
  const isOfHead = ([name]: [string, Tensor]) => name.includes('classifier');
  const all = [...model.namedParameters()];
  const params = (some: [string, Tensor][]) => some.map(([, parameter]) => parameter);
  const optimizer = new optim.SGD([
    { params: params(all.filter(isOfHead)), lr: 0.1 },
    { params: params(all.filter((each) => !isOfHead(each))), lr: 0.05 },
  ]);
  return new Naive({ model, optimizer, trainMbSize: 64, evalMbSize: 50, trainEpochs: 2, evaluator: null });
}
function assertGroups(model: nn.Module, optimizer: optim.Optimizer, others: Record<string, number> = {}): void {
  for (const [name, parameter] of model.namedParameters()) {
    const other = Object.entries(others).find(([part]) => name.includes(part))?.[1];
    assert.equal(groupOf(parameter, optimizer), other ?? (name.includes('classifier') ? 0 : 1), name);
  }
}

describe("the reference's tests: optimizers", () => {
  it('a parameter pushed into a group stays; with removeParams it makes room (test_optimizer_update)', async () => {
    const model = new Net();
    const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3 });
    const strategy = new Naive({ model, optimizer, evaluator: null });
    const pushed = torch.zeros([10, 10]).requiresGrad_();
    (optimizer.paramGroups[0]!.params).push(pushed);
    assert.equal(groupOf(pushed, optimizer), 0);
    const added = new nn.Linear(2, 2);
    (model as unknown as Record<string, unknown>).added = added;
    await strategy.makeOptimizer({});
    assert.deepEqual([groupOf(pushed, optimizer), groupOf(added.weight, optimizer)], [0, 0]);
    await strategy.makeOptimizer({ removeParams: true });
    assert.deepEqual([groupOf(pushed, optimizer), groupOf(added.weight, optimizer)], [-1, 0]);
  });

  const kinds: Record<string, (model: nn.Module) => optim.Optimizer> = {
    'SGD with momentum': (model) => new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    Adam: (model) => new optim.Adam(model.parameters(), { lr: 0.001 }),
    SGD: (model) => new optim.SGD(model.parameters(), { lr: 0.1 }),
    AdamW: (model) => new optim.AdamW(model.parameters(), { lr: 0.001 }),
  };
  for (const [name, make] of Object.entries(kinds)) {
    it(`a module that is added and taken out again, ${name} (test_optimizers)`, async () => {
      const model = new Net() as Net & { added?: nn.Linear };
      const optimizer = make(model);
      const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 64, trainEpochs: 2, evaluator: null });
      const added = new nn.Linear(10, 10);
      await strategy.makeOptimizer({});
      assert.equal(groupOf(added.weight, optimizer), -1);
      model.added = added;
      await strategy.makeOptimizer({});
      assert.equal(groupOf(added.weight, optimizer), 0);
      delete model.added;
      await strategy.makeOptimizer({});
      assert.equal(groupOf(added.weight, optimizer), 0);
      await strategy.makeOptimizer({ removeParams: true });
      assert.equal(groupOf(added.weight, optimizer), -1);
      await strategy.train(fastBenchmark().trainStream[0]!);
      assert.equal(groupOf(added.weight, optimizer), -1);
    });
  }

  it('new heads go to the group of the classifier (test_optimizer_groups_clf_til)', async () => {
    const strategy = grouped(new MTSimpleMLP({ inputSize: 6, hiddenSize: 10 }));
    for (const experience of fastBenchmark({ taskLabels: true }).trainStream) {
      await strategy.train(experience);
      assertGroups(strategy.model, strategy.optimizer);
    }
  });

  it('a classifier that grows stays in its group (test_optimizer_groups_clf_cil)', async () => {
    const strategy = grouped(new Net());
    for (const experience of fastBenchmark().trainStream) {
      await strategy.train(experience);
      assertGroups(strategy.model, strategy.optimizer);
    }
  });

  it('parameters put into a group by hand, and a group of their own (test_optimizer_groups_manual_addition)', async () => {
    const model = new Net() as Net & { first?: nn.Linear; second?: nn.Linear };
    const strategy = grouped(model);
    const { trainStream } = fastBenchmark();
    await strategy.train(trainStream[0]!);
    model.first = new nn.Linear(10, 10);
    model.second = new nn.Linear(10, 10);
    (strategy.optimizer.paramGroups[1]!.params).push(...model.first.parameters());
    strategy.optimizer.addParamGroup({ params: model.second.parameters(), lr: 0.001 });
    await strategy.train(trainStream[1]!);
    assertGroups(model, strategy.optimizer, { second: 2 });
  });

  it('parameters that get other names stay in their groups (test_optimizer_groups_rename)', async () => {
    const model = new SimpleMLP({ inputSize: 6, hiddenSize: 10 });
    const strategy = grouped(model);
    await strategy.makeOptimizer({});
    assertGroups(model, strategy.optimizer);
    class Wrapper extends nn.Module {
      readonly module: nn.Module = model;

      override forward(x: Tensor): Tensor {
        return this.module.forward(x);
      }
    }
    strategy.model = new Wrapper();
    await strategy.makeOptimizer({});
    assertGroups(model, strategy.optimizer);
  });
});
