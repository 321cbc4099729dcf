import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, manualSeed, models, Naive, nn, optim, tensor, type Tensor, tidy, torch } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { whileAtWork } from '../support/at-work';
import { fixturePath } from '../support/fixtures';
import { layerCases } from '../support/layer-cases';
import { experience, ramp } from '../support/recorded-models';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';
import { withTempFolder } from '../support/temp-folder';

/** The copy prints alike, has the same state in tensors of its own, the same flags, and the same modes. */
function assertCopied(copy: nn.Module<unknown>, original: nn.Module<unknown>): void {
  assert.equal(copy.constructor, original.constructor);
  assert.equal(String(copy), String(original));
  const [mine, theirs] = [copy.stateDict(), original.stateDict()];
  assert.deepEqual([...mine.keys()], [...theirs.keys()]);
  for (const [name, value] of theirs) {
    assertTensorEqual(mine.get(name)!, value, name);
    assert.ok(!mine.get(name)!.isSame(value), name);
    assert.equal(mine.get(name)!.requiresGrad, value.requiresGrad, name);
  }
  const modes = (module: nn.Module<unknown>) => [...module.namedModules()].map(([name, { training }]) => [name, training]);
  assert.deepEqual(modes(copy), modes(original));
  assert.deepEqual([...copy.namedBuffers().keys()], [...original.namedBuffers().keys()]);
}

class Block extends nn.Module {
  linear = new nn.Linear(4, 4);
  norm = new nn.BatchNorm1d(4);

  override forward(x: Tensor): Tensor {
    return this.norm.forward(this.linear.forward(x));
  }
}

class Net extends nn.Module {
  blocks = new nn.ModuleList([new Block(), new Block()]);
  heads = new nn.ModuleDict({ a: new nn.Linear(4, 2), b: new nn.Linear(4, 3) });
  scales = new nn.ParameterList([torch.ones([1]), torch.ones([4])]);
  gain = new nn.Parameter(torch.ones([4]));
  again = this.blocks[0]!;
  tied = this.blocks[0]!.linear.weight;
  notes = { sizes: [1, 2], by: new Map<string, unknown>([['gain', this.gain]]), seen: new Set([this.heads]), at: new Date(5) };
  activate: (x: Tensor) => Tensor = (x) => torch.relu(x);
  declare mean: Tensor;

  constructor() {
    super();
    this.registerBuffer('mean', tensor([1, 2]));
    this.registerBuffer('cache', tensor([3]), { persistent: false });
    this.registerParameter('extra', new nn.Parameter(tensor([7]), { requiresGrad: false }));
  }

  override forward(x: Tensor): Tensor {
    let y = x.mul(this.gain).mul(this.scales[1]!);
    for (const block of this.blocks) y = this.activate(block.forward(y));
    return this.heads.get('a')!.forward(y);
  }
}

describe('Module.clone', () => {
  it('copies every layer', () => {
    for (const [name, [make]] of Object.entries(layerCases)) {
      const layer = make();
      assertCopied(layer.clone(), layer);
      assert.equal(String(layer.eval().clone().training), 'false', name);
    }
  });

  it('gives a layer that computes the same, in train and in eval mode', () => {
    const makers: [() => nn.Module, number[]][] = [
      [() => new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.5), new nn.Linear(8, 2)), [3, 4]],
      [() => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8 }), 2), [5, 3, 4]],
      [() => new models.SimpleMLP({ inputSize: 4 }), [3, 4]],
      [() => new models.SlimResNet18(3, { nf: 2 }), [2, 3, 32, 32]],
    ];
    for (const [make, shape] of makers) {
      const layer = make();
      const x = torch.randn(shape);
      const copy = layer.clone();
      for (const isTraining of [true, false]) {
        const [output, expected] = [copy, layer].map((module) => {
          manualSeed(3);
          return module.train(isTraining).forward(x);
        });
        assertTensorEqual(output!, expected!, layer.constructor.name);
      }
      assertCopied(copy, layer);
    }
  });

  it('copies a class of TypeScript with its fields: parts, containers, what is shared, plain data, buffers', () => {
    const net = new Net();
    net.blocks[1]!.eval();
    net.heads.get('b')!.requiresGrad_(false);
    const copy = net.clone();
    assertCopied(copy, net);
    const x = torch.randn([3, 4]);
    assertTensorEqual(copy.forward(x), net.forward(x));
    assert.equal(copy.again, copy.blocks[0]);
    assert.ok(copy.tied.isSame(copy.blocks[0]!.linear.weight));
    assert.ok((copy.notes.by.get('gain') as Tensor).isSame(copy.gain));
    assert.deepEqual([...copy.notes.seen], [copy.heads]);
    assert.deepEqual([copy.notes.sizes, copy.notes.at], [[1, 2], new Date(5)]);
    assert.notEqual(copy.notes.sizes, net.notes.sizes);
    assert.equal(copy.activate, net.activate);
    assert.equal(copy.getParameter('extra').requiresGrad, false);
    assert.ok(!copy.stateDict().has('cache'));
    assertTensorEqual(copy.getBuffer('cache'), tensor([3]));
    copy.blocks.append(new Block());
    copy.heads.set('c', new nn.Linear(4, 1));
    copy.scales.append(torch.ones([2]));
    assert.deepEqual([net.blocks.length, net.heads.size, net.scales.length], [2, 2, 2]);
    assert.deepEqual([copy.blocks.length, copy.heads.size, copy.scales.length], [3, 3, 3]);
    assert.ok(copy.parameters().length > net.parameters().length);
  });

  it('leaves gradients of parameters behind, and the graph of what was computed', () => {
    const net = smallModel();
    net.forward(ramp(2, 4)).sum().backward();
    const copy = net.clone();
    assert.ok(copy.parameters().every(({ grad }) => grad === null));
    copy.forward(ramp(2, 4)).sum().backward();
    net.parameters().forEach((parameter, i) => assertTensorEqual(copy.parameters()[i]!.grad!, parameter.grad!));
    const cached = Object.assign(new Block(), { last: torch.ones([2], { requiresGrad: true }).mul(2) });
    assert.equal(cached.clone().last.gradFn, null);
  });

  it('is independent: what is trained, loaded, replaced or moved in one leaves the other', async () => {
    const net = smallModel() as nn.Sequential;
    const [copy, before] = [net.clone(), numbersOf(net.stateDict())];
    const { trainStream } = smallBenchmark();
    await new Naive({ model: copy, optimizer: new optim.SGD(copy.parameters(), { lr: 0.5 }), evaluator: null }).train(trainStream);
    assert.deepEqual(numbersOf(net.stateDict()), before);
    assert.notDeepEqual(numbersOf(copy.stateDict()), before);
    copy[1] = new nn.Tanh();
    copy.append(new nn.Identity()).double();
    assert.match(String(net), /ReLU/);
    assert.equal(net.length, 3);
    assert.equal(net.forward(ramp(2, 4)).dtype, 'float32');
    assert.equal(copy.forward(ramp(2, 4).double()).dtype, 'float64');
  });

  it('trains as the original would have', async () => {
    for (const make of [smallModel, () => new Net(), () => new models.SimpleMLP({ inputSize: 4, dropRate: 0.5 })]) {
      const original = make();
      const trained = await Promise.all(
        [original.clone(), original].map(async (model) => {
          manualSeed(5);
          const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
          const strategy = new Naive({ model, optimizer, trainMbSize: 4, trainEpochs: 2, evaluator: null, generator: new torch.Generator({ device: 'cpu' }).manualSeed(3) });
          await strategy.train(smallBenchmark().trainStream[0]!);
          return numbersOf(model.stateDict());
        }),
      );
      assert.deepEqual(trained[0], trained[1]);
    }
  });

  it('copies models that have grown, which go on growing', () => {
    const grow = (model: nn.Module, classes: number[], task = 0) => models.avalancheModelAdaptation(model, experience(classes, task));
    class Growing extends nn.Module {
      features = new nn.Linear(4, 6);
      classifier = new models.IncrementalClassifier(6);
      override forward(x: Tensor): Tensor {
        return this.classifier.forward(this.features.forward(x));
      }
    }
    const net = new Growing();
    grow(net, [0, 5]);
    const copy = net.clone();
    assertCopied(copy, net);
    grow(copy, [9]);
    assert.deepEqual([copy, net].map((model) => model.classifier.activeUnits.shape), [[10], [6]]); // prettier-ignore
    assert.deepEqual(copy.forward(ramp(2, 4)).shape, [2, 10]);

    const tasks = new models.MTSimpleMLP({ inputSize: 4, hiddenSize: 6 });
    grow(tasks, [0, 1], 0);
    grow(tasks, [2, 3], 1);
    const twin = tasks.clone();
    assertCopied(twin, tasks);
    const labels = tensor([0, 1, 0], { dtype: 'int64' });
    assertTensorEqual(twin.eval().forward(ramp(3, 4), labels), tasks.eval().forward(ramp(3, 4), labels));
    twin.train();
    grow(twin, [4, 5, 6], 2);
    assert.deepEqual(twin.classifier.knownTrainTasksLabels, [0, 1, 2]);
    assert.deepEqual(tasks.classifier.knownTrainTasksLabels, [0, 1]);
    assert.deepEqual([twin, tasks].map(({ classifier }) => [...classifier.classifiers.keys()]), [[0, 1, 2], [0, 1]]); // prettier-ignore
    assert.deepEqual(twin.forward(ramp(1, 4), 2).shape, [1, 7]);
    assert.equal(twin.forward(ramp(3, 4), tensor([2, 1, 0], { dtype: 'int64' })).size(1), 7);
    assert.deepEqual([...twin.forward(ramp(1, 4), null).keys()], [0, 1, 2]);
    assert.equal(tasks.classifier.maxClassLabel, 4);
  });

  it('copies TorchScript of a file and of a trace, which can be saved, and given parts apart', async () => {
    const loaded = await jit.load(fixturePath('models', 'affine.pt'));
    const net = new Net().eval();
    const traced = jit.trace(net, torch.ones([2, 4]));
    for (const [model, x] of [[loaded, torch.randn([2, ...(await inputOf(loaded))])], [traced, torch.randn([2, 4])]] as const) {
      const copy = model.clone();
      assertCopied(copy, model);
      assertTensorEqual(copy.eval().forward(x), model.eval().forward(x));
      await withTempFolder(async (folder) => {
        await jit.save(copy, path.join(folder, 'copy.pt'));
        assertTensorEqual((await jit.load(path.join(folder, 'copy.pt'))).eval().forward(x), model.forward(x));
      });
      copy.registerBuffer('mine', tensor([1]));
      assert.ok(copy.stateDict().has('mine'));
      assert.ok(!model.stateDict().has('mine'));
      assertTensorEqual(copy.forward(x), model.forward(x));
      model.registerBuffer('other', tensor([1, 2]));
      assert.ok(!copy.stateDict().has('other'));
      assertTensorEqual(copy.forward(x), model.forward(x));
      (copy.parameters()[0]!.requiresGrad_(false)).zero_();
      assert.notEqual(model.parameters()[0]!.abs().sum().item(), 0);
    }
  });

  it('asks a class that says itself how it is cloned, in a tree too', () => {
    class Secret extends nn.Module {
      readonly #width: number;
      linear: nn.Linear;
      constructor(width: number) {
        super();
        this.#width = width;
        this.linear = new nn.Linear(width, width);
      }
      override clone(): this {
        const copy = new Secret(this.#width);
        copy.loadStateDict(this.stateDict());
        return copy as this;
      }
      override forward(x: Tensor): Tensor {
        return this.linear.forward(x.view([-1, this.#width]));
      }
    }
    const net = new nn.Sequential(new Secret(4), new nn.Linear(4, 2));
    const copy = net.clone();
    assertCopied(copy, net);
    assertTensorEqual(copy.forward(ramp(2, 4)), net.forward(ramp(2, 4)));
    assert.ok(!copy.parameters()[0]!.isSame(net.parameters()[0]!));
  });

  it('holds what a scope does not end, draws no random numbers, and keeps modules that hold each other', () => {
    manualSeed(1);
    const expected = torch.rand([1]).item();
    const model = smallModel();
    manualSeed(1);
    const copy = tidy(() => {
      const inside = model.clone();
      return { inside };
    }).inside;
    assert.equal(torch.rand([1]).item(), expected);
    copy.forward(ramp(2, 4));
    class Paired extends Block {
      partner: Paired | undefined;
    }
    const [pair, other] = [new Paired(), new Paired()];
    [pair.partner, other.partner] = [other, pair];
    const twin = pair.clone();
    assert.equal(twin.partner!.partner, twin);
    assert.notEqual(twin.partner, other);
  });

  it('misuse: of a model that a job works with', async () => {
    const model = smallModel();
    await whileAtWork(model, 4, () => throwsWithCode(() => model.clone(), 'ERR_BUSY', /^clone: expected nothing to be at work on it/));
    assertCopied(model.clone(), model);
  });
});

async function inputOf(model: nn.Module): Promise<number[]> {
  return [model.parameters()[0]!.shape.at(-1)!];
}
