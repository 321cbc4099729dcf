// A model whose forward is TypeScript trains as the same model in TorchScript does.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  ContinualTorchError,
  type Criterion,
  manualSeed,
  MAS,
  MASPlugin,
  models,
  Naive,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { assertTensorClose, rejectsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';
import { classes, features, numbersOf, smallDataset } from '../support/small-runs';

/** The twin of the Sequential below, with its names. */
class Net extends nn.Module {
  '0' = new nn.Linear(features, 8);
  '1' = new nn.BatchNorm1d(8);
  '2' = new nn.Dropout(0.3);
  '3' = new nn.Linear(8, classes);

  override forward(x: Tensor): Tensor {
    return this[3].forward(ops.aten.relu!(this[2].forward(this[1].forward(this[0].forward(x)))) as Tensor);
  }
}
const scripted = () =>
  new nn.Sequential(
    new Map<string, nn.Module>([
      ['0', new nn.Linear(features, 8)],
      ['1', new nn.BatchNorm1d(8)],
      ['2', new nn.Dropout(0.3)],
      ['relu', new nn.ReLU()],
      ['3', new nn.Linear(8, classes)],
    ]),
  );

const three = () => {
  const stream = (samples: number, salt: number) =>
    [0, 1, 2].map((i) => smallDataset(samples, [i, i + 1], salt + i));
  return benchmarkFromDatasets({ train: stream(16, 0), test: stream(8, 3) });
};

async function trained(make: () => nn.Module, plugins: () => Plugin[], Strategy: typeof SupervisedTemplate = SupervisedTemplate) {
  manualSeed(11);
  const model = make();
  const used = plugins();
  const strategy = new Strategy({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    trainMbSize: 4,
    trainEpochs: 2,
    evalMbSize: 8,
    plugins: used,
    evaluator: quietEvaluator(),
  });
  const { trainStream, testStream } = three();
  const metrics: unknown[] = [];
  for (const experience of trainStream) {
    await strategy.train(experience);
    metrics.push(await strategy.eval(testStream));
  }
  const mas = used.find((plugin) => plugin instanceof MASPlugin);
  return { state: numbersOf(model.stateDict()), importance: mas ? numbersOf(mas.importance!) : null, metrics };
}

type Outcome = Awaited<ReturnType<typeof trained>>;

/** The forward of one runs on one thread, of the other on all: a product of matrices may sum in another order. */
const otherThreads = { relative: 1e-5, absolute: 1e-6 };

function assertSameOutcome(actual: Outcome, expected: Outcome): void {
  const walk = (a: unknown, e: unknown, path: string): void => {
    if (typeof e === 'number') {
      const close = Math.abs((a as number) - e) <= otherThreads.absolute + otherThreads.relative * Math.abs(e);
      assert.ok(close, `${path}: expected ${e}, got ${a as number}`);
    } else if (typeof e === 'object' && e !== null) {
      assert.deepEqual(Object.keys(a as object), Object.keys(e), path);
      for (const [key, value] of Object.entries(e)) walk((a as Record<string, unknown>)[key], value, `${path}.${key}`);
    } else {
      assert.equal(a, e, path);
    }
  };
  walk(actual, expected, 'outcome');
}

describe('a model in TypeScript', () => {
  it('trains as its twin in TorchScript, by mini-batches joined or not, and measures the same', async () => {
    assertSameOutcome(await trained(() => new Net(), () => []), await trained(scripted, () => []));
  });

  it('has the same importances under MAS, over three experiences', async () => {
    const plugins = () => [new MASPlugin({ lambdaReg: 2, alpha: 0.3 })];
    const ours = await trained(() => new Net(), plugins);
    assertSameOutcome(ours, await trained(scripted, plugins));
    assert.deepEqual(Object.keys(ours.importance!), Object.keys(ours.state).filter((name) => /weight|bias/.test(name)));
    assert.ok(Object.values(ours.importance!).flat().some((value) => value > 0));
  });

  it('works with Naive and MAS as strategies', async () => {
    for (const Strategy of [Naive, MAS]) {
      const model = new Net();
      const strategy = new Strategy({ model, optimizer: new optim.Adam(model.parameters()), trainMbSize: 4, evaluator: null });
      const before = numbersOf(model.namedParameters());
      await strategy.train(three().trainStream);
      assert.notDeepEqual(numbersOf(model.namedParameters()), before);
    }
  });

  it('waits for a forward that is asynchronous, in the importance pass too', async () => {
    class Later extends Net {
      override forward(x: Tensor): never {
        return Promise.resolve().then(() => super.forward(x)) as never;
      }
    }
    const plugins = () => [new MASPlugin()];
    assert.deepEqual((await trained(() => new Later(), plugins)).state, (await trained(() => new Net(), plugins)).state);
  });

  it('may change between experiences: the new layer is trained, and what is left keeps its importance', async () => {
    const model = new Net();
    const mas = new MASPlugin();
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      trainMbSize: 4,
      plugins: [mas],
      evaluator: null,
    });
    const { trainStream } = three();
    await strategy.train(trainStream.at(0)!);
    const kept = mas.importance!.get('0.weight')!.toNumbers();
    model[3] = new nn.Linear(8, classes);
    const fresh = model[3].weight.toNumbers();
    model.registerModule('more', new nn.Linear(2, 2));
    let seen: number[] = [];
    strategy.plugins.push({ beforeTrainingExp: () => void (seen = mas.importance!.get('0.weight')!.toNumbers()) });
    await strategy.train(trainStream.at(1)!);
    assert.deepEqual(seen, kept);
    assert.notDeepEqual(model[3].weight.toNumbers(), fresh);
    assert.ok(mas.importance!.has('more.weight'));
  });

  it('grows its output layer with the classes', async () => {
    class Growing extends nn.Module {
      features = new nn.Sequential(new nn.Linear(features, 6), new nn.ReLU());
      classifier = new models.IncrementalClassifier(6);
      override forward(x: Tensor): Tensor {
        return this.classifier.forward(this.features.forward(x));
      }
    }
    const model = new Growing();
    const mas = new MASPlugin();
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      trainMbSize: 4,
      plugins: [mas],
      evaluator: null,
    });
    const { trainStream, testStream } = three();
    for (const [i, experience] of [...trainStream].entries()) {
      await strategy.train(experience);
      assert.deepEqual(mas.importance!.get('classifier.classifier.weight')!.shape, [i + 2, 6]);
    }
    await strategy.eval(testStream);
  });

  it('gets the task labels where it extends MultiTaskModule and declares them, and adapts its heads', async () => {
    class Heads extends models.MultiTaskModule {
      body = new nn.Linear(features, 6);
      heads = new models.MultiHeadClassifier(6);
      override forward(x: Tensor, taskLabels: Tensor): Tensor {
        return this.heads.forward(ops.aten.relu!(this.body.forward(x)) as Tensor, taskLabels);
      }
    }
    class Script extends models.MTSimpleMLP {}
    const tasks = [0, 1].map(
      (task) => new TensorDataset(smallDataset(8, [0, 1], task).x, smallDataset(8, [0, 1], task).y, { taskLabels: task }),
    );
    for (const model of [new Heads(), new Script({ inputSize: features, hiddenSize: 6 })]) {
      assert.equal(model.takesTaskLabels, true);
      const strategy = new MAS({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 4, evaluator: null });
      await strategy.train(benchmarkFromDatasets({ train: tasks }).trainStream);
      assert.deepEqual(model.knownTrainTasksLabels, [0, 1]);
      assert.ok([...model.namedParameters().keys()].some((name) => name.endsWith('classifiers.1.classifier.weight')));
    }
  });

  it('gets the input alone where it takes something else in second place', async () => {
    class Optional extends Net {
      override forward(x: Tensor, ...rest: unknown[]): Tensor {
        assert.equal(rest.length, 0);
        return super.forward(x);
      }
    }
    await trained(() => new Optional(), () => [new MASPlugin()]);
  });

  it('an error in its forward comes with its own stack as the cause, and the strategy can be used again', async () => {
    let isBroken = true;
    class Broken extends Net {
      override forward(x: Tensor): Tensor {
        if (isBroken) throw new TypeError('my own mistake');
        return super.forward(x);
      }
    }
    const model = new Broken();
    const mas = new MASPlugin();
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      trainMbSize: 4,
      plugins: [mas, { afterTrainingEpoch: () => void (isBroken = wantsBrokenImportance) }],
      evaluator: null,
    });
    let wantsBrokenImportance = false;
    const experience = three().trainStream.at(0)!;
    const error = await rejectsWithCode(strategy.train(experience), 'ERR_FORWARD', /^forward: failed: my own mistake$/);
    assert.ok(error instanceof ContinualTorchError && error.cause instanceof TypeError);
    assert.match((error.cause).stack!, /Broken\.forward/);
    isBroken = false;
    wantsBrokenImportance = true;
    await rejectsWithCode(strategy.train(experience), 'ERR_FORWARD', /my own mistake/);
    isBroken = wantsBrokenImportance = false;
    await strategy.train(experience);
  });

  it('misuse: a forward that gives no tensor', async () => {
    class Wrong extends Net {
      override forward(): never {
        return 3 as never;
      }
    }
    const model = new Wrong();
    const strategy = new Naive({ model, optimizer: new optim.SGD(model.parameters()), evaluator: null });
    await rejectsWithCode(strategy.train(three().trainStream), 'ERR_INVALID_ARG_TYPE', /^forward: expected a Tensor.*got 3/);
  });
});

describe('losses as criteria', () => {
  const oneHot = (labels: Tensor) =>
    ops.aten.to!(ops.aten.one_hot!(labels, classes), 'float32') as Tensor;
  const losses: Record<string, Criterion> = {
    'CrossEntropyLoss of sums': new nn.CrossEntropyLoss({ reduction: 'sum' }),
    MultiMarginLoss: new nn.MultiMarginLoss(),
    'MSELoss of one-hot targets': (output, target) => new nn.MSELoss().forward(output, oneHot(target)),
    'NLLLoss of log-softmax': (output, target) =>
      new nn.NLLLoss().forward(ops.aten.log_softmax!(output, 1) as Tensor, target),
  };
  for (const [name, criterion] of Object.entries(losses)) {
    it(`${name}: a strategy takes a step along its gradient`, async () => {
      manualSeed(3);
      const model = new nn.Linear(features, classes);
      const weight = tensor(model.weight.toTypedArray(), { shape: model.weight.shape }).requiresGrad_();
      const bias = tensor(model.bias!.toTypedArray()).requiresGrad_();
      const experience = three().trainStream.at(0)!;
      const { x, y } = experience.dataset;
      const output = ops.aten.linear!(x, weight, bias) as Tensor;
      const loss = (typeof criterion === 'function' ? criterion(output, y) : criterion.forward(output, y)) as Tensor;
      loss.backward();
      const strategy = new Naive({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }),
        criterion,
        trainMbSize: 16,
        evaluator: null,
      });
      await strategy.train(experience, { shuffle: false });
      const expected = ops.aten.sub!(weight, ops.aten.mul!(weight.grad, 0.5)) as Tensor;
      assertTensorClose(model.weight, ops.aten.detach!(expected) as Tensor, { relative: 1e-5, absolute: 1e-6 });
    });
  }
});
