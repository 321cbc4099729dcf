import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import {
  IterableDataset,
  jit,
  models,
  Naive,
  nn,
  noGrad,
  optim,
  type Sample,
  tensor,
  type Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { loadInputs } from '../support/input-models';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';

const scripted = () => new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.5), new nn.Linear(8, 3));

class Written extends nn.Module {
  body = scripted();
  override forward(x: Tensor): Tensor {
    return this.body.forward(x.mul(2));
  }
}

class Later extends nn.Module<Promise<Tensor>> {
  body = scripted();
  override async forward(x: Tensor): Promise<Tensor> {
    await nextTurn();
    return this.body.forward(x);
  }
}

/** What `forward` gives in eval mode, of a copy. */
async function expected(model: nn.Module<unknown>, ...inputs: Tensor[]): Promise<Tensor> {
  const copy = model.clone().eval();
  return (await noGrad(() => copy.forward(...inputs))) as Tensor;
}

const load = (name: string) => jit.load<unknown>(fixturePath('torchscript', `${name}.pt`));

describe('Module.predict', () => {
  for (const [name, make] of Object.entries({ TorchScript: scripted, TypeScript: () => new Written(), 'a promise': () => new Later() })) {
    describe(name, () => {
      it('gives what forward gives in eval mode, without gradients, and changes nothing', async () => {
        const model = make() as nn.Module;
        const x = torch.randn([10, 4]);
        const [before, answer] = [numbersOf(model.stateDict()), await expected(model, x)];
        model.children()[0]!.eval();
        const modes = model.modules().map(({ training }) => training);
        for (const batchSize of [1, 3, 10, 256]) {
          const output = await model.predict(x, { batchSize });
          assertTensorClose(output, answer);
          assert.equal(output.requiresGrad, false);
        }
        assert.deepEqual(numbersOf(model.stateDict()), before);
        assert.deepEqual(model.modules().map(({ training }) => training), modes); // prettier-ignore
        assert.ok(torch.isGradEnabled());
        assertTensorEqual(await model.eval().predict(x), answer);
        assert.deepEqual((await model.predict(torch.randn([0, 4]))).shape, [0, 3]);
      });

      it('takes datasets with their transforms for evaluation, and draws none of the numbers of training', async () => {
        const model = make() as nn.Module;
        const x = torch.randint(256, [10, 4]).to('uint8');
        const y = torch.zeros([10], { dtype: 'int64' });
        const answer = await expected(model, x.to('float32').div(255));
        const state = torch.defaultGenerator.getState();
        const byFunction = { transform: (given: Tensor) => given.mul(0), evalTransform: (given: Tensor) => given.to('float32').div(255) };
        const samples = function* (): Generator<Sample> {
          for (let i = 0; i < 10; i++) yield [x.select(0, i), 0];
        };
        for (const data of [
          new TensorDataset(x, y, { evalTransform: { toFloat: true } }),
          new TensorDataset(x, y, byFunction),
          new IterableDataset(samples, byFunction),
        ]) {
          assertTensorClose(await model.predict(data, { batchSize: 4 }), answer);
        }
        assertTensorEqual(torch.defaultGenerator.getState(), state);
      });

      it('answers several calls at once, each with what it asked', async () => {
        const model = make() as nn.Module;
        const xs = Array.from({ length: 20 }, (_, i) => torch.full([1 + (i % 3), 4], i + 0.5));
        const outputs = await Promise.all(xs.map((x) => model.predict(x, { batchSize: 2 })));
        for (const [i, x] of xs.entries()) assertTensorClose(outputs[i]!, await expected(model, x), { relative: 1e-5, absolute: 1e-5 });
      });

      it('may be read and run meanwhile; what would change it is busy', async () => {
        const model = (make() as nn.Module).eval();
        const predicting = model.predict(torch.randn([2000, 4]), { batchSize: 1 });
        const state = model.stateDict();
        assert.ok(model.clone());
        assert.ok(model.forward(torch.randn([1, 4])));
        for (const change of [() => model.train(), () => model.to('float64'), () => model.loadStateDict(state), () => model.zeroGrad()]) {
          throwsWithCode(change, 'ERR_BUSY', /expected nobody to work with it, got a prediction \(model.predict\) or a snapshot/);
        }
        const strategy = new Naive({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null });
        await rejectsWithCode(strategy.train(smallBenchmark().trainStream[0]!), 'ERR_BUSY', /got a prediction/);
        await predicting;
        model.train().loadStateDict(state);
      });

      it('reports what its forward throws, with its modes as before', async () => {
        const model = make() as nn.Module;
        await rejectsWithCode(model.predict(torch.randn([2, 5])), 'ERR_FORWARD', /.+/);
        assert.ok(model.modules().every(({ training }) => training));
        assert.ok(torch.isGradEnabled());
        assert.equal((await model.predict(torch.randn([2, 4]))).size(0), 2);
        model.eval();
      });
    });
  }

  it('takes the inputs of forward: an array in their order, an object by their names', async () => {
    const encoder = await loadInputs('Encoder');
    const [ids, mask] = [torch.ones([5, 3], { dtype: 'int64' }), torch.ones([5, 3])];
    const answer = encoder.clone().eval().forward(ids, mask);
    assertTensorClose(await encoder.predict([ids, mask], { batchSize: 2 }), answer);
    assertTensorClose(await encoder.predict({ attention_mask: mask, input_ids: ids }, { batchSize: 2 }), answer);
    class Both extends nn.Module {
      override forward(a: Tensor, b: Tensor): Tensor {
        return a.mul(10).add(b);
      }
    }
    const [a, b] = [torch.arange(5).to('float32'), torch.ones([5])];
    assertTensorEqual(await new Both().predict([a, b], { batchSize: 2 }), a.mul(10).add(1));
    class ByName extends nn.Module {
      override forward({ left }: { left: Tensor; right: Tensor }): Tensor {
        return left;
      }
    }
    assertTensorEqual(await new ByName().predict({ left: a, right: b }, { batchSize: 2 }), a);
  });

  it('puts tuples, lists and dicts together item by item', async () => {
    const x = torch.randn([5, 2]);
    const width = (await load('output-tuple')).parameters()[0]!.shape[1]!;
    const input = width === 2 ? x : torch.randn([5, width]);
    const [output, same] = (await (await load('output-tuple')).predict(input, { batchSize: 2 })) as Tensor[];
    assert.equal(output!.size(0), 5);
    assertTensorEqual(same!, input);
    const dict = (await (await load('output-dict')).predict(input, { batchSize: 2 })) as Map<string, Tensor>;
    assert.deepEqual([...dict].map(([key, { shape }]) => [key, shape[0]]).sort(), [['aux', 5], ['out', 5]]); // prettier-ignore
    const list = (await (await load('output-list')).predict(input, { batchSize: 2 })) as Tensor[];
    assert.deepEqual(list.map((item) => item.size(0)), new Array<number>(10).fill(5)); // prettier-ignore
    const nested = (await (await load('output-nested')).predict(input, { batchSize: 2 })) as [number, [Tensor, null]];
    assert.deepEqual([nested[0], nested[1][0].size(0), nested[1][1]], [1, 5, null]);
    class Several extends nn.Module<unknown> {
      override forward(given: Tensor): unknown {
        return { all: [given, given.mul(2)], by: new Map([['x', given]]), kind: 'several' };
      }
    }
    const several = (await new Several().predict(input, { batchSize: 2 })) as { all: Tensor[]; by: Map<string, Tensor>; kind: string };
    assertTensorEqual(several.all[1]!, input.mul(2));
    assertTensorEqual(several.by.get('x')!, input);
    assert.equal(several.kind, 'several');
  });

  it('gives task labels to a model that takes them: of the option, or of a dataset', async () => {
    const model = new models.MTSimpleMLP({ inputSize: 4 });
    const adapt = (task: number) =>
      models.avalancheModelAdaptation(model, { classesInThisExperience: [0, 1, 2], taskLabels: [task] } as never);
    adapt(0);
    adapt(1);
    const x = torch.randn([6, 4]);
    const labels = tensor([0, 1, 1, 0, 1, 0], { dtype: 'int64' });
    const answer = model.clone().eval().forward(x, labels);
    assertTensorClose(await model.predict(x, { taskLabels: labels, batchSize: 4 }), answer);
    const data = new TensorDataset(x, torch.zeros([6], { dtype: 'int64' }), { taskLabels: labels.toNumbers() });
    assertTensorClose(await model.predict(data, { batchSize: 4 }), answer);
    assertTensorClose(await model.predict(data, { taskLabels: 1 }), model.clone().eval().forward(x, 1));
    assertTensorClose(await model.predict(x, { taskLabels: 1 }), model.clone().eval().forward(x, 1));
    await rejectsWithCode(model.predict(x), 'ERR_NO_TASK_LABELS', /^forward: expected task labels/);
  });

  it('lets the event loop turn between two mini-batches of TypeScript', async () => {
    let turns = 0;
    let isRunning = true;
    const count = () => void (isRunning && (turns++, setImmediate(count)));
    setImmediate(count);
    await new Written().predict(torch.randn([10, 4]), { batchSize: 1 });
    isRunning = false;
    assert.ok(turns >= 9, `${turns} turns`);
  });

  it('is refused from outside while a strategy works with the model, and is at home in its hooks', async () => {
    for (const model of [smallModel(), Object.assign(new Written(), {})] as nn.Module[]) {
      const x = torch.randn([2, 4]);
      const seen: number[] = [];
      const strategy = new Naive({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
        evaluator: null,
        trainMbSize: 2,
        plugins: [
          {
            afterTrainingIteration: async () => {
              const output = await model.predict(x);
              seen.push(output.size(0));
              void model.predict(x); // not waited for
            },
          },
        ],
      });
      const training = strategy.train(smallBenchmark().trainStream[0]!);
      await rejectsWithCode(model.predict(x), 'ERR_BUSY', /^predict: expected .*snapshot/s);
      await training;
      assert.equal(seen.length, 4);
      await model.predict(x);
    }
  });

  it('misuse: options, data and outputs that do not fit', async () => {
    const model = scripted();
    const x = torch.randn([3, 4]);
    await rejectsWithCode(model.predict(x, { batchSize: 0 }), 'ERR_INVALID_ARG_VALUE', /^predict: expected batchSize to be a positive integer/);
    await rejectsWithCode(model.predict(x, { size: 1 } as never), 'ERR_UNKNOWN_OPTION', /^predict: unknown option "size"/);
    await rejectsWithCode(model.predict([1, 2] as never), 'ERR_INVALID_ARG_TYPE', /^predict: expected a dataset, a Tensor, an array/);
    await rejectsWithCode(model.predict(x, { taskLabels: 'a' as never }), 'ERR_INVALID_ARG_TYPE', /an integer or an int64 Tensor/);
    const none = new IterableDataset(function* (): Generator<Sample> {});
    await rejectsWithCode(model.predict(none), 'ERR_DATA_SOURCE', /expected samples from the source, got none/);
    const number = await load('output-number');
    const width = number.parameters()[0]!.shape[1]!;
    await rejectsWithCode(number.predict(torch.randn([3, width]), { batchSize: 2 }), 'ERR_MODEL_OUTPUT', /got a Double; with a batchSize of all/);
    assert.equal(typeof (await number.predict(torch.randn([3, width]))), 'number');
    await rejectsWithCode(new nn.LSTM(4, 2, { batchFirst: true }).predict(torch.randn([3, 2, 4]), { batchSize: 2 }), 'ERR_MODEL_OUTPUT', /got float32 \[1, 2, 2\] for 2 samples/);
    await rejectsWithCode(new nn.ModuleList().predict(x), 'ERR_FORWARD', /.+/);
  });
});
