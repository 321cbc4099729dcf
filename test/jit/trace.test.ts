import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, manualSeed, models, nn, noGrad, ops, optim, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { ofPython, testOnCpu } from '../support/on-cpu';
import { withTempFolder } from '../support/temp-folder';
import { warnings } from '../support/warnings';

const python = process.env.PYTHON ?? 'python3';
const { aten } = ops;

/** A model whose forward is TypeScript. */
class Written extends nn.Module {
  constructor(
    layers: nn.Module[],
    private readonly run: (...inputs: Tensor[]) => unknown,
  ) {
    super();
    layers.forEach((layer, i) => this.registerModule(String(i), layer));
  }

  override forward(...inputs: never[]): Tensor {
    return this.run(...inputs) as Tensor;
  }
}

function mlp(): Written {
  const [first, dropout, second] = [new nn.Linear(3, 8), new nn.Dropout(0.5), new nn.Linear(8, 2)];
  return new Written([first, dropout, second], (x) => {
    const hidden = dropout.forward(aten.relu!(first.forward(x)) as Tensor);
    return aten.mul!(second.forward(hidden), 0.5) as Tensor;
  });
}

function convNet(): Written {
  const layers = [new nn.Conv2d(1, 3, 2), new nn.BatchNorm2d(3), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(12, 2)];
  return new Written(layers, (x) => layers.reduce((y, layer, i) => (i === 2 ? layer.forward(aten.tanh!(y)) : layer.forward(y)), x));
}

const rows = (count: number, size = 3) =>
  tensor(new Float32Array(count * size).map((_, i) => Math.sin(i + 1)), { shape: [count, size] });
const images = (count: number) => aten.view!(rows(count, 25), [count, 1, 5, 5]) as Tensor;
const tracedWithoutModes = /prim::CallMethod\[name="forward"\]/;

describe('jit.trace', () => {
  for (const [name, make, inputs] of [
    ['an MLP', mlp, rows],
    ['a small conv net', convNet, images],
  ] as const) {
    it(`records ${name}: the outputs of other inputs, keys, and the tensors themselves`, () => {
      const model = make().eval();
      const traced = jit.trace(model, inputs(1));
      assert.ok(traced instanceof jit.ScriptModule);
      for (const count of [1, 4]) assertTensorEqual(traced.forward(inputs(count)), model.forward(inputs(count) as never));
      assert.deepEqual([...traced.stateDict().keys()], [...model.stateDict().keys()]);
      traced.parameters().forEach((parameter, i) => assert.ok(parameter.isSame(model.parameters()[i]!)));
      assert.equal(traced.training, false);
      assert.deepEqual(traced.frozenModes, []);
      assert.match(traced.graph, tracedWithoutModes, 'layers stay calls');
    });

    it(`${name} saved, loaded and trained takes the steps that the model takes`, async () => {
      manualSeed(2);
      const model = make().eval();
      const loaded = await jit.load(await jit.saveToBuffer(jit.trace(model, inputs(1))));
      assertTensorEqual(loaded.forward(inputs(3)), model.forward(inputs(3) as never));
      const losses = [model, loaded].map((trained) => {
        manualSeed(3);
        trained.train();
        const optimizer = new optim.SGD(trained.parameters(), { lr: 0.01 });
        return Array.from({ length: 5 }, () => {
          optimizer.zeroGrad();
          const loss = aten.sum!(aten.square!(trained.forward(inputs(4) as never))) as Tensor;
          loss.backward();
          optimizer.step();
          return loss.item();
        });
      });
      assert.deepEqual(losses[1], losses[0]);
      assert.notEqual(losses[0]![4], losses[0]![0]);
      for (const [key, value] of model.stateDict()) assertTensorEqual(loaded.stateDict().get(key)!, value, key);
    });

    it(`Python opens ${name}, with equal outputs and keys`, testOnCpu(ofPython, function () {
      if (spawnSync(python, ['-c', 'import torch']).status !== 0) {
        console.warn(`      SKIPPED: ${python} has no torch (set PYTHON to one that has)`);
        this.skip();
      }
      return withTempFolder(async (folder) => {
        const model = make().eval();
        const file = path.join(folder, 'model.pt');
        await jit.save(jit.trace(model, inputs(1)), file);
        const x = inputs(3);
        const script = [
          'import sys, json, torch',
          'model = torch.jit.load(sys.argv[1])',
          'x = torch.tensor(json.loads(sys.argv[2])).reshape(json.loads(sys.argv[3]))',
          'assert not model.training',
          'print(json.dumps([model(x).tolist(), list(model.state_dict())]))',
          'assert not torch.equal(model.train()(x), model(x)) or len(list(model.buffers()))',
        ].join('\n');
        const run = spawnSync(python, ['-c', script, file, JSON.stringify(x.toNumbers()), JSON.stringify(x.shape)], {
          encoding: 'utf8',
        });
        assert.equal(run.status, 0, run.stderr);
        const [output, keys] = JSON.parse(run.stdout) as [number[][], string[]];
        assertTensorClose(tensor(output), model.forward(x as never));
        assert.deepEqual(keys.sort(), [...model.stateDict().keys()].sort());
      });
    }));
  }

  it('leaves dropout to the mode that the result is in', () => {
    const traced = jit.trace(mlp().eval(), rows(1));
    const x = rows(1);
    assertTensorEqual(traced.forward(x), traced.forward(x));
    traced.train();
    const outputs = Array.from({ length: 8 }, () => String(traced.forward(x).toNumbers()));
    assert.ok(new Set(outputs).size > 1);
  });

  it('leaves buffers and the random generator as they were', () => {
    const model = convNet();
    const before = [...model.namedBuffers()].map(([, buffer]) => buffer.toNumbers());
    jit.trace(model, images(2));
    assert.deepEqual(
      [...model.namedBuffers()].map(([, buffer]) => buffer.toNumbers()),
      before,
    );
    manualSeed(1);
    jit.trace(mlp(), rows(2));
    manualSeed(1);
    const drawn = mlp();
    const next = aten.rand!([2]) as Tensor;
    jit.trace(drawn, rows(2));
    manualSeed(1);
    mlp();
    assertTensorEqual(aten.rand!([2]) as Tensor, next);
  });

  it('keeps the task labels of a multi-task model apart from other inputs', () => {
    class Shifted extends models.MultiTaskModule {
      override forward(x: Tensor, taskLabels: Tensor): Tensor {
        return x.add(taskLabels.view([-1, 1]));
      }
    }
    const labels = tensor([1, 2], { dtype: 'int64' });
    const traced = jit.trace(new Shifted(), [rows(2), labels]);
    assert.equal(traced.takesTaskLabels, true);
    assertTensorEqual(traced.forward(rows(2), { task_labels: labels }), rows(2).add(labels.view([-1, 1])));
    const sum = new Written([], (x: Tensor, y: Tensor) => x.add(y));
    assert.equal(jit.trace(sum, [rows(2), rows(2)]).takesTaskLabels, false);
  });

  it('takes several inputs and tuples, and gives tuples', () => {
    const layer = new nn.Linear(3, 3);
    const model = new Written([layer], (x, pair) => {
      const [a, b] = pair as unknown as Tensor[];
      return [aten.add!(layer.forward(x), a), [aten.mul!(a, b)]];
    });
    const [x, y] = [rows(2), rows(1)];
    const traced = jit.trace(model, [x, [y, y]]);
    const [sum, [product]] = traced.call<[Tensor, [Tensor]]>('forward', y, [x, x]);
    assertTensorEqual(sum, aten.add!(layer.forward(y), x) as Tensor);
    assertTensorEqual(product, aten.mul!(x, x) as Tensor);
  });

  it('records layers and models of the package themselves', () => {
    const layers = new nn.Sequential(new nn.Linear(3, 4), new nn.Dropout(0.5), new nn.ReLU()).eval();
    const traced = jit.trace(layers, rows(1));
    assertTensorEqual(traced.forward(rows(5)), layers.forward(rows(5)));
    assert.deepEqual(traced.frozenModes, []);
  });

  it('works without recording for backward', () => {
    const model = mlp().eval();
    assertTensorEqual(noGrad(() => jit.trace(model, rows(1))).forward(rows(2)), model.forward(rows(2) as never));
  });

  it('warns of operators that keep the mode of the trace', async () => {
    const layer = new nn.Linear(3, 3);
    const dropout = (train: boolean) => new Written([layer], (x) => aten.dropout!(layer.forward(x), 0.5, train));
    assert.match(
      (await warnings(() => jit.trace(dropout(true), rows(1))))[0]!,
      /^WARN_TRACED_IN_TRAIN_MODE: jit\.trace: dropout was called for training.*nn\.Dropout/,
    );
    assert.match((await warnings(() => jit.trace(dropout(false), rows(1))))[0]!, /^WARN_TRACED_IN_EVAL_MODE: jit\.trace: /);
    assert.deepEqual(await warnings(() => jit.trace(mlp(), rows(1))), []);
  });

  it('a tensor made in TypeScript is a constant, random operators are recorded', () => {
    const layer = new nn.Linear(3, 3);
    let calls = 0;
    const model = new Written([layer], (x) => aten.add!(layer.forward(x), tensor([[++calls, 2, 3]])) as Tensor);
    const traced = jit.trace(model, rows(1));
    for (const count of [1, 2]) {
      assertTensorEqual(traced.forward(rows(count)), aten.add!(layer.forward(rows(count)), tensor([[1, 2, 3]])) as Tensor);
    }
    const noisy = jit.trace(new Written([layer], (x) => aten.rand_like!(x) as Tensor), rows(2));
    assert.notDeepEqual(noisy.forward(rows(1)).toNumbers(), noisy.forward(rows(1)).toNumbers());
  });

  it('leaves the example inputs as they are where forward changes its own', () => {
    const x = rows(1);
    const traced = jit.trace(new Written([], (y) => aten.mul_!(y, 2) as Tensor), x);
    assertTensorEqual(x, rows(1));
    assertTensorEqual(traced.forward(rows(2)), aten.mul!(rows(2), 2) as Tensor);
  });

  it('refuses a forward that is not the same when it is called again', () => {
    const layer = new nn.Linear(3, 3);
    layer.parameters().forEach((parameter) => parameter.requiresGrad_(false));
    throwsWithCode(
      () => jit.trace(new Written([layer], (x) => aten.add_!(layer.parameters()[0], 1) && layer.forward(x)), rows(1)),
      'ERR_TRACE',
      /^jit\.trace: expected the recorded operators to give the model's output again for the example inputs, got another/,
    );
  });

  it('nothing is left of a trace that fails', () => {
    const layer = new nn.Linear(3, 3);
    for (const thrown of [new RangeError('mine'), null, undefined, 'mine']) {
      const failing = new Written([layer], (x) => {
        layer.forward(x);
        throw thrown as Error;
      });
      assert.throws(() => jit.trace(failing, rows(1)), { code: 'ERR_TRACE', message: /^jit\.trace: forward failed: /, cause: thrown });
    }
    throwsWithCode(() => jit.trace(new Written([layer], () => layer.forward(rows(1, 4))), rows(1)), 'ERR_TORCH', /shapes/);
    const nested = new Written([layer], (x) => {
      throwsWithCode(() => jit.trace(layer, rows(1)), 'ERR_TRACE', /^jit\.trace: expected no trace to be under way, got one$/);
      return layer.forward(x);
    });
    assertTensorEqual(jit.trace(nested, rows(1)).forward(rows(2)), layer.forward(rows(2)));
    assertTensorEqual(jit.trace(layer, rows(1)).forward(rows(2)), layer.forward(rows(2)));
  });

  it('refuses a layer that is no part of the model', () => {
    const stranger = new nn.Linear(3, 3);
    throwsWithCode(
      () => jit.trace(new Written([], (x) => stranger.forward(x)), rows(1)),
      'ERR_TORCH',
      /must be registered as submodules/,
    );
  });

  it('misuse: no model, inputs and outputs that are no tensors', () => {
    const identity = new Written([], (x) => x);
    throwsWithCode(() => jit.trace({} as nn.Module, rows(1)), 'ERR_INVALID_ARG_TYPE', /^jit\.trace: expected a Module, got an object$/);
    for (const inputs of [undefined, 3, [], [rows(1), 3], [[rows(1), [null]]], { x: rows(1) }]) {
      throwsWithCode(() => jit.trace(identity, inputs as never), 'ERR_INVALID_ARG_TYPE', /^jit\.trace: expected exampleInputs/);
    }
    for (const output of [undefined, 3, {}, [], [rows(1), 'a'], Promise.resolve(rows(1))]) {
      throwsWithCode(
        () => jit.trace(new Written([], () => output), rows(1)),
        'ERR_INVALID_ARG_TYPE',
        /^jit\.trace: expected forward to return a Tensor or an array of Tensors, got /,
      );
    }
    const gone = rows(1);
    gone.dispose();
    throwsWithCode(() => jit.trace(identity, gone), 'ERR_DISPOSED', /./);
  });
});
