import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, models, nn, torch, type Tensor } from '../../lib/index';
import { isScripted } from '../../lib/nn/module';
import { assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { whileAtWork } from '../support/at-work';
import { ramp } from '../support/recorded-models';
import { withTempFolder } from '../support/temp-folder';

const small = () => new models.SimpleMLP({ inputSize: 4, hiddenSize: 3, numClasses: 2 }).eval();
const keysOf = (module: nn.Module<unknown>) => [...module.stateDict().keys()];

/** A layer written in TypeScript. */
class Head extends nn.Module {
  inner = new nn.Linear(3, 2);
  override forward(x: Tensor): Tensor {
    return this.inner.forward(x).mul(2);
  }
}

describe('replacing parts of a model', () => {
  it('is seen by everything around it that has run before: models, and models in TypeScript around them', () => {
    class Net extends nn.Module {
      body = new nn.Sequential(small(), new nn.Identity());
      override forward(x: Tensor): Tensor {
        return this.body.forward(x);
      }
    }
    const net = new Net();
    const outer = new nn.Sequential(net.body);
    const x = ramp(5, 4);
    for (const model of [net, outer, net.body]) assert.deepEqual(model.forward(x).shape, [5, 2]);
    const mlp = net.body[0] as models.SimpleMLP;
    (mlp.features as nn.Sequential)[0] = new nn.Sequential(new nn.Linear(4, 9), new nn.Linear(9, 3));
    mlp.classifier = new nn.Linear(3, 7);
    for (const model of [mlp, net.body, outer, net]) assert.deepEqual(model.forward(x).shape, [5, 7]);
    for (const model of [net, outer]) assert.equal(model.parameters().length, 6);
    assert.deepEqual(keysOf(mlp).slice(0, 3), ['features.0.0.weight', 'features.0.0.bias', 'features.0.1.weight']);
    assert.ok(outer.parameters().at(-1)!.isSame(mlp.getParameter('classifier.bias')));
  });

  it('takes part in train and eval mode, dtypes, gradients and saving, and Python reads what is saved', () =>
    withTempFolder(async (folder) => {
      const model = small();
      model.classifier = new models.IncrementalClassifier(3, { initialOutFeatures: 5 });
      assert.equal(model.classifier.training, true, 'as in PyTorch a new module is in train mode');
      assert.equal(model.eval().classifier.training, false);
      model.double();
      const output = model.forward(ramp(2, 4).to('float64'));
      assert.deepEqual([output.shape, output.dtype], [[2, 5], 'float64']);
      model.train().features.eval();
      model.float().forward(ramp(2, 4)).sum().backward();
      assert.ok(model.parameters().every(({ grad }) => grad !== null));
      model.zeroGrad();
      assert.ok(model.parameters().every(({ grad }) => grad === null));
      const file = path.join(folder, 'model.pt');
      await jit.save(model.eval(), file);
      assertTensorEqual((await jit.load(file)).forward(ramp(2, 4)), model.forward(ramp(2, 4)));
    }));

  it('with a module in TypeScript runs that: results, printing, tracing; saving says that it cannot be', async () => {
    const model = small();
    const before = model.classifier;
    const head = new Head();
    model.classifier = head;
    const x = ramp(5, 4);
    const features = model.features.forward(x);
    assertTensorEqual(model.forward(x), head.forward(features));
    assert.match(String(model), /\(classifier\): Head\(\n {4}\(inner\): Linear/);
    assert.deepEqual(keysOf(model).slice(2), ['classifier.inner.weight', 'classifier.inner.bias']);
    head.inner = new nn.Linear(3, 6);
    assert.deepEqual([model.forward(x).shape, model.parameters().at(-1)!.shape], [[5, 6], [6]]);
    await rejectsWithCode(jit.saveToBuffer(model), 'ERR_MODEL_SAVE', /forward is TorchScript/);
    assertTensorEqual(jit.trace(model, x).forward(x), model.forward(x));
    model.classifier = before;
    assert.ok(isScripted(model));
    assertTensorEqual(model.forward(x), before.forward(features));
  });

  it('with a module of another kind fails where PyTorch fails, or gives what that gives', () => {
    const model = small();
    model.classifier = new nn.LSTM(3, 2) as never;
    const output = model.forward(ramp(5, 4)) as unknown as [Tensor, [Tensor, Tensor]];
    assert.deepEqual(output[0].shape, [5, 2]);
    model.classifier = new nn.Bilinear(3, 3, 2);
    assert.throws(() => model.forward(ramp(5, 4)));
    model.classifier = new nn.Linear(3, 2);
    assert.deepEqual(model.forward(ramp(5, 4)).shape, [5, 2]);
  });

  it('with null leaves a place empty, until something is put there', () => {
    const model = small();
    model.classifier = null as never;
    assert.deepEqual(keysOf(model), ['features.0.weight', 'features.0.bias']);
    assert.match(String(model), /\(classifier\): None/);
    throwsWithCode(() => model.forward(ramp(1, 4)), 'ERR_FORWARD', /^SimpleMLP\.forward: expected a module as classifier, got null$/);
    model.classifier = new nn.Linear(3, 2);
    assert.deepEqual(model.forward(ramp(1, 4)).shape, [1, 2]);

    const layer = new nn.Linear(3, 2);
    const bias = layer.bias!;
    layer.bias = null;
    assert.deepEqual(keysOf(layer), ['weight']);
    assertTensorEqual(new nn.Sequential(layer).forward(torch.zeros([1, 3])), torch.zeros([1, 2]));
    layer.bias = bias;
    assert.deepEqual(keysOf(layer), ['weight', 'bias']);
    assertTensorEqual(layer.forward(torch.zeros([1, 3])), bias.detach().unsqueeze(0));
    const bare = new nn.Linear(3, 2, { bias: false });
    const around = new nn.Sequential(bare);
    around.forward(torch.zeros([1, 3]));
    bare.bias = bias;
    assertTensorEqual(around.forward(torch.zeros([1, 3])), bias.detach().unsqueeze(0));
    const norm = new nn.BatchNorm1d(3).eval();
    norm.runningMean = torch.ones([3]);
    assertTensorEqual(norm.forward(torch.ones([1, 3])), torch.zeros([1, 3]));
  });

  it('of deleted properties is noticed, and fields of a subclass count as assigned', () => {
    const layer = new nn.Linear(3, 2);
    delete (layer as Partial<nn.Linear>).bias;
    assert.deepEqual(keysOf(layer), ['weight']);
    throwsWithCode(() => layer.forward(torch.zeros([1, 3])), 'ERR_FORWARD', /^Linear\.forward: cannot be compiled over its parts/);
    layer.bias = new nn.Parameter(torch.ones([2]));
    assert.deepEqual(keysOf(layer), ['weight', 'bias']);
    assert.deepEqual(layer.forward(torch.zeros([1, 3])).shape, [1, 2]);
    class Grown extends models.SimpleMLP {
      override classifier = new models.IncrementalClassifier(3, { initialOutFeatures: 7 });
    }
    const model = new Grown({ inputSize: 4, hiddenSize: 3 });
    assert.deepEqual(model.forward(ramp(2, 4)).shape, [2, 7]);
    assert.deepEqual(keysOf(model).slice(-3), ['classifier.active_units', 'classifier.classifier.weight', 'classifier.classifier.bias']);
  });

  it('works in every container, in place', () => {
    const list = new nn.ModuleList([new nn.Linear(1, 1), new nn.Linear(1, 1)]);
    list[0] = new nn.Linear(2, 2);
    assert.deepEqual([list.length, list.at(0)!.weight.shape, keysOf(list).length], [2, [2, 2], 4]);
    const dict = new nn.ModuleDict({ b: new nn.Linear(1, 1), a: new nn.Linear(1, 1) });
    dict.set('b', new nn.Linear(2, 2));
    assert.deepEqual(keysOf(dict), ['b.weight', 'b.bias', 'a.weight', 'a.bias']);
    const sequential = new nn.Sequential({ first: new nn.Linear(4, 3), last: new nn.Linear(3, 2) });
    sequential[1] = new nn.Linear(3, 5);
    (sequential as unknown as { first: nn.Module }).first = new nn.Linear(2, 3);
    assert.deepEqual(sequential.forward(ramp(1, 2)).shape, [1, 5]);
    sequential.append(new nn.Linear(5, 6)).addModule('more', new nn.Linear(6, 7));
    assert.deepEqual(sequential.forward(ramp(1, 2)).shape, [1, 7], 'what is added runs, as in PyTorch');
    assert.deepEqual([...sequential.namedChildren().keys()], ['first', 'last', '2', 'more']);
    assert.equal(sequential[3], sequential.at(-1));
    throwsWithCode(() => (sequential[0] = new models.MTSimpleMLP()), 'ERR_INVALID_ARG_VALUE', /takes task labels as well under "first"$/);
    const encoder = new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 2, dropout: 0 }), 1).eval();
    const [x, plain] = [ramp(2, 1, 4), encoder.forward(ramp(2, 1, 4))];
    encoder.norm = new nn.LayerNorm(4);
    assertTensorEqual(encoder.forward(x), encoder.norm.forward(plain) as Tensor);
    encoder.layers.append(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 2, dropout: 0 }).eval());
    const second = encoder.layers[1]!.forward(encoder.layers[0]!.forward(x));
    assertTensorEqual(encoder.forward(x), encoder.norm.forward(second) as Tensor);
  });

  it('of a list that has become shorter: what is behind moves up, and what is added replaces nothing, as in PyTorch', () => {
    const [a, b, c] = [new nn.Linear(1, 1), new nn.Linear(1, 2), new nn.Linear(1, 3)] as const;
    const list = new nn.ModuleList([a, b, c]);
    delete list[0];
    assert.deepEqual([list[0], list[1], list[2], list.at(0), list.length], [b, c, undefined, b, 2]);
    assert.deepEqual([...list.append(a)], [b, c, a]);
    assert.deepEqual(keysOf(list), ['0.weight', '0.bias', '1.weight', '1.bias', '2.weight', '2.bias']);
    assert.ok(list.getParameter('2.weight').isSame(a.weight));
    delete list[0];
    delete list[1];
    assert.deepEqual([...list.extend([b, c])], [a, b, c]);
    delete list[2];
    list[1] = c;
    list[list.length] = b;
    assert.deepEqual([list.length, ...list], [3, a, c, b]);

    const sequential = new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU(), new nn.Linear(3, 2));
    const [, relu, last] = sequential;
    assert.deepEqual(sequential.forward(ramp(1, 4)).shape, [1, 2]);
    delete sequential[0];
    assert.deepEqual(sequential.forward(ramp(1, 3)).shape, [1, 2]);
    assert.ok(sequential[0] === relu && sequential.at(0) === relu && sequential[1] === last && sequential[2] === undefined);
    sequential.append(new nn.Linear(2, 5));
    assert.deepEqual([sequential.length, sequential.forward(ramp(1, 3)).shape], [3, [1, 5]]);
    assert.deepEqual(keysOf(sequential), ['1.weight', '1.bias', '2.weight', '2.bias']);
    assert.ok(isScripted(sequential));
    assert.equal(new nn.Sequential(relu!)[1], undefined);

    const named = new nn.Sequential(new Map<string, nn.Module>([['1', a], ['first', b], ['0', c]])); // prettier-ignore
    assert.deepEqual([named[0], named[1], named[2]], [a, b, c]);
    delete (named as unknown as { first?: nn.Module }).first;
    assert.deepEqual([named[0], named[1], [...named.namedChildren().keys()]], [a, c, ['1', '0']]);
    named.append(b).append(a);
    assert.deepEqual([named.length, [...named.stateDict().keys()].slice(-2)], [4, ['3.weight', '3.bias']]);
    delete named[0];
    assert.deepEqual([...named.stateDict().keys()], ['0', '1', '2'].flatMap((name) => [`${name}.weight`, `${name}.bias`]));
    assert.ok(named[0] === c && named[1] === b && named[2] === a);
  });

  it('by registering another of the same kind under its name', () => {
    const layer = new nn.Linear(3, 2, { bias: false });
    const bias = new nn.Parameter(torch.ones([2]));
    layer.registerParameter('bias', bias);
    assert.ok(layer.bias!.isSame(bias));
    layer.registerParameter('bias', null);
    assert.deepEqual(keysOf(layer), ['weight']);
    const lstm = new nn.LSTM(1, 1);
    lstm.registerParameter('weight_ih_l0', new nn.Parameter(torch.zeros([4, 1])));
    assert.equal(lstm.getParameter('weight_ih_l0').sum().item(), 0);
    assert.equal(lstm.parameters().length, 4);
    const norm = new nn.BatchNorm1d(2);
    norm.registerBuffer('running_mean', torch.ones([2]), { persistent: false });
    assert.equal(norm.runningMean!.sum().item(), 2);
    assert.ok(!norm.stateDict().has('running_mean'));
    const model = small();
    model.registerModule('classifier', new nn.Linear(3, 7));
    assert.deepEqual(model.forward(ramp(1, 4)).shape, [1, 7]);
    const head = new Head();
    head.addModule('inner', new nn.Linear(3, 4));
    head.registerBuffer('seen', torch.ones([1]));
    head.registerBuffer('seen', torch.zeros([1]));
    head.registerParameter('gain', null);
    head.registerParameter('gain', bias);
    assert.deepEqual([head.forward(ramp(1, 3)).shape, head.getBuffer('seen').item(), keysOf(head).length], [[1, 4], 0, 4]);
    throwsWithCode(() => head.registerParameter('inner', bias), 'ERR_INVALID_ARG_VALUE', /attribute 'inner' already exists/);
    throwsWithCode(() => head.registerModule('gain', layer), 'ERR_INVALID_ARG_VALUE', /attribute 'gain' already exists/);
    throwsWithCode(() => model.registerModule('forward', layer), 'ERR_INVALID_ARG_VALUE', /attribute 'forward' already exists/);
    throwsWithCode(() => layer.registerParameter('weight', torch.ones([1])), 'ERR_INVALID_ARG_TYPE', /an nn\.Parameter or null, got a Tensor/);
  });

  it('of the projection of attention uses its weight and bias alone, as PyTorch does', () => {
    class Projection extends nn.Module<never> {
      weight = new nn.Parameter(torch.eye(4));
      bias = new nn.Parameter(torch.ones([4]).mul(3));
    }
    const attention = new nn.MultiheadAttention(4, 2);
    const x = ramp(3, 1, 4);
    attention.outProj = new Projection();
    const shifted = attention.forward(x, x, x)[0];
    (attention.outProj as Projection).bias = new nn.Parameter(torch.zeros([4]));
    const same = attention.outProj;
    attention.outProj = same;
    assert.equal(attention.parameters().length, 4);
    assert.deepEqual(shifted.sub(3).round({ decimals: 4 }).toNumbers(), attention.forward(x, x, x)[0].round({ decimals: 4 }).toNumbers());
  });

  it('misuse: values that are no parts, a model at work, a loaded model; nothing changes then', () =>
    withTempFolder(async (folder) => {
      const model = small();
      const { classifier } = model;
      throwsWithCode(() => (model.classifier = 3 as never), 'ERR_INVALID_ARG_TYPE', /^SimpleMLP: expected classifier to be a Module or null, got 3$/);
      throwsWithCode(() => ((classifier as nn.Linear).weight = 'w' as never), 'ERR_INVALID_ARG_TYPE', /^Linear: expected weight to be an nn\.Parameter/);
      throwsWithCode(
        () => (new nn.BatchNorm1d(2).runningMean = new nn.Parameter(torch.ones([2]))),
        'ERR_INVALID_ARG_TYPE',
        /expected runningMean to be a Tensor or null/,
      );
      const file = path.join(folder, 'model.pt');
      await whileAtWork(model.train(), 4, () => {
        throwsWithCode(() => (model.classifier = new nn.Linear(3, 9)), 'ERR_BUSY', /nothing to be at work/);
      });
      model.eval();
      await jit.save(model, file);
      assert.equal(model.classifier, classifier);
      assert.deepEqual(model.forward(ramp(1, 4)).shape, [1, 2]);
      const loaded = (await jit.load(file)) as nn.Module & { classifier?: nn.Module };
      throwsWithCode(
        () => (loaded.classifier = new nn.Linear(3, 2)),
        'ERR_INVALID_ARG_VALUE',
        /^ScriptModule: expected "classifier" to stay what it is, because the TorchScript of a file or a trace is compiled for it/,
      );
      assertTensorEqual(loaded.forward(ramp(1, 4)), model.forward(ramp(1, 4)));
    }));
});

describe('a module inside itself', () => {
  const pair = () => {
    const [a, b] = [new models.MultiHeadClassifier(2), new models.MultiHeadClassifier(2)] as (nn.Module & { layer2?: nn.Module })[];
    a!.layer2 = b!;
    b!.layer2 = a!;
    return [a!, b!] as const;
  };

  it('is visited once by everything that walks through a tree', () => {
    const [a, b] = pair();
    for (const [one, other] of [[a, b], [b, a]] as const) { // prettier-ignore
      assert.deepEqual([...one.namedModules()].filter(([, module]) => module === a || module === b), [['', one], ['layer2', other]]); // prettier-ignore
      assert.equal(one.parameters().length, 4);
      assert.ok(one.namedParameters().has('layer2.classifiers.0.classifier.weight'));
      assert.equal(one.stateDict().size, 8);
      const count: nn.Module<unknown>[] = [];
      one.apply((module) => count.push(module));
      assert.equal(count.filter((module) => module === a || module === b).length, 2);
      one.eval();
      assert.deepEqual([a.training, b.training, b.children()[0]!.training], [false, false, false]);
      one.train();
      assert.ok(a.training && b.training);
      one.loadStateDict(one.stateDict());
    }
    assert.match(String(a), /\(layer2\): MultiHeadClassifier\([^]*\(layer2\): MultiHeadClassifier\(\.\.\.\)/);
    a.double();
    assert.equal(b.parameters()[0]!.dtype, 'float64');
  });

  it('can be itself', () => {
    class Loop extends nn.Module {
      self: nn.Module = this;
      fc = new nn.Linear(1, 1);
    }
    assert.deepEqual([...new Loop().namedParameters().keys()], ['fc.weight', 'fc.bias']);
  });

  it('cannot be called where the forwards are those of this package, which says so', () => {
    const sequential = new nn.Sequential(new nn.Linear(1, 1));
    sequential[0] = sequential;
    const message = /^Sequential\.forward: expected modules in a tree, got Sequential, which is inside itself$/;
    for (let i = 0; i < 2; i++) throwsWithCode(() => sequential.forward(ramp(1, 1)), 'ERR_FORWARD', message);
    throwsWithCode(() => new nn.Sequential(sequential).forward(ramp(1, 1)), 'ERR_FORWARD', message);
    const [outer, inner] = [new nn.Sequential(), new nn.Sequential()];
    outer.append(inner);
    inner.append(outer);
    throwsWithCode(() => outer.forward(ramp(1, 1)), 'ERR_FORWARD', message);
    sequential[0] = new nn.Linear(1, 1);
    assert.deepEqual(sequential.forward(ramp(1, 1)).shape, [1, 1]);
  });

  it('cannot be saved as TorchScript, which says so', async () => {
    await rejectsWithCode(jit.saveToBuffer(pair()[0]), 'ERR_MODEL_SAVE', /expected modules in a tree.*MultiHeadClassifier, which is inside itself/);
  });
});

describe("a model's own properties", () => {
  it('may have the names that the package uses', () => {
    class Net extends nn.Module {
      handle = 'mine';
      isScripted = 'mine';
      state = new nn.Parameter(torch.ones([2]));
      run = new nn.Linear(2, 2);
      steps = new nn.Identity();
      note = 1;
      override forward(x: Tensor): Tensor {
        return this.run.forward(x).mul(this.state);
      }
    }
    const net = new Net();
    assert.deepEqual(keysOf(net), ['state', 'run.weight', 'run.bias']);
    assert.deepEqual(new nn.Sequential({ steps: net, handle: new nn.Identity() }).forward(ramp(1, 2)).shape, [1, 2]);
    assert.equal(net.handle + net.isScripted, 'minemine');
    class Heads extends models.MultiTaskModule {
      classes = 'mine';
      trainTasks = 'mine';
      fc = new nn.Linear(1, 1);
    }
    assert.equal(new Heads().maxClassLabel, 0);
  });

  it('structuredClone says what to call; JSON and printing show the tree', () => {
    const layer = new nn.Linear(1, 2);
    assert.throws(() => structuredClone(layer), /state dict.*could not be cloned/i);
    assert.equal(JSON.stringify({ layer }), '{"layer":"Linear(in_features=1, out_features=2, bias=True)"}');
  });
});
