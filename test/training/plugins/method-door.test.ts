// What a method needs that is not of this package: a penalty of its own numbers, a rule in C++, a pass over data in TypeScript.
import assert from 'node:assert/strict';
import {
  benchmarkFromDatasets,
  DataLoader,
  type ErrorCode,
  hasNativeTwin,
  ImportancePass,
  MASPlugin,
  nn,
  optim,
  passOver,
  Phase,
  type Plugin,
  QuadraticPenalty,
  type Strategy,
  SupervisedPlugin,
  SupervisedTemplate,
  Tensor,
  tensor,
  TensorDataset,
} from '../../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { constantLoss, linearStream } from '../../support/linear-mas';
import { numbersOf, setValues, smallBenchmark, smallModel } from '../../support/small-runs';
import { SquaredGradientsPlugin } from '../../support/squared-gradients';
import { assertTensorClose, assertTensorEqual } from '../../support/assertions';

/** What `MASPlugin` does, written with the public API alone and without a rule of C++. */
class MASInTypeScript extends SupervisedPlugin {
  readonly penalty = new QuadraticPenalty({ lambda: 1 });

  override async beforeBackward(strategy: Strategy): Promise<void> {
    if (!this.penalty.isEmpty) await strategy.runNative([this.penalty.phase]);
  }

  override async afterTrainingExp(strategy: Strategy): Promise<void> {
    const { model, trainMbSize, experience } = strategy;
    const parameters = new Map(model.namedParameters());
    const sums = new Map([...parameters].map(([name, theta]) => [name, theta.detach().mul(0)]));
    let batches = 0;
    await passOver(strategy, new DataLoader(experience!.dataset, { batchSize: trainMbSize }), {
      steps: [
        () => strategy.mbOutput!.square().sum(1).mean().backward(),
        () => {
          for (const [name, theta] of parameters) sums.get(name)!.add_(theta.grad!.abs());
          batches++;
        },
      ],
    });
    const old = this.penalty.importance;
    const merged = [...sums].map(([name, sum]): [string, Tensor] => {
      const mean = sum.div(batches);
      return [name, old ? old.get(name)!.mul(0.5).add(mean.mul(0.5)) : mean];
    });
    this.penalty.set(new Map(merged), new Map([...parameters].map(([name, theta]) => [name, theta.detach()])));
  }
}

hasNativeTwin<MASInTypeScript>(MASInTypeScript.prototype.beforeBackward, ({ penalty }) =>
  penalty.isEmpty ? null : penalty.phase,
);

function strategyWith(plugin: Plugin, seed = 3): SupervisedTemplate {
  const model = smallModel();
  model.parameters().forEach((theta, at) => {
    const values = Array.from({ length: theta.numel() }, (_, i) => Math.sin(seed + at + i));
    setValues(theta, values);
  });
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 4,
    trainEpochs: 2,
    evaluator: null,
    plugins: [plugin],
  });
}

describe('the door of methods', () => {
  it('gives a plugin of TypeScript alone the numbers of MASPlugin', async () => {
    const [mas, own] = [new MASPlugin(), new MASInTypeScript()];
    const [strategy, other] = [strategyWith(mas), strategyWith(own)];
    for (const one of [strategy, other]) await one.train(smallBenchmark({ train: 10 }).trainStream, { shuffle: false });
    const [expected, got] = [mas.importance!, own.penalty.importance!];
    assert.deepEqual([...got.keys()], [...expected.keys()]);
    for (const [name, omega] of expected) assertTensorClose(got.get(name)!, omega);
    strategy.model.parameters().forEach((theta, i) => assertTensorClose(other.model.parameters()[i]!, theta));
  });

  it('gives the same joined and with a listener inside the iteration', async () => {
    const runs = [];
    for (const listeners of [[], [{ afterBackward: () => {} }]] as Plugin[][]) {
      const plugin = new MASInTypeScript();
      const strategy = strategyWith(plugin);
      strategy.plugins.push(...listeners);
      await strategy.train(smallBenchmark().trainStream, { shuffle: false });
      runs.push([numbersOf(plugin.penalty.importance!), numbersOf(plugin.penalty.anchor!)]);
    }
    assert.deepEqual(runs[0], runs[1]);
  });

  describe('a second rule of C++', () => {
    // F(x) = w x with the squared error: L = mean (w x - y)^2, and its gradient mean 2 (w x - y) x.
    const train = async (lambda: number) => {
      const data = (x: number[], y: number[]) => new TensorDataset(tensor(x.map((value) => [value])), tensor(y.map((value) => [value])));
      const model = new nn.Linear(1, 1, { bias: false });
      setValues(model.weight, [2]);
      const plugin = new SquaredGradientsPlugin({ lambda, decay: 0.5 });
      const losses: number[] = [];
      const strategy = new SupervisedTemplate({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }),
        criterion: new nn.MSELoss(),
        trainMbSize: 2,
        evaluator: null,
        plugins: [plugin, { beforeUpdate: ({ loss }) => void losses.push(...loss.toNumbers()) }],
      });
      const { trainStream } = benchmarkFromDatasets({
        train: [data([1, 1, 2], [2, 2, 4]), data([1, 1], [1, 1])],
      });
      await strategy.train(trainStream, { shuffle: false });
      return { plugin, losses, model };
    };

    it('measures the loss in eval mode, and merges by its own rule', async () => {
      const { plugin, losses, model } = await train(3);
      // First: w = 2 fits, so nothing moves and every gradient is 0. Second: L = 1, gradient 2, w = 2 - 0.5 * 2 = 1, which fits.
      assert.deepEqual(losses, [0, 0, 1]);
      assertTensorEqual(plugin.penalty.importance!.get('weight')!, tensor([[0]]));
      assertTensorEqual(plugin.penalty.anchor!.get('weight')!, tensor([[1]]));
      assert.equal(model.training, false);
    });

    it('is the mean of the squares of each mini-batch’s gradient', async () => {
      const model = new nn.Linear(1, 1, { bias: false });
      setValues(model.weight, [3]);
      const plugin = new SquaredGradientsPlugin({ lambda: 1, decay: 0.5 });
      const strategy = new SupervisedTemplate({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
        criterion: new nn.MSELoss(),
        trainMbSize: 2,
        evaluator: null,
        plugins: [plugin],
      });
      const data = new TensorDataset(tensor([[1], [2], [1]]), tensor([[1], [2], [2]]));
      await strategy.train(benchmarkFromDatasets({ train: [data, data] }).trainStream, { shuffle: false });
      // Batches (1, 2) and (1): gradients mean(2 * 2 * 1, 2 * 4 * 2) = 10 and 2 * 1 * 1 = 2; squares 100 and 4, mean 52;
      // after the second experience 0.5 * 52 + 52.
      assertTensorEqual(plugin.penalty.importance!.get('weight')!, tensor([[78]]));
    });
  });

  describe('passOver', () => {
    const inAfterTrainingExp = (use: (strategy: Strategy) => Promise<void>) => {
      const strategy = strategyWith({ afterTrainingExp: use });
      return strategy.train(smallBenchmark().trainStream.at(0)!, { shuffle: false });
    };

    it('computes loss and gradients natively, updates nothing, and puts the mini-batch back', async () => {
      const seen: unknown[] = [];
      await inAfterTrainingExp(async (strategy) => {
        const before = [strategy.mbX!, strategy.mbOutput!, strategy.loss];
        const values = strategy.model.parameters().map((theta) => theta.clone());
        const data = new DataLoader(strategy.experience!.dataset, { batchSize: 3 });
        await passOver(strategy, data, {
          criterion: true,
          steps: [Phase.backward, () => void seen.push(strategy.mbX!.shape[0], strategy.loss.shape.length)],
          onProgress: (done, total) => void seen.push(`${done}/${total}`),
        });
        assert.ok([strategy.mbX!, strategy.mbOutput!, strategy.loss].every((now, i) => now.isSame(before[i]!)));
        strategy.model.parameters().forEach((theta, i) => assertTensorEqual(theta, values[i]!));
        assert.ok(strategy.model.parameters().every(({ grad }) => grad !== null));
      });
      assert.deepEqual(seen, [3, 1, '1/3', 3, 1, '2/3', 2, 1, '3/3', '3/3']);
    });

    it('records gradients and adds to the loss in an evaluation too, also where forward is overridden', async () => {
      class Own extends SupervisedTemplate {
        override forward() {
          return this.model.forward(this.mbX!);
        }
      }
      for (const template of [SupervisedTemplate, Own]) {
        const seen: unknown[] = [];
        const model = smallModel();
        const beforeEvalExp = async (strategy: Strategy) => {
          const data = new DataLoader(strategy.experience!.dataset, { batchSize: 4 });
          await passOver(strategy, data, { criterion: true, steps: [() => void seen.push(strategy.loss.shape.length, strategy.loss.requiresGrad)] });
        };
        const options = { model, optimizer: new optim.SGD(model.parameters()), evaluator: null, plugins: [{ beforeEvalExp }] };
        await new template(options).eval(smallBenchmark({ evaluation: 4 }).testStream.at(0)!);
        assert.deepEqual(seen, [1, true], template.name);
      }
    });

    it('takes mini-batches of JavaScript, and reports what a step throws', async () => {
      const cause = new Error('no');
      const one = [tensor([[1, 2, 3, 4]]).to('float32'), tensor([1], { dtype: 'int64' })] as [Tensor, Tensor];
      let steps = 0;
      await inAfterTrainingExp(async (strategy) => {
        await passOver(strategy, [one, one], { steps: [() => void steps++] });
        const fails = passOver(strategy, [one], { steps: [() => Promise.reject(cause)] });
        await assert.rejects(fails, cause);
        await rejectsWithCode(passOver(strategy, [one], {} as never), 'ERR_INVALID_ARG_TYPE', /passOver: expected steps to be an array of phases/);
        await rejectsWithCode(passOver(strategy, [one], { steps: [], epochs: 2 } as never), 'ERR_UNKNOWN_OPTION', /epochs/);
        await rejectsWithCode(passOver(strategy, [one], { steps: [4 as never] }), 'ERR_INVALID_ARG_TYPE', /a phase/);
        await rejectsWithCode(passOver(strategy, 3 as never, { steps: [] }), 'ERR_INVALID_ARG_TYPE', /dataloader: expected/);
        await rejectsWithCode(passOver(strategy, [3 as never], { steps: [] }), 'ERR_INVALID_ARG_TYPE', /mini-batch: expected/);
      });
      assert.equal(steps, 2);
    });
  });

  describe('misuse', () => {
    it('of QuadraticPenalty.set is refused, and changes nothing', () => {
      const penalty = new QuadraticPenalty();
      const map = (name: string, ...shape: number[]) => new Map([[name, tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape })]]);
      penalty.set(map('a', 2), map('a', 2));
      const refused: [unknown, unknown, ErrorCode, RegExp][] = [
        [{}, map('a', 2), 'ERR_INVALID_ARG_TYPE', /expected importance to be a Map/],
        [map('a', 2), null, 'ERR_INVALID_ARG_TYPE', /expected anchor to be a Map/],
        [map('a', 2), map('b', 2), 'ERR_INVALID_ARG_VALUE', /expected an importance for the anchor "b", got none/],
        [map('a', 2), new Map(), 'ERR_INVALID_ARG_VALUE', /expected an anchor for the importance "a", got none/],
        [map('a', 2), map('a', 3), 'ERR_INVALID_ARG_VALUE', /"a" in its anchor's shape \[3\], got \[2\]/],
        [new Map([['a', 1]]), map('a', 2), 'ERR_INVALID_ARG_TYPE', /importance "a"/],
        [new Map([['a', tensor([1, 2], { dtype: 'int64' })]]), map('a', 2), 'ERR_INVALID_ARG_VALUE', /got int64 and float32/],
        [new Map([['a', tensor([1, 2]).toSparse()]]), map('a', 2), 'ERR_INVALID_ARG_VALUE', /dense/],
      ];
      for (const [importance, anchor, code, message] of refused) {
        throwsWithCode(() => penalty.set(importance as never, anchor as never), code, message);
      }
      assert.deepEqual([...penalty.importance!.keys()], ['a']);
    });

    it('of the penalty before anything is known, or on a parameter that has shrunk', async () => {
      const penalty = new QuadraticPenalty();
      const strategy = strategyWith({ beforeBackward: (s: Strategy) => s.runNative([penalty.phase]) });
      const train = () => strategy.train(smallBenchmark().trainStream.at(0)!);
      await rejectsWithCode(train(), 'ERR_PENALTY_NO_IMPORTANCE', /^QuadraticPenalty\.beforeBackward: expected importances/);
      const large = new Map([['0.weight', tensor(new Float32Array(60), { shape: [10, 6] })]]);
      penalty.set(large, large);
      await rejectsWithCode(train(), 'ERR_PENALTY_SHAPE', /"0\.weight" to keep its shape \[10, 6\] or to grow, got \[5, 4\]/);
    });

    it('of measure', async () => {
      const pass = new ImportancePass('mas', { alpha: 1 }, new QuadraticPenalty());
      const strategy = strategyWith({});
      await rejectsWithCode(pass.measure(strategy, undefined as never), 'ERR_INVALID_ARG_TYPE', /ImportancePass.measure: expected/);
      await rejectsWithCode(pass.measure(strategy, { isFirst: true, mode: 'test' as never }), 'ERR_INVALID_ARG_VALUE', /"train" or "eval"/);
      await rejectsWithCode(pass.measure(strategy, { isFirst: true, epochs: 1 } as never), 'ERR_UNKNOWN_OPTION', /epochs/);
    });

    it('of rules', () => {
      const penalty = new QuadraticPenalty();
      throwsWithCode(() => new ImportancePass('ewc2', {}, penalty), 'ERR_INVALID_ARG_VALUE', /a rule among ewc, mas,.*got "ewc2"/);
      throwsWithCode(() => new ImportancePass('mas', {}, penalty), 'ERR_INVALID_ARG_VALUE', /expected the option "alpha" of the rule "mas", got none/);
      throwsWithCode(() => new ImportancePass('mas', { alpha: 7 }, penalty), 'ERR_INVALID_ARG_VALUE', /alpha of the rule "mas" in \[0, 1\], got 7/);
      throwsWithCode(() => new ImportancePass('mas', { alpha: 1, beta: 1 }, penalty), 'ERR_UNKNOWN_OPTION', /among alpha, .* of the rule "mas", got "beta"/);
      throwsWithCode(() => new ImportancePass('mas', { alpha: 'x' }, penalty), 'ERR_INVALID_ARG_TYPE', /alpha/);
      throwsWithCode(() => new ImportancePass('mas', { alpha: 1 }, null as never), 'ERR_INVALID_ARG_TYPE', /QuadraticPenalty/);
    });
  });

  it('names a diverging penalty by its own words', async () => {
    const penalty = new QuadraticPenalty({ lambda: 1e30 });
    const weight = new Map([['weight', tensor([[1e10, 1e10]])]]);
    penalty.set(weight, weight);
    const model = new nn.Linear(2, 1, { bias: false });
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 1 }),
      criterion: constantLoss,
      evaluator: null,
      plugins: [{ beforeBackward: (s: Strategy) => s.runNative([penalty.phase]) }],
    });
    await rejectsWithCode(strategy.train(linearStream()), 'ERR_LOSS_NOT_FINITE', /the plugin adds its penalty with lambda 1e\+30/);
  });
});
