import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  jit,
  manualSeed,
  MASPlugin,
  models,
  Naive,
  nn,
  optim,
  SupervisedPlugin,
  type SupervisedTemplate,
  type Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { assertTensorEqual } from '../support/assertions';

class Net extends nn.Module {
  fc = new nn.Linear(4, 4);
  extra: nn.Linear | null = null;
  override forward(x: Tensor): Tensor {
    const hidden = this.fc.forward(x);
    return this.extra ? this.extra.forward(hidden) : hidden;
  }
}

const data = () => new TensorDataset(torch.randn([16, 4]), torch.randint(0, 3, [16]));
const benchmark = (experiences = 1) => benchmarkFromDatasets({ train: Array.from({ length: experiences }, data) });
const sizeOf = (optimizer: optim.Optimizer) => optimizer.paramGroups[0]!.params.length;

describe('a model that grows or shrinks under a strategy', () => {
  for (const make of [() => new Net(), () => new models.SimpleMLP({ inputSize: 4, hiddenSize: 3 })]) {
    it(`makeOptimizer follows what is added to and taken from a ${make().constructor.name}, without another look at it`, async () => {
      const model = make() as nn.Module & { more?: nn.Linear };
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const strategy = new Naive({ model, optimizer, evaluator: null });
      await strategy.makeOptimizer({});
      const before = sizeOf(optimizer);
      model.addModule('more', new nn.Linear(3, 3));
      await strategy.makeOptimizer({});
      assert.equal(sizeOf(optimizer), before + 2);
      delete model.more;
      await strategy.makeOptimizer({});
      assert.equal(sizeOf(optimizer), before + 2, 'what is gone stays unless it is told');
      await strategy.makeOptimizer({ removeParams: true });
      assert.equal(sizeOf(optimizer), before);
    });
  }

  for (const hook of ['beforeTraining', 'beforeTrainingExp', 'beforeTrainingEpoch', 'beforeTrainingIteration', 'afterTrainingIteration'] as const) {
    it(`trains a part that a plugin adds in ${hook}, and its place in the layout holds`, async () => {
      manualSeed(0);
      const model = new Net();
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
      let before: Tensor | null = null;
      const grow = {
        async [hook](strategy: SupervisedTemplate) {
          if (before) return;
          model.extra = new nn.Linear(4, 3);
          before = model.extra.weight.detach().clone();
          await strategy.makeOptimizer({});
        },
      };
      const strategy = new Naive({ model, optimizer, trainMbSize: 8, trainEpochs: 3, evaluator: null, plugins: [grow] });
      await strategy.train(benchmark().trainStream);
      assert.equal(sizeOf(optimizer), 4);
      assert.ok(!model.extra!.weight.equal(before!), 'it has been trained');
      const saved = strategy.optimizer.paramGroups[0]!.params.map((parameter) => parameter.clone());
      model.parameters().forEach((parameter, i) => assertTensorEqual(parameter, saved[i]!));
    });
  }

  it('trains what takes the place of the classifier of a model of the package as if it had been there from the start', async () => {
    const run = async (early: boolean) => {
      manualSeed(3);
      const model = new models.SimpleMLP({ inputSize: 4, hiddenSize: 3 });
      const classifier = new models.IncrementalClassifier(3);
      const bench = benchmark(3);
      if (early) model.classifier = classifier;
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
      const mas = new MASPlugin();
      const replace = new (class extends SupervisedPlugin {
        override beforeTraining() {
          if (model.classifier !== classifier) model.classifier = classifier;
        }
      })();
      const strategy = new Naive({ model, optimizer, trainMbSize: 8, evaluator: null, plugins: [replace, mas] });
      manualSeed(5);
      for (const experience of bench.trainStream) await strategy.train(experience);
      return { model, mas };
    };
    const [late, early] = [await run(false), await run(true)];
    assert.deepEqual([...late.mas.importance!.keys()], [...early.model.namedParameters().keys()]);
    for (const [name, tensor] of early.model.stateDict()) assertTensorEqual(late.model.stateDict().get(name)!, tensor, name);
    for (const [name, tensor] of early.mas.importance!) assertTensorEqual(late.mas.importance!.get(name)!, tensor, name);
    const loaded = await jit.load(await jit.saveToBuffer(late.model.eval()));
    const x = torch.randn([2, 4]);
    assertTensorEqual(loaded.forward(x), late.model.forward(x));
  });

  it('runs a part of a model of the package that a hook replaces from the next phase on, on either thread', async () => {
    for (const kind of ['scripted', 'TypeScript'] as const) {
      manualSeed(1);
      const model = new nn.Sequential(new models.SimpleMLP({ inputSize: 4, hiddenSize: 3 }), new nn.Identity());
      class Wide extends nn.Module {
        inner = new nn.Linear(3, 12);
        override forward(x: Tensor): Tensor {
          return this.inner.forward(x);
        }
      }
      const widths: number[] = [];
      const plugin = {
        beforeForward(strategy: SupervisedTemplate) {
          if (strategy.clock.trainIterations !== 1) return;
          (model[0] as models.SimpleMLP).classifier = kind === 'scripted' ? new nn.Linear(3, 12) : new Wide();
        },
        afterForward(strategy: SupervisedTemplate) {
          widths.push(strategy.mbOutput!.size(1));
        },
      };
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const strategy = new Naive({ model, optimizer, trainMbSize: 4, evaluator: null, plugins: [plugin] });
      await strategy.train(benchmark().trainStream);
      assert.deepEqual(widths, [10, 12, 12, 12], kind);
    }
  });
});
