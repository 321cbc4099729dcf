// Penalty and task loss as metrics of their own, on the linear model of two weights (test/support/linear-mas.ts): in its second
// experience weights (1.5, -3), theta* (1, -2), Omega (1.5, 2.5), a loss of 1, and with lambdaReg 2 a penalty of
//   2 (1.5 * 0.5^2 + 2.5 * 1^2) = 5.75
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  CheckpointPlugin,
  EvaluationPlugin,
  lossMetrics,
  MASPlugin,
  type MASPluginOptions,
  optim,
  penaltyMetrics,
  type Plugin,
  QuadraticPenalty,
  SupervisedTemplate,
  taskLossMetrics,
  tensor,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { linearRun } from '../support/linear-mas';
import { smallBenchmark, smallModel } from '../support/small-runs';
import { withTempFolder } from '../support/temp-folder';

const all = { minibatch: true, epoch: true, epochRunning: true, experience: true, stream: true };

/** Every value of a metric, whatever its task label. */
function values(evaluator: EvaluationPlugin, metric: string): unknown[] {
  return Object.entries(evaluator.getAllMetrics()).flatMap(([name, [, y]]) => (name.startsWith(`${metric}/`) ? y : []));
}

async function measured(mas: MASPluginOptions, levels: Parameters<typeof penaltyMetrics>[0] = all, after: Plugin[] = [], learningRate = 0.1) {
  const evaluator = new EvaluationPlugin(lossMetrics(levels), penaltyMetrics(levels), taskLossMetrics(levels), { loggers: [] });
  const run = linearRun({ mas, after, learningRate, trainEpochs: 2, evaluator });
  await run.train();
  await run.strategy.eval(run.stream.at(1)!);
  return (metric: string) => values(evaluator, metric);
}

describe('penaltyMetrics and taskLossMetrics', () => {
  it('tell the two parts of the loss at each level', async () => {
    const of = await measured({ lambdaReg: 2 }, all, [], 0);
    // The first experience has two mini-batches an epoch, the second one.
    assert.deepEqual(of('Penalty_MB'), [0, 0, 0, 0, 5.75, 5.75]);
    assert.deepEqual(of('TaskLoss_MB'), [1, 1, 1, 1, 1, 1]);
    assert.deepEqual(of('Loss_MB'), [1, 1, 1, 1, 6.75, 6.75]);
    assert.deepEqual(of('RunningPenalty_Epoch'), [0, 0, 0, 0, 5.75, 5.75]);
    assert.deepEqual(of('RunningTaskLoss_Epoch'), [1, 1, 1, 1, 1, 1]);
    assert.deepEqual(of('Penalty_Epoch'), [0, 0, 5.75, 5.75]);
    assert.deepEqual(of('TaskLoss_Epoch'), [1, 1, 1, 1]);
    for (const level of ['Exp', 'Stream']) {
      assert.deepEqual(of(`Penalty_${level}`), [0]);
      assert.deepEqual(of(`TaskLoss_${level}`), of(`Loss_${level}`));
    }
  });

  it('tell the penalty where the loss was computed where it is applied behind the update', async () => {
    const of = await measured({ lambdaReg: 2, penaltyUpdate: 'proximal' });
    // Behind the first step theta is (1.3125, -2.5): 2 (1.5 * 0.3125^2 + 2.5 * 0.5^2) = 1.54296875.
    assert.deepEqual(of('Penalty_MB'), [0, 0, 0, 0, 5.75, 1.54296875]);
    assert.deepEqual(of('Penalty_Epoch'), [0, 0, 5.75, 1.54296875]);
    assert.deepEqual(of('TaskLoss_MB'), [1, 1, 1, 1, 1, 1]);
    assert.deepEqual(of('Loss_Epoch'), [1, 1, 1, 1]);
  });

  it('are the same joined, and with a listener in every iteration', async () => {
    for (const penaltyUpdate of ['gradient', 'proximal'] as const) {
      const runs = [];
      for (const plugins of [[], [{ afterForward: () => {} }]] as Plugin[][]) {
        const model = smallModel();
        model.loadStateDict(new Map([...model.stateDict()].map(([name, theta], at) => [name, tensor(Array.from({ length: theta.numel() }, (_, i) => Math.sin(at + i))).to('float32').reshape(theta.shape)])));
        const evaluator = new EvaluationPlugin(penaltyMetrics({ epoch: true }), taskLossMetrics({ epoch: true }), { loggers: [] });
        const strategy = new SupervisedTemplate({
          model,
          optimizer: new optim.SGD(model.parameters(), { lr: 0.05 }),
          trainMbSize: 4,
          trainEpochs: 2,
          evaluator,
          plugins: [new MASPlugin({ penaltyUpdate }), ...plugins],
        });
        await strategy.train(smallBenchmark({ train: 10 }).trainStream, { shuffle: false });
        assert.ok(values(evaluator, 'Penalty_Epoch').at(-1)! as number > 0);
        runs.push(evaluator.getAllMetrics());
      }
      assert.deepEqual(runs[1], runs[0]);
    }
  });

  it('measuring changes nothing, and what a proximal penalty comes to is computed for it alone', async () => {
    const weights = async (metrics: 'measured' | 'not') => {
      const evaluator = new EvaluationPlugin(metrics === 'measured' ? penaltyMetrics({ epoch: true }) : lossMetrics({ epoch: true }), { loggers: [] });
      const apart: boolean[] = [];
      const run = linearRun({
        mas: { lambdaReg: 2, penaltyUpdate: 'proximal' },
        learningRate: 0.1,
        evaluator,
        after: [{ afterBackward: ({ step }) => void apart.push(step.get('apartPenalty') !== null) }],
      });
      await run.train();
      return { weights: run.weight.toNumbers(), apart };
    };
    const [measured, not] = [await weights('measured'), await weights('not')];
    assert.deepEqual(measured.weights, not.weights);
    assert.deepEqual([measured.apart, not.apart], [[false, false, true], [false, false, false]]);
  });

  it('sum up several penalties', async () => {
    const held = () => new Map([['weight', tensor([[1, 0]])]]);
    const second = new QuadraticPenalty({ lambda: 3 });
    second.set(held(), held());
    const third = new QuadraticPenalty({ lambda: 5 });
    third.set(held(), held());
    // 3 * 0.5^2 in the loss, 5 * 0.5^2 apart from it.
    const of = await measured({ lambdaReg: 2 }, { minibatch: true }, [{ beforeBackward: (s) => s.runNative([second.phase, third.value]) }], 0);
    assert.deepEqual(of('Penalty_MB').slice(4), [7.75, 7.75]);
    assert.deepEqual(of('TaskLoss_MB').slice(4), [1, 1]);
    assert.deepEqual(of('Loss_MB').slice(4), [7.5, 7.5]);
  });

  it('of an epoch go on from a checkpoint in it', () =>
    withTempFolder(async (folder) => {
      const make = () => {
        const model = smallModel();
        const evaluator = new EvaluationPlugin(penaltyMetrics({ epoch: true }), taskLossMetrics({ epoch: true }), { loggers: [] });
        const plugins = [new MASPlugin({ lambdaReg: 3 }), new CheckpointPlugin(folder, { everyEpochs: 1, keep: 9 })];
        return { evaluator, strategy: new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.05 }), trainMbSize: 4, evaluator, plugins }) };
      };
      const { trainStream } = smallBenchmark({ train: 12 });
      const whole = make();
      await whole.strategy.train(trainStream);
      const resumed = make();
      // Behind the last iteration of the second experience, before its epoch has ended.
      await resumed.strategy.load(path.join(folder, 'checkpoint-000002'));
      await resumed.strategy.train(trainStream.slice(1));
      assert.deepEqual(resumed.evaluator.getAllMetrics(), whole.evaluator.getAllMetrics());
    }));

  it('are refused other levels', () => {
    throwsWithCode(() => penaltyMetrics({ batch: true } as never), 'ERR_UNKNOWN_OPTION', /^penaltyMetrics: unknown option "batch"/);
    throwsWithCode(() => taskLossMetrics({ epoch: 1 } as never), 'ERR_INVALID_ARG_TYPE', /^taskLossMetrics: expected epoch/);
  });
});
