// Models whose parameters are of several dtypes, in a strategy with MAS.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  manualSeed,
  MASPlugin,
  nn,
  noGrad,
  ops,
  optim,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { assertTensorClose, assertTensorEqual } from '../support/assertions';
import { classes, features, smallBenchmark } from '../support/small-runs';

/** A float32 layer, a bfloat16 body, a float64 one, and a head in float32. */
class Mixed extends nn.Module {
  stem = new nn.Linear(features, 6);
  body = new nn.Linear(6, 5).to('bfloat16');
  neck = new nn.Linear(5, 5).to('float64');
  head = new nn.Linear(5, classes);

  override forward(x: Tensor): Tensor {
    const body = this.body.forward(this.stem.forward(x).to('bfloat16').tanh());
    return this.head.forward(this.neck.forward(body.to('float64').tanh()).to('float32').tanh());
  }
}

function mixedRun(model: nn.Module, plugins: object[] = []) {
  const optimizer = new optim.SGD(model.namedParameters(), { lr: 0.1, momentum: 0.9 });
  const mas = new MASPlugin({ lambdaReg: 2 });
  const strategy = new SupervisedTemplate({
    model,
    optimizer,
    trainMbSize: 4,
    trainEpochs: 2,
    evaluator: null,
    plugins: [mas, ...plugins],
  });
  return { strategy, optimizer, mas };
}

const dtypesOf = (model: nn.Module) => [...model.namedParameters()].map(([name, { dtype }]) => `${name} ${dtype}`);

describe('a model of several dtypes', () => {
  it('trains under MAS, every parameter in its dtype', async () => {
    manualSeed(1);
    const model = new Mixed();
    const before = dtypesOf(model);
    const start = [...model.parameters()].map((p) => p.detach().clone());
    const { strategy, mas } = mixedRun(model);
    await strategy.train(smallBenchmark().trainStream, { shuffle: false });
    assert.deepEqual(dtypesOf(model), before);
    model.parameters().forEach((p, i) => assert.ok(p.detach().ne(start[i]!).any().item(), String(i)));
    for (const [name, parameter] of model.namedParameters()) {
      const importance = mas.importance!.get(name)!;
      assert.deepEqual(importance.shape, parameter.shape);
      assert.equal(importance.dtype, parameter.dtype === 'float64' ? 'float64' : 'float32', name);
      assert.ok(importance.gt(0).any().item(), name);
    }
  });

  it("comes to what autograd makes of the penalty's formula", async () => {
    manualSeed(1);
    const model = new Mixed();
    const { stream, ours } = { stream: smallBenchmark().trainStream, ours: mixedRun(model) };
    await ours.strategy.train(stream[0]!, { shuffle: false });
    const omega = new Map([...ours.mas.importance!].map(([name, value]) => [name, value.clone()]));
    const anchor = new Map([...model.namedParameters()].map(([name, p]) => [name, p.detach().clone()]));
    const saved = ours.optimizer.stateDict();

    const other = new Mixed();
    other.loadStateDict(model.stateDict());
    const optimizer = new optim.SGD(other.namedParameters(), { lr: 0.1, momentum: 0.9 });
    optimizer.loadStateDict(saved);
    const losses: number[] = [];
    const penalised = new SupervisedTemplate({
      model: other,
      optimizer,
      trainMbSize: 4,
      trainEpochs: 2,
      evaluator: null,
      plugins: [
        {
          beforeBackward(s) {
            const terms = [...other.namedParameters()].map(([name, p]) =>
              omega.get(name)!.mul(p.sub(anchor.get(name)!).square()).sum(),
            );
            s.loss.add_(terms.reduce((sum, term) => sum.add(term)).mul(2));
            losses.push(s.loss.item());
          },
        },
      ],
    });
    await penalised.train(stream[1]!, { shuffle: false });

    const seen: number[] = [];
    ours.strategy.plugins.push({ afterBackward: (s: SupervisedTemplate) => void seen.push(s.loss.item()) });
    await ours.strategy.train(stream[1]!, { shuffle: false });
    seen.forEach((loss, i) => assert.ok(Math.abs(loss - losses[i]!) <= 1e-4 * Math.abs(losses[i]!), `${loss}, ${losses[i]}`));
    assert.equal(seen.length, losses.length);
    for (const [name, p] of model.namedParameters()) {
      const expected = new Map(other.namedParameters()).get(name)!.detach();
      const relative = p.dtype === 'bfloat16' ? 2 ** -6 : 1e-3;
      assertTensorClose(p.detach(), expected, { relative, absolute: 2e-3 }, name);
    }
  });

  it('goes on where a part changes its dtype between two experiences', async () => {
    manualSeed(1);
    const model = new Mixed();
    const { strategy, optimizer, mas } = mixedRun(model);
    const stream = smallBenchmark().trainStream;
    await strategy.train(stream[0]!);
    const importance = mas.importance!.get('neck.weight')!.to('float32');
    const momentum = optimizer.state(model.neck.weight)!.momentumBuffer!;
    model.neck.to('float32');
    const forward = model.forward.bind(model);
    model.forward = (x) => {
      const body = model.body.forward(model.stem.forward(x).to('bfloat16').tanh());
      return model.head.forward(model.neck.forward(body.to('float32').tanh()).tanh());
    };
    assert.ok(forward);
    const seen: Tensor[] = [];
    strategy.plugins.push({
      beforeBackward() {
        if (seen.length === 0) seen.push(mas.importance!.get('neck.weight')!.clone(), optimizer.state(model.neck.weight)!.momentumBuffer!);
      },
    });
    await strategy.train(stream[1]!);
    assertTensorEqual(seen[0]!, importance, 'importance');
    assertTensorEqual(seen[1]!, momentum.to('float32'), 'momentum');
    assert.equal(model.neck.weight.dtype, 'float32');
  });

  it('with an integer parameter leaves that alone', async () => {
    class Quantised extends nn.Module {
      scale = new nn.Parameter(tensor([2, 3, 4, 5], { dtype: 'int8' }), { requiresGrad: false });
      head = new nn.Linear(features, classes);
      override forward(x: Tensor): Tensor {
        return this.head.forward(x.mul(this.scale));
      }
    }
    const model = new Quantised();
    const mas = new MASPlugin();
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.head.parameters(), { lr: 0.01 }),
      trainMbSize: 4,
      evaluator: null,
      plugins: [mas],
    });
    await strategy.train(smallBenchmark().trainStream);
    assertTensorEqual(model.scale, tensor([2, 3, 4, 5], { dtype: 'int8' }));
    assert.deepEqual([...mas.importance!.keys()], ['head.weight', 'head.bias']);
  });
});

describe('MAS of a complex parameter', () => {
  /** F(x) = |w x|, one output. */
  class Phasor extends nn.Module {
    w = new nn.Parameter(torch.complex(tensor([3]), tensor([4])));
    override forward(x: Tensor): Tensor {
      return x.mul(this.w).abs();
    }
  }
  const dataset = () => new TensorDataset(tensor([[1], [2]]), tensor([0, 0], { dtype: 'int64' }));
  const parts = (numbers: Tensor) => torch.viewAsReal(numbers.detach()).clone();

  it('takes the magnitude of its gradient, and the penalty |theta - theta*|^2', async () => {
    const model = new Phasor();
    const mas = new MASPlugin({ lambdaReg: 0.5 });
    const seen: { loss: number; grad: Tensor }[] = [];
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
      // A loss of 1 without a gradient of its own.
      criterion: (output) => output.sum().mul(0).add(1),
      trainMbSize: 2,
      evaluator: null,
      plugins: [
        {
          beforeTrainingExp: ({ clock }) => {
            if (clock.trainExpCounter === 1) noGrad(() => model.w.copy_(torch.complex(tensor([4]), tensor([2]))));
          },
        },
        mas,
        { afterBackward: (s) => void seen.push({ loss: s.loss.item(), grad: parts(model.w.grad!) }) },
      ],
    });
    await strategy.train(benchmarkFromDatasets({ train: [dataset(), dataset()] }).trainStream, { shuffle: false });
    // mean F^2 = |w|^2 (1 + 4) / 2: its gradient is 5 w, of magnitude 25; then at w = 4 + 2i 5 sqrt(20).
    const importance = mas.importance!.get('w')!;
    assertTensorClose(importance, tensor([0.5 * 25 + 0.5 * 5 * Math.sqrt(20)]));
    // 0.5 * 25 * |1 - 2i|^2, and its gradient 0.5 * 2 * 25 (1 - 2i).
    assert.ok(Math.abs(seen[1]!.loss - (1 + 62.5)) < 1e-4, String(seen[1]!.loss));
    assertTensorClose(seen[1]!.grad, tensor([[25, -50]]));
  });

  it('trains in every optimizer', async () => {
    for (const kind of ['SGD', 'Adam', 'AdamW', 'RMSprop', 'Adagrad'] as const) {
      const model = new Phasor();
      const strategy = new SupervisedTemplate({
        model,
        optimizer: new optim[kind](model.parameters(), { lr: 0.05 }),
        criterion: (output) => ops.aten.mean!(output) as Tensor,
        trainMbSize: 2,
        trainEpochs: 3,
        evaluator: null,
        plugins: [new MASPlugin({ lambdaReg: 1e-3 })],
      });
      await strategy.train(benchmarkFromDatasets({ train: [dataset(), dataset()] }).trainStream);
      assert.equal(model.w.dtype, 'complex64');
      assert.ok(model.w.detach().abs().item() < 5, kind);
    }
  });
});
