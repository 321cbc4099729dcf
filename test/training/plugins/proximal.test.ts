// The penalty behind the optimizer's update:
//   theta <- (theta + c theta*) / (1 + c),  c = 2 eta lambdaReg Omega
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  amp,
  benchmarkFromDatasets,
  MAS,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  QuadraticPenalty,
  type Strategy,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode } from '../../support/assertions';
import { anchor, assertClose, importance, pull, pulledAlone, row, start, steps, trained } from '../../support/proximal-steps';
import { numbersOf, setValues, smallBenchmark, smallModel } from '../../support/small-runs';

describe('a penalty that is applied behind the update', () => {
  describe('is what was worked out by hand', () => {
    const optimizers: Record<string, [make: (weight: Tensor) => optim.Optimizer, one: number[], two: number[]]> = {
      // (1.5, -3) - 0.1 = (1.4, -3.1); (1.4 + 0.6) / 1.6, (-3.1 - 2) / 2.
      SGD: [(weight) => new optim.SGD([weight], { lr: 0.1 }), [1.25, -2.55], [1.09375, -2.325]],
      // The buffer knows nothing of the pull: 1, then 1.9.
      momentum: [(weight) => new optim.SGD([weight], { lr: 0.1, momentum: 0.9 }), [1.25, -2.55], [1.0375, -2.37]],
      // Of a constant gradient each step is 0.1, however large it is.
      Adam: [(weight) => new optim.Adam([weight], { lr: 0.1 }), [1.25, -2.55], [1.09375, -2.325]],
      // (1.5, -3) 0.95 - 0.1 = (1.325, -2.95), pulled (1.203125, -2.475); then (1.04296875, -2.45125).
      AdamW: [(weight) => new optim.AdamW([weight], { lr: 0.1, weightDecay: 0.5 }), [1.203125, -2.475], [1.02685546875, -2.225625]],
    };
    for (const [name, [optimizer, one, two]] of Object.entries(optimizers)) {
      it(name, async () => {
        assertClose(await steps({ optimizer }), one);
        assertClose(await steps({ optimizer, count: 2 }), two);
      });
    }

    it('two groups, each by its own learning rate, as it is at that step', async () => {
      const model = new nn.Linear(1, 1);
      setValues(model.weight, [1.5]);
      setValues(model.bias!, [-3]);
      const mas = new MASPlugin({ lambdaReg: 2, penaltyUpdate: 'proximal' });
      mas.loadStateDict({
        importance: { weight: tensor([[1.5]]), bias: tensor([2.5]) },
        anchor: { weight: tensor([[1]]), bias: tensor([-2]) },
      });
      const optimizer = new optim.SGD([{ params: [model.weight], lr: 7 }, { params: [model.bias!], lr: 0.2 }]);
      let learned: number[] = [];
      const strategy = new SupervisedTemplate({
        model,
        optimizer,
        criterion: (output) => output.mean(),
        evaluator: null,
        plugins: [
          mas,
          {
            beforeUpdate: () => void (optimizer.paramGroups[0]!.lr = 0.1),
            afterTrainingExp: () => void (learned = model.parameters().map((theta) => theta.item())),
          },
        ],
      });
      await strategy.train(benchmarkFromDatasets({ train: [new TensorDataset(tensor([[1]]), tensor([0]))] }).trainStream);
      // c of the bias: 2 * 0.2 * 2 * 2.5 = 2; (-3.2 - 2 * 2) / 3.
      assertClose(learned, [1.25, -2.4]);
    });
  });

  describe('is the closed form, written with tensor operations', () => {
    const optimizers: Record<string, (model: nn.Module) => optim.Optimizer> = {
      momentum: (model) => new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
      Adam: (model) => new optim.Adam(model.parameters(), { lr: 0.05 }),
    };
    for (const [name, make] of Object.entries(optimizers)) {
      for (const [dtype, tolerance] of [['float32', { relative: 1e-5, absolute: 1e-6 }], ['float64', { relative: 1e-12, absolute: 1e-12 }]] as const) {
        it(`${name}, ${dtype}`, async () => {
          const numbers = (theta: Tensor, factor: number) => torch.arange(theta.numel(), { dtype }).mul(factor).cos().reshape(theta.shape);
          const memory = (model: nn.Module) => {
            const parameters = [...model.namedParameters()];
            return {
              importance: new Map(parameters.map(([key, theta], i) => [key, numbers(theta, i + 1).abs()])),
              anchor: new Map(parameters.map(([key, theta], i) => [key, numbers(theta, i + 9)])),
            };
          };
          class Held implements Plugin {
            readonly penalty = new QuadraticPenalty({ lambda: 3 });
            beforeTrainingExp({ model }: Strategy) {
              const { importance, anchor } = memory(model);
              this.penalty.set(importance, anchor);
            }
            async afterUpdate(strategy: Strategy) {
              await strategy.runNative([this.penalty.proximal]);
            }
          }
          const byHand: Plugin = {
            afterUpdate: ({ model }) => {
              const { importance, anchor } = memory(model);
              for (const [key, theta] of model.namedParameters()) pull(theta, importance.get(key)!, anchor.get(key)!, 2 * 0.05 * 3);
            },
          };
          const [ours, expected] = [await trained([new Held()], dtype, make), await trained([byHand], dtype, make)];
          ours.parameters().forEach((theta, i) => assertTensorClose(theta, expected.parameters()[i]!, tolerance));
        });
      }
    }

    it('of half precision in float32, rounded once', async () => {
      for (const dtype of ['bfloat16', 'float16'] as const) {
        const model = new nn.Linear(3, 1, { bias: false });
        setValues(model.weight, [0.3, -1.7, 2.9]);
        model.to(dtype);
        const [omega, to] = [row([0.11, 3.7, 0.5]), row([0.7, 0.9, -1.3], dtype)];
        const mas = new MASPlugin({ lambdaReg: 1.3, penaltyUpdate: 'proximal' });
        mas.loadStateDict({ importance: { weight: omega }, anchor: { weight: to } });
        const expected = model.weight.detach().to('float32');
        pull(expected, omega, to.to('float32'), 2 * 0.1 * 1.3);
        const learned: Tensor[] = [];
        const strategy = new SupervisedTemplate({
          model,
          optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
          criterion: (output) => output.sum().mul(0),
          evaluator: null,
          plugins: [mas, { afterTrainingExp: () => void learned.push(model.weight.detach().clone()) }],
        });
        const data = new TensorDataset(row([1, 1, 1], dtype), tensor([0], { dtype: 'int64' }));
        await strategy.train(benchmarkFromDatasets({ train: [data] }).trainStream);
        assertTensorEqual(learned[0]!, expected.to(dtype));
      }
    });

    it('of complex numbers in both parts', async () => {
      const weight = torch.complex(tensor([1, 2]), tensor([-3, 4]));
      const penalty = new QuadraticPenalty({ lambda: 2 });
      const model = new (class extends nn.Module {
        weight = new nn.Parameter(weight.clone());
        override forward(x: Tensor): Tensor {
          return x.mul(torch.viewAsReal(this.weight).sum());
        }
      })();
      penalty.set(new Map([['weight', tensor([1.5, 0])]]), new Map([['weight', torch.complex(tensor([0, 0]), tensor([1, 0]))]]));
      await pulledAlone(model, penalty, new TensorDataset(tensor([[1]]), tensor([0])));
      // c = 0.6: (1 + 0) / 1.6 and (-3 + 0.6) / 1.6.
      assertTensorClose(torch.viewAsReal(model.weight.detach()), tensor([[0.625, -1.5], [2, 4]]));
    });
  });

  describe('is stable', () => {
    const make = (penaltyUpdate: 'gradient' | 'proximal', lambdaReg: number, lr = 0.05) => {
      const model = smallModel();
      const strategy = new MAS({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr, momentum: 0.9 }),
        trainMbSize: 4,
        trainEpochs: 20,
        evaluator: null,
        lambdaReg,
        penaltyUpdate,
      });
      return { model, strategy, mas: strategy.plugins.find((plugin) => plugin instanceof MASPlugin)! };
    };

    it('at a lambdaReg of 1e10, at which the gradient makes the loss overflow', async () => {
      const { strategy, mas, model } = make('proximal', 1e10);
      const { trainStream } = smallBenchmark();
      await strategy.train(trainStream[0]!);
      const [omega, to] = [numbersOf(mas.importance!), numbersOf(mas.params!)];
      await strategy.train(trainStream[1]!);
      let held = 0;
      for (const [name, theta] of model.namedParameters()) {
        theta.toNumbers().forEach((value, i) => {
          assert.ok(Number.isFinite(value));
          if (omega[name]![i]! < 1e-3) return;
          held++;
          assert.ok(Math.abs(value - to[name]![i]!) <= 1e-5, `${name}[${i}]: ${value}, held at ${to[name]![i]}`);
        });
      }
      assert.ok(held > 10);
      await rejectsWithCode(make('gradient', 1e10).strategy.train(trainStream), 'ERR_LOSS_NOT_FINITE', /MAS adds its penalty/);
    });

    it('a lambda beyond all numbers gives theta*, a learning rate of 0 theta', async () => {
      for (const lambdaReg of [1e30, 1e300]) assert.deepEqual(await steps({ lambdaReg }), anchor);
      const memory = { importance: { weight: row([Infinity, 1e38]) }, anchor: { weight: row(anchor) } };
      assert.deepEqual(await steps({ lambdaReg: 1e30, memory }), anchor);
      for (const lambdaReg of [2, 1e300]) {
        assert.deepEqual(await steps({ lambdaReg, optimizer: (weight) => new optim.SGD([weight], { lr: 0 }) }), start);
      }
      assertClose(await steps({ lambdaReg: 0 }), [1.4, -3.1]);
    });

    it('theta* stays theta*, to the bit', async () => {
      const options = { criterion: (output: Tensor) => output.sum().mul(0) };
      const held = tensor([0.1, 1 / 3]).toNumbers();
      const memory = { importance: { weight: row([0.3, 77]) }, anchor: { weight: row(held) } };
      assert.deepEqual(await steps({ weights: held, memory, options, count: 20 }), held);
    });

    it('elements whose importance is 0, negative or NaN keep their bits', async () => {
      const options = { criterion: (output: Tensor) => output.sum().mul(0) };
      for (const omega of [0, -1.5, NaN]) {
        const memory = { importance: { weight: row([omega, 2.5]) }, anchor: { weight: row([Infinity, -2]) } };
        const [free, held] = await steps({ weights: [-0, -3], memory, options });
        assert.ok(Object.is(free, -0), String(free));
        assertClose([held!], [-2.5]);
      }
    });
  });

  describe('leaves alone', () => {
    it('new elements of a parameter that has grown', async () => {
      const learn = async (plugins: Plugin[]) => {
        const model = new nn.Linear(2, 3, { bias: false });
        setValues(model.weight, [1.5, -3, 0.1, 0.2, 0.3, 0.7]);
        const strategy = new SupervisedTemplate({
          model,
          optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
          criterion: (output) => output.sum(),
          evaluator: null,
          plugins,
        });
        await strategy.train(benchmarkFromDatasets({ train: [new TensorDataset(tensor([[1, 1]]), tensor([0]))] }).trainStream);
        return model.weight.toNumbers();
      };
      const penalty = new QuadraticPenalty({ lambda: 2 });
      penalty.set(new Map([['weight', row(importance)]]), new Map([['weight', row(anchor)]]));
      const [held, free] = [await learn([{ afterUpdate: (s: Strategy) => s.runNative([penalty.proximal]) }]), await learn([])];
      assertClose(held.slice(0, 2), [1.25, -2.55]);
      assert.deepEqual(held.slice(2), free.slice(2));
    });

    it('what is frozen, has no gradient, or is in no group', async () => {
      const model = new (class extends nn.Module {
        moved = new nn.Linear(1, 1, { bias: false });
        frozen = new nn.Linear(1, 1, { bias: false });
        unused = new nn.Linear(1, 1, { bias: false });
        strange = new nn.Linear(1, 1, { bias: false });
        override forward(x: Tensor): Tensor {
          return this.strange.forward(this.frozen.forward(this.moved.forward(x)));
        }
      })();
      for (const theta of model.parameters()) setValues(theta, [1]);
      model.frozen.weight.requiresGrad_(false);
      const penalty = new QuadraticPenalty({ lambda: 5 });
      const names = [...model.namedParameters()].map(([name]) => name);
      penalty.set(new Map(names.map((name) => [name, tensor([[1]])])), new Map(names.map((name) => [name, tensor([[3]])])));
      // Gradients that stand in frozen parameters move nothing either.
      model.frozen.weight.grad = tensor([[0]]);
      class Own extends SupervisedTemplate {
        // Nobody tells the optimizer of what it was not given.
        override makeOptimizer() {}
      }
      const strategy = new Own({
        model,
        optimizer: new optim.SGD([model.moved, model.frozen, model.unused].map(({ weight }) => weight), { lr: 0.1 }),
        criterion: (output) => output.sum().mul(0),
        evaluator: null,
        plugins: [{ afterUpdate: (s: Strategy) => s.runNative([penalty.proximal]) }],
      });
      await strategy.train(benchmarkFromDatasets({ train: [new TensorDataset(tensor([[1]]), tensor([0]))] }).trainStream);
      assertClose(model.parameters().map((theta) => theta.item()), [2, 1, 1, 1]);
    });

    it('iterations in which the optimizer made no step, or left it out', async () => {
      const everySecond = (leave: (strategy: SupervisedTemplate) => void) =>
        class extends SupervisedTemplate {
          override optimizerStep() {
            return this.clock.trainIterations % 2 === 1 ? super.optimizerStep() : leave(this);
          }
        };
      assertClose(await steps({ count: 1, template: everySecond(() => {}) }), start);
      assertClose(await steps({ count: 2, template: everySecond(() => {}) }), [1.25, -2.55]);
      const scaler = new amp.GradScaler();
      const overflow = everySecond((strategy) => {
        scaler.scale(strategy.loss);
        strategy.model.parameters()[0]!.grad!.fill_(Infinity);
        scaler.step(strategy.optimizer);
        scaler.update();
      });
      assertClose(await steps({ count: 1, template: overflow }), start);
      assertClose(await steps({ count: 2, template: overflow }), [1.25, -2.55]);
    });

    it('nothing where a step clears its gradients at once', async () => {
      class Clearing extends SupervisedTemplate {
        override optimizerStep() {
          this.optimizer.step();
          this.optimizer.zeroGrad();
        }
      }
      assertClose(await steps({ template: Clearing }), [1.25, -2.55]);
    });

    it('a loss that is not finite: the parameters are those of the last update', async () => {
      let weight: number[] = [];
      const criterion = (output: Tensor) => output.mean();
      const plugins: Plugin[] = [
        {
          beforeBackward: (s) => void (s.clock.trainIterations === 1 && s.loss.fill_(NaN)),
          beforeForward: ({ model }) => void (weight = model.parameters()[0]!.toNumbers()),
        },
      ];
      await rejectsWithCode(steps({ count: 3, plugins, options: { criterion } }), 'ERR_LOSS_NOT_FINITE', /iteration 1 /);
      assertClose(weight, [1.25, -2.55]);
    });
  });

  it('pulls a parameter once that is used twice', async () => {
    const shared = new nn.Linear(1, 1, { bias: false });
    setValues(shared.weight, [1.5]);
    const model = new nn.Sequential(shared, shared);
    const penalty = new QuadraticPenalty({ lambda: 2 });
    penalty.set(new Map([['0.weight', tensor([[1.5]])]]), new Map([['0.weight', tensor([[1]])]]));
    await pulledAlone(model, penalty, new TensorDataset(tensor([[1]]), tensor([0])));
    assertClose(shared.weight.toNumbers(), [(1.5 + 0.6) / 1.6]);
  });

  it('is not scaled where a hook scales the loss, which has no part of it', async () => {
    const losses: number[] = [];
    const plugins: Plugin[] = [{ beforeBackward: (s) => void (losses.push(s.loss.item()), s.loss.mul_(0.5)) }];
    // (1.5, -3) - 0.05 = (1.45, -3.05)
    assertClose(await steps({ plugins }), [(1.45 + 0.6) / 1.6, (-3.05 - 2) / 2]);
    assert.deepEqual(losses, [-1.5]);
  });
});
