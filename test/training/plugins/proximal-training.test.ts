// Whole trainings under a penalty behind the update: bits, checkpoints, misuse.
import assert from 'node:assert/strict';
import path from 'node:path';
import { afterEach, describe, it } from 'mocha';
import {
  CheckpointPlugin,
  getNumThreads,
  MASPlugin,
  nn,
  noGrad,
  optim,
  type Plugin,
  QuadraticPenalty,
  setNumThreads,
  type Strategy,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';
import { assertTensorEqual, rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { linearRun, linearStream } from '../../support/linear-mas';
import { anchor, assertClose, importance, pulledAlone, row, steps } from '../../support/proximal-steps';
import { numbersOf, setValues, smallBenchmark, smallModel } from '../../support/small-runs';
import { withTempFolder } from '../../support/temp-folder';

describe('training with a penalty behind the update', () => {
  it('comes to the same bits joined, and with a listener in every iteration', async () => {
    for (const make of [(p: Tensor[]) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 }), (p: Tensor[]) => new optim.AdamW(p, { lr: 0.1 })]) {
      const runs = [];
      for (const plugins of [[], [{ afterBackward: () => {} }], [{ afterUpdate: () => {} }]] as Plugin[][]) {
        const model = smallModel();
        model.parameters().forEach((theta, at) => setValues(theta, Array.from({ length: theta.numel() }, (_, i) => Math.sin(at + i))));
        const mas = new MASPlugin({ lambdaReg: 5, penaltyUpdate: 'proximal' });
        const strategy = new SupervisedTemplate({ model, optimizer: make(model.parameters()), trainMbSize: 4, trainEpochs: 3, evaluator: null, plugins: [mas, ...plugins] });
        await strategy.train(smallBenchmark().trainStream, { shuffle: false });
        runs.push([numbersOf(model.namedParameters()), numbersOf(mas.importance!)]);
      }
      assert.deepEqual(runs[1], runs[0]);
      assert.deepEqual(runs[2], runs[0]);
    }
  });

  describe('with threads', () => {
    const initial = getNumThreads();
    afterEach(() => setNumThreads(initial));

    it('comes to the same bits with one, two and three', async () => {
      const size = [300, 301];
      const runs: Tensor[] = [];
      for (const threads of [1, 2, 3]) {
        setNumThreads(threads);
        const model = new nn.Linear(301, 300, { bias: false });
        noGrad(() => model.weight.copy_(torch.arange(300 * 301, { dtype: 'float32' }).sin().reshape(size)));
        const penalty = new QuadraticPenalty({ lambda: 4 });
        penalty.set(
          new Map([['weight', torch.arange(300 * 301, { dtype: 'float32' }).mul(0.7).cos().abs().reshape(size)]]),
          new Map([['weight', torch.arange(300 * 301, { dtype: 'float32' }).mul(1.3).sin().reshape(size)]]),
        );
        const data = new TensorDataset(torch.ones([2, 301]), tensor([0, 0], { dtype: 'int64' }));
        await pulledAlone(model, penalty, data);
        runs.push(model.weight.detach().clone());
      }
      assertTensorEqual(runs[1]!, runs[0]!);
      assertTensorEqual(runs[2]!, runs[0]!);
    });
  });

  it('goes on from a checkpoint to the same bits', () =>
    withTempFolder(async (folder) => {
      const make = (...plugins: Plugin[]) => {
        const model = smallModel();
        model.parameters().forEach((theta, at) => setValues(theta, Array.from({ length: theta.numel() }, (_, i) => Math.sin(at + i))));
        return new SupervisedTemplate({
          model,
          optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
          trainMbSize: 4,
          trainEpochs: 2,
          evaluator: null,
          plugins: [new MASPlugin({ lambdaReg: 5, penaltyUpdate: 'proximal' }), ...plugins],
        });
      };
      const { trainStream } = smallBenchmark({ train: 24 });
      const whole = make(new CheckpointPlugin(folder, { everyEpochs: 1, keep: 9 }));
      await whole.train(trainStream);
      const resumed = make(new CheckpointPlugin(folder, { everyEpochs: 1, keep: 9 }));
      const behindOneEpochOfTheSecond = path.join(folder, 'checkpoint-000003');
      assert.equal((await resumed.load(behindOneEpochOfTheSecond))!.experience?.index, 1);
      assert.notDeepEqual(numbersOf(resumed.model.namedParameters()), numbersOf(whole.model.namedParameters()));
      await resumed.train(trainStream.slice(resumed.clock.trainExpCounter));
      assert.deepEqual(numbersOf(resumed.model.namedParameters()), numbersOf(whole.model.namedParameters()));
    }));

  it('holds from the second experience on, by the importances of the first', async () => {
    // As `linearRun`: weights (1.5, -3), theta* (1, -2), Omega (1.5, 2.5), and no gradient but 0.
    const seen: number[][] = [];
    const { train } = linearRun({
      mas: { lambdaReg: 2, penaltyUpdate: 'proximal' },
      learningRate: 0.1,
      after: [
        {
          afterUpdate: ({ model }) => void seen.push(model.parameters()[0]!.toNumbers()),
          afterBackward: ({ loss }) => assert.equal(loss.item(), 1),
        },
      ],
    });
    await train();
    assert.deepEqual(seen.slice(0, 2), [[1, -2], [1, -2]]);
    assertClose(seen[2]!, [1.3125, -2.5]);
  });

  describe('misuse', () => {
    it('of the option', () => {
      const message = /^MASPlugin: expected penaltyUpdate to be "gradient" or "proximal", got "adam"$/;
      throwsWithCode(() => new MASPlugin({ penaltyUpdate: 'adam' as never }), 'ERR_INVALID_ARG_VALUE', message);
      throwsWithCode(() => new MASPlugin({ penaltyUpdate: true as never }), 'ERR_INVALID_ARG_VALUE', /got true$/);
      throwsWithCode(() => new MASPlugin({ penaltyUpdate: 'proximal', lambdaReg: Infinity }), 'ERR_INVALID_ARG_VALUE', /got Infinity/);
    });

    it('a state of the other way is refused, one without it taken', () => {
      const state = new MASPlugin().stateDict();
      const { penaltyUpdate, ...rest } = state;
      assert.equal(penaltyUpdate, 'gradient');
      const proximal = new MASPlugin({ penaltyUpdate: 'proximal' });
      assert.equal(proximal.stateDict().penaltyUpdate, 'proximal');
      throwsWithCode(() => proximal.loadStateDict(state), 'ERR_STATE_DICT', /expected penaltyUpdate "proximal", got "gradient": it is not changed by loading/);
      throwsWithCode(() => proximal.loadStateDict({ ...rest, penaltyUpdate: 3 }), 'ERR_STATE_DICT', /expected penaltyUpdate "proximal", got 3/);
      proximal.loadStateDict(rest);
    });

    it('of the phase: before anything is known, on a parameter that has shrunk, outside of a training', async () => {
      const penalty = new QuadraticPenalty();
      const model = smallModel();
      const strategy = new SupervisedTemplate({
        model,
        optimizer: new optim.SGD(model.parameters()),
        evaluator: null,
        plugins: [{ afterUpdate: (s: Strategy) => s.runNative([penalty.proximal]) }],
      });
      const train = () => strategy.train(smallBenchmark().trainStream[0]!);
      await rejectsWithCode(strategy.runNative([penalty.proximal]), 'ERR_CALL_ORDER', /^QuadraticPenalty\.afterUpdate: expected a strategy that trains/);
      await rejectsWithCode(train(), 'ERR_PENALTY_NO_IMPORTANCE', /^QuadraticPenalty\.afterUpdate: expected importances/);
      const large = new Map([['0.weight', tensor(new Float32Array(60), { shape: [10, 6] })]]);
      penalty.set(large, large);
      await rejectsWithCode(train(), 'ERR_PENALTY_SHAPE', /"0\.weight" to keep its shape \[10, 6\] or to grow, got \[5, 4\]/);
      await rejectsWithCode(strategy.runNative([penalty.proximal]), 'ERR_PENALTY_SHAPE', /0\.weight/);
    });

    it('called in another hook it moves nothing', async () => {
      const penalty = new QuadraticPenalty({ lambda: 2 });
      penalty.set(new Map([['weight', row(importance)]]), new Map([['weight', row(anchor)]]));
      const plugins = [{ beforeUpdate: (s: Strategy) => s.runNative([penalty.proximal]), beforeForward: (s: Strategy) => s.runNative([penalty.proximal]) }];
      assertClose(await steps({ lambdaReg: 0, plugins }), [1.4, -3.1]);
    });
  });

  it('a stream of one linear model is what it was without it where lambdaReg is 0', async () => {
    const learn = async (plugins: Plugin[]) => {
      const model = new nn.Linear(2, 1, { bias: false });
      setValues(model.weight, [1, -2]);
      const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD([model.weight], { lr: 0.1 }), criterion: (output) => output.mean(), evaluator: null, plugins });
      await strategy.train(linearStream());
      return model.weight.toNumbers();
    };
    assert.deepEqual(await learn([new MASPlugin({ lambdaReg: 0, penaltyUpdate: 'proximal' })]), await learn([]));
  });
});
