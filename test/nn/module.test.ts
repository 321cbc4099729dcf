import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { jit, manualSeed, nn, ops, Tensor, tensor } from '../../lib/index';
import { isScripted } from '../../lib/nn/module';
import { assertTensorClose, assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { testOnCpu } from '../support/on-cpu';

const relu = (x: Tensor) => ops.aten.relu!(x) as Tensor;
const add = (a: Tensor, b: Tensor) => ops.aten.add!(a, b) as Tensor;
const mul = (a: Tensor, b: Tensor) => ops.aten.mul!(a, b) as Tensor;

class Net extends nn.Module {
  fc1 = new nn.Linear(3, 4);
  scale = new nn.Parameter(tensor([2, 2]));
  fc2 = new nn.Linear(4, 2);
  readonly note = 'neither parameter nor module';
  plain = tensor([1]);
  declare seen: Tensor;

  constructor() {
    super();
    this.registerBuffer('seen', tensor([0]));
    this.registerBuffer('cache', tensor([7]), { persistent: false });
  }

  override forward(x: Tensor): Tensor {
    return mul(this.fc2.forward(relu(this.fc1.forward(x))), this.scale);
  }
}
const names = ['scale', 'fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'];
const input = () =>
  tensor([
    [1, 2, 3],
    [-1, 0, 1],
  ]);

describe('nn.Module as a class of your own', () => {
  it('finds its parameters, buffers and children among its properties, in the order of PyTorch', () => {
    const net = new Net();
    assert.deepEqual([...net.namedParameters().keys()], names);
    assert.deepEqual([...net.namedBuffers().keys()], ['seen', 'cache']);
    assert.deepEqual([...net.namedChildren().keys()], ['fc1', 'fc2']);
    assert.deepEqual([...net.namedModules().keys()], ['', 'fc1', 'fc2']);
    assert.deepEqual([...net.stateDict().keys()], ['scale', 'seen', ...names.slice(1)], 'without buffers that do not persist');
    assert.ok(net.parameters().every((parameter) => parameter instanceof nn.Parameter && parameter.requiresGrad));
    assert.ok(net.getParameter('scale').isSame(net.scale));
    assert.equal(net.getSubmodule('fc2'), net.fc2);
    assert.ok(net.getBuffer('cache') instanceof Tensor);
  });

  it('computes what its layers compute, and records it for backward', () => {
    const net = new Net();
    const expected = mul(net.fc2.forward(relu(net.fc1.forward(input()))), tensor([2, 2]));
    assertTensorEqual(net.forward(input()), expected);
    (ops.aten.sum!(net.forward(input())) as Tensor).backward();
    assert.ok(net.parameters().every((parameter) => parameter.grad !== null));
    net.zeroGrad();
    assert.ok(net.parameters().every((parameter) => parameter.grad === null));
  });

  it('sees a property that has changed: another layer, a parameter more, one less', () => {
    const net = new Net();
    net.fc2 = new nn.Linear(4, 2, { bias: false });
    assert.deepEqual([...net.namedParameters().keys()], ['scale', 'fc1.weight', 'fc1.bias', 'fc2.weight']);
    net.registerParameter('shift', new nn.Parameter(tensor([1])));
    net.registerModule('fc3', new nn.Linear(1, 1));
    assert.ok(net.namedParameters().has('shift') && net.namedParameters().has('fc3.bias'));
    delete (net as Partial<Net>).fc2;
    assert.ok(!net.namedParameters().has('fc2.weight'));
    assert.ok(net.namedParameters().get('fc3.bias')!.isSame((net as unknown as { fc3: nn.Linear }).fc3.bias!));
  });

  it('prints as PyTorch prints it, nested modules and lists included', () => {
    class Outer extends nn.Module {
      inner = new Net();
      layers = new nn.ModuleList([new nn.ReLU(), new nn.ReLU(), new nn.Tanh()]);
    }
    assert.equal(
      inspect(new Outer()),
      [
        'Outer(',
        '  (inner): Net(',
        '    (fc1): Linear(in_features=3, out_features=4, bias=True)',
        '    (fc2): Linear(in_features=4, out_features=2, bias=True)',
        '  )',
        '  (layers): ModuleList(',
        '    (0-1): 2 x ReLU()',
        '    (2): Tanh()',
        '  )',
        ')',
      ].join('\n'),
    );
  });

  it('puts the whole tree into train and eval mode, through train methods that are overridden', () => {
    class Frozen extends nn.Module {
      norm = new nn.BatchNorm1d(2);
      override train(mode = true) {
        super.train(mode);
        this.norm.eval();
        return this;
      }
    }
    class Outer extends nn.Module {
      frozen = new Frozen();
      drop = new nn.Dropout();
    }
    const net = new Outer();
    assert.equal(net.training, true);
    net.train();
    assert.deepEqual([net.training, net.frozen.training, net.frozen.norm.training, net.drop.training], [true, true, false, true]);
    net.eval();
    assert.deepEqual([net.training, net.frozen.training, net.drop.training], [false, false, false]);
    net.drop = new nn.Dropout();
    assert.equal(net.drop.training, true, 'a new layer is in train mode, as in PyTorch');
    assert.equal(net.training, false);
  });

  it('turns into other dtypes and back, keeping the parameters themselves and their gradients', testOnCpu('PyTorch lets tensors of a device of its users take no place of others', () => {
    const net = new Net();
    const { scale } = net;
    (ops.aten.sum!(net.forward(input())) as Tensor).backward();
    assert.equal(net.double(), net);
    assert.deepEqual([scale.dtype, scale.grad!.dtype, net.fc1.weight.dtype, net.seen.dtype], Array(4).fill('float64'));
    assert.equal(net.plain.dtype, 'float32', 'a tensor that is no buffer stays what it is');
    assert.ok(net.getParameter('scale').isSame(scale));
    assert.equal(net.forward(ops.aten.to!(input(), 'float64') as Tensor).dtype, 'float64');
    assert.equal(net.to({ dtype: 'float16' }).fc1.weight.dtype, 'float16');
    assert.equal(net.bfloat16().fc1.weight.dtype, 'bfloat16');
    assert.equal(net.half().float().to('cpu').fc1.weight.dtype, 'float32');
    throwsWithCode(() => net.to('int64'), 'ERR_INVALID_ARG_VALUE', /^to: expected dtype to be one of float32, float64/);
    throwsWithCode(() => net.to('gpu'), 'ERR_DEVICE', /got "gpu"/);
    throwsWithCode(() => net.to(3 as never), 'ERR_INVALID_ARG_TYPE', /^to: expected target/);
    throwsWithCode(() => net.to({ type: 'float32' } as never), 'ERR_UNKNOWN_OPTION', /"type"; expected among device, dtype/);
  }));

  it('leaves integer buffers alone when its dtype changes', () => {
    const norm = new nn.BatchNorm1d(2).double();
    assert.deepEqual([norm.runningMean!.dtype, norm.numBatchesTracked!.dtype], ['float64', 'int64']);
  });

  it('calls a function on every module, children first', () => {
    const seen: string[] = [];
    new Net().apply((module) => seen.push(module.constructor.name));
    assert.deepEqual(seen, ['Linear', 'Linear', 'Net']);
  });

  it('freezes and thaws its parameters', () => {
    const net = new Net().requiresGrad_(false);
    assert.ok(net.parameters().every((parameter) => !parameter.requiresGrad));
    assert.ok(net.requiresGrad_().parameters().every((parameter) => parameter.requiresGrad));
  });

  it('ties weights: listed once, under the first name, and under both names in the state dict', () => {
    class Tied extends nn.Module {
      encoder = new nn.Linear(3, 2);
      decoder = new nn.Linear(3, 2, { bias: false });
      constructor() {
        super();
        this.decoder.weight = this.encoder.weight;
      }
    }
    const net = new Tied();
    assert.deepEqual([...net.namedParameters().keys()], ['encoder.weight', 'encoder.bias']);
    assert.deepEqual([...net.stateDict().keys()], ['encoder.weight', 'encoder.bias', 'decoder.weight']);
    nn.init.zeros_(net.encoder.weight);
    assertTensorEqual(net.decoder.forward(input()), ops.aten.zeros!([2, 2]) as Tensor);
    throwsWithCode(
      () => ((net.decoder as { weight: unknown }).weight = tensor([1])),
      'ERR_INVALID_ARG_TYPE',
      /^Linear: expected weight to be an nn\.Parameter, got a Tensor$/,
    );
  });

  it('extends a library layer: more properties, another forward', () => {
    class Scaled extends nn.Linear {
      gain = new nn.Parameter(tensor([3]));
      override forward(x: Tensor): Tensor {
        return mul(super.forward(x), this.gain);
      }
    }
    const layer = new Scaled(3, 2);
    assert.deepEqual([...layer.stateDict().keys()], ['weight', 'bias', 'gain']);
    const plain = ops.aten.linear!(input(), layer.weight, layer.bias) as Tensor;
    assertTensorClose(layer.forward(input()), mul(plain, tensor([3])));
    assertTensorClose(new nn.Sequential(layer, new nn.Identity()).forward(input()), layer.forward(input()));
  });

  it('runs inside a Sequential, and a Sequential inside it', () => {
    const net = new Net();
    const model = new nn.Sequential({ net, out: new nn.Sequential(new nn.Linear(2, 1), new nn.Sigmoid()) });
    assert.deepEqual([...model.stateDict().keys()].slice(-3), ['net.fc2.bias', 'out.0.weight', 'out.0.bias']);
    assertTensorEqual(model.forward(input()), model.at(-1)!.forward(net.forward(input())) as Tensor);
    assert.equal(model[0], net);
    assert.equal([...model].length, model.length);
  });

  it('takes and returns what it likes', () => {
    class Two extends nn.Module<{ sum: Tensor; first: Tensor }> {
      override forward(pair: [Tensor, Tensor], options: { swap?: boolean } = {}): { sum: Tensor; first: Tensor } {
        return { sum: add(...pair), first: pair[options.swap ? 1 : 0] };
      }
    }
    const [a, b] = [tensor([1]), tensor([2])];
    assert.equal(new Two().forward([a, b], { swap: true }).first, b);
  });

  it('is initialised from a seed as PyTorch initialises it', () => {
    const digest = (seed: number) => {
      manualSeed(seed);
      return new Net().stateDict();
    };
    manualSeed(4);
    const [fc1, fc2] = [new nn.Linear(3, 4), new nn.Linear(4, 2)];
    assertTensorEqual(digest(4).get('fc1.weight')!, fc1.weight);
    assertTensorEqual(digest(4).get('fc2.bias')!, fc2.bias!);
  });

  it('misuse: no forward, a module inside itself, names that are none', () => {
    class Nothing extends nn.Module {}
    throwsWithCode(() => new Nothing().forward(input()), 'ERR_FORWARD', /^Nothing\.forward: expected the class to have a method "forward"/);
    const net = new Net();
    throwsWithCode(() => net.registerBuffer('a.b', tensor([1])), 'ERR_INVALID_ARG_VALUE', /a name without a dot, got "a\.b"/);
    throwsWithCode(() => net.registerBuffer('fc1', tensor([1])), 'ERR_INVALID_ARG_VALUE', /attribute 'fc1' already exists/);
    throwsWithCode(() => net.registerParameter('p', tensor([1])), 'ERR_INVALID_ARG_TYPE', /expected an nn\.Parameter or null, got a Tensor/);
    throwsWithCode(() => net.registerModule('m', {} as never), 'ERR_INVALID_ARG_TYPE', /expected a Module or null, got an object/);
    throwsWithCode(() => net.registerModule(3 as never, null), 'ERR_INVALID_ARG_TYPE', /expected name to be a string, got 3/);
    throwsWithCode(() => net.registerBuffer('b', null, { persist: true } as never), 'ERR_UNKNOWN_OPTION', /"persist"/);
    throwsWithCode(() => net.getParameter('fc9.weight'), 'ERR_INVALID_ARG_VALUE', /path of a parameter in Net, got "fc9\.weight"/);
    throwsWithCode(() => new nn.Parameter([1] as never), 'ERR_INVALID_ARG_TYPE', /expected data to be a Tensor, got an array of 1/);
    throwsWithCode(() => new nn.Parameter(tensor([1], { dtype: 'int64' })), 'ERR_TORCH', /floating point/i);
    assert.deepEqual([...net.namedParameters().keys()], names, 'the model is as it was');
  });

  it('becomes TorchScript by jit.trace, which then runs on the compute thread and shares its parameters', () => {
    const net = new Net();
    const traced = jit.trace(net, input());
    assert.ok(isScripted(traced));
    assertTensorClose(traced.forward(input()), net.forward(input()));
    nn.init.zeros_(net.scale);
    assertTensorEqual(traced.forward(input()), ops.aten.zeros!([2, 2]) as Tensor);
  });

  it('misuse: jit.save of a forward in TypeScript, wherever it is in the model', async () => {
    for (const model of [new Net(), new nn.Sequential(new Net())]) {
      await rejectsWithCode(jit.save(model, 'never.pt'), 'ERR_MODEL_SAVE', /jit\.trace\(model, exampleInput\).*state dict/);
    }
  });
});

describe('loadStateDict', () => {
  it('copies all values, from a Map or an object, and converts dtypes', () => {
    const [from, to] = [new Net(), new Net()];
    assert.deepEqual(to.loadStateDict(from.double().stateDict()), { missingKeys: [], unexpectedKeys: [] });
    assert.equal(to.fc1.weight.dtype, 'float32');
    assertTensorClose(to.fc1.weight, from.float().fc1.weight);
    const third = new Net();
    third.loadStateDict(Object.fromEntries(from.stateDict()));
    assertTensorEqual(third.forward(input()), from.forward(input()));
    assert.ok(third.fc1.weight.requiresGrad);
  });

  it("refuses missing, unexpected and misshapen entries in PyTorch's words, and changes nothing", () => {
    const net = new Net();
    const before = net.fc1.bias!.toNumbers();
    const state = net.stateDict();
    state.delete('scale');
    state.delete('fc2.weight');
    state.set('fc1.bias', tensor([5, 5, 5, 5]));
    state.set('fc9.weight', tensor([1]));
    state.set('fc1.weight', tensor([[1, 2, 3]]));
    throwsWithCode(
      () => net.loadStateDict(state),
      'ERR_STATE_DICT',
      new RegExp(
        [
          String.raw`^Error\(s\) in loading state_dict for Net:`,
          String.raw`\tMissing key\(s\) in state_dict: "scale", "fc2\.weight"\. `,
          String.raw`\tUnexpected key\(s\) in state_dict: "fc9\.weight"\. `,
          String.raw`\tsize mismatch for fc1\.weight: copying a param with shape torch\.Size\(\[1, 3\]\) from checkpoint, the shape in current model is torch\.Size\(\[4, 3\]\)\.$`,
        ].join('\n'),
      ),
    );
    assert.deepEqual(net.fc1.bias!.toNumbers(), before);
  });

  it('reports names that differ where it is not strict, and loads the others', () => {
    const net = new Net();
    const loose = net.loadStateDict({ 'fc1.bias': tensor([5, 5, 5, 5]), other: tensor([1]) }, { strict: false });
    assert.deepEqual(loose, { missingKeys: ['scale', 'seen', 'fc1.weight', 'fc2.weight', 'fc2.bias'], unexpectedKeys: ['other'] });
    assert.deepEqual(net.fc1.bias!.toNumbers(), [5, 5, 5, 5]);
    throwsWithCode(
      () => net.loadStateDict({ 'fc1.bias': tensor([1]) }, { strict: false }),
      'ERR_STATE_DICT',
      /size mismatch for fc1\.bias/,
    );
  });

  it('misuse: state dicts that are none, values that are no tensors', () => {
    const layer = new nn.Linear(1, 1, { bias: false });
    for (const wrong of [null, 3, 'x', [], tensor([1])]) {
      throwsWithCode(() => layer.loadStateDict(wrong as never), 'ERR_INVALID_ARG_TYPE', /^loadStateDict: expected a Map or an object/);
    }
    throwsWithCode(
      () => layer.loadStateDict({ weight: [[1]] } as never),
      'ERR_STATE_DICT',
      /While copying the parameter named "weight", expected a Tensor from checkpoint but received an array of 1\./,
    );
    throwsWithCode(() => layer.loadStateDict({}, { strikt: false } as never), 'ERR_UNKNOWN_OPTION', /"strikt"/);
  });
});

describe('containers', () => {
  it('nn.ModuleList holds modules under their index', () => {
    const list = new nn.ModuleList([new nn.Linear(1, 1), new nn.Linear(1, 1)]).append(new nn.Linear(1, 1));
    assert.equal(list.length, 3);
    assert.equal(list.at(-1), list[2]);
    assert.deepEqual([...list.stateDict().keys()].slice(-2), ['2.weight', '2.bias']);
    assert.equal([...list].length, 3);
    throwsWithCode(() => list.append(3 as never), 'ERR_INVALID_ARG_TYPE', /expected a Module or null, got 3/);
    throwsWithCode(() => list.forward(tensor([1])), 'ERR_FORWARD', /ModuleList/);
    throwsWithCode(() => new nn.ModuleList(5 as never), 'ERR_INVALID_ARG_TYPE', /expected an array or another iterable, got 5/);
  });

  it('nn.ModuleDict holds modules under their name', () => {
    const dict = new nn.ModuleDict<nn.Module>({ a: new nn.Linear(1, 1), b: new nn.ReLU() });
    dict.set('b', new nn.Linear(1, 2)).set('c', new nn.ReLU());
    assert.deepEqual([...dict.keys()], ['a', 'b', 'c']);
    assert.equal(dict.delete('c'), true);
    assert.deepEqual([dict.size, dict.has('c'), dict.get('c')], [2, false, undefined]);
    assert.deepEqual([...dict.stateDict().keys()], ['a.weight', 'a.bias', 'b.weight', 'b.bias']);
    throwsWithCode(() => dict.set('forward', new nn.ReLU()), 'ERR_INVALID_ARG_VALUE', /attribute 'forward' already exists/);
  });

  it('nn.ParameterList makes parameters of tensors', () => {
    const list = new nn.ParameterList([tensor([1]), new nn.Parameter(tensor([2]))]);
    assert.deepEqual([...list.namedParameters().keys()], ['0', '1']);
    assert.ok(list[0] instanceof nn.Parameter && list.at(-1)!.item() === 2);
    throwsWithCode(() => list.append(3 as never), 'ERR_INVALID_ARG_TYPE', /expected parameters or tensors, got 3/);
  });

  it('nn.Embedding.fromPretrained shares a table, frozen unless told otherwise', () => {
    const table = tensor([[1, 2], [3, 4]]);
    const layer = nn.Embedding.fromPretrained(table);
    assert.equal(layer.weight.requiresGrad, false);
    assertTensorEqual(layer.forward(tensor([1], { dtype: 'int64' })), tensor([[3, 4]]));
    assert.equal(nn.Embedding.fromPretrained(table, { freeze: false }).weight.requiresGrad, true);
    throwsWithCode(() => nn.Embedding.fromPretrained(tensor([1])), 'ERR_SHAPE', /expected 2 dimensions/);
    throwsWithCode(() => layer.forward(tensor([2], { dtype: 'int64' })), 'ERR_TORCH', /index out of range/);
    throwsWithCode(() => new nn.Embedding(2, 2, { paddingIdx: 2 }), 'ERR_INVALID_ARG_VALUE', /paddingIdx to be within numEmbeddings 2, got 2/);
  });
});
