// lambdaReg chosen by what a few experiences come to.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  EvaluationPlugin,
  Generator,
  lossMetrics,
  manualSeed,
  MASPlugin,
  type MASPluginOptions,
  Naive,
  nn,
  optim,
  type Strategy,
  suggestLambda,
  type SuggestLambdaOptions,
  SupervisedTemplate,
  type Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { smallBenchmark, smallModel } from '../support/small-runs';
import { warnings } from '../support/warnings';

const { trainStream, testStream } = smallBenchmark({ train: 24, evaluation: 40 });

function strategyWith(options: MASPluginOptions, lr = 0.1, metrics = accuracyMetrics({ experience: true }), shareOfZeros = 0): SupervisedTemplate {
  manualSeed(2);
  const model = shareOfZeros > 0 ? new WithIdleWeights(shareOfZeros) : smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr }),
    trainMbSize: 4,
    trainEpochs: 4,
    generator: new Generator({ device: 'cpu' }).manualSeed(3),
    evaluator: new EvaluationPlugin(metrics, { loggers: [] }),
    plugins: [new MASPlugin(options)],
  });
}

/** Whose mean importance is that much smaller than its largest. */
class WithIdleWeights extends nn.Module {
  readonly used = smallModel();
  readonly idle: nn.Parameter;

  constructor(count: number) {
    super();
    this.idle = new nn.Parameter(torch.zeros([count]));
  }

  override forward(x: Tensor): Tensor {
    return this.used.forward(x);
  }
}

const pluginOf = (strategy: SupervisedTemplate) => strategy.plugins.find((plugin) => plugin instanceof MASPlugin)!;

/** Measured by hand: a training, and the mean over the experiences of what the evaluation says. */
async function scoreByHand(strategy: SupervisedTemplate, metric: string): Promise<number> {
  await strategy.train(trainStream);
  const values = Object.entries(await strategy.eval(testStream)).flatMap(([name, value]) =>
    name.startsWith(`${metric}/eval_phase/test_stream`) ? [value as number] : [],
  );
  assert.equal(values.length, testStream.length);
  return values.reduce((a, b) => a + b) / values.length;
}

describe('suggestLambda', () => {
  it('is the largest of those that are best, of six powers of ten around 1 / mean(Omega) and the half powers beside them', async () => {
    const asked: number[] = [];
    const { lambdaReg, score, tried } = await suggestLambda({
      trainStream,
      evalStream: testStream,
      newStrategy: (lambda) => {
        asked.push(lambda);
        return strategyWith({ lambdaReg: lambda, penaltyUpdate: 'proximal' });
      },
    });
    const naive = strategyWith({ lambdaReg: 0 });
    await naive.train(trainStream);
    const { mean } = pluginOf(naive).report(naive.model).total.importance;
    const twoDigits = (value: number) => Number(value.toPrecision(2));
    const decades = [0.01, 0.1, 1, 10, 100, 1000].map((unit) => twoDigits(unit / mean));
    assert.deepEqual(asked.slice(0, 7), [0, ...decades]);
    assert.equal(asked.length, 9);
    const sorted = [...asked].sort((a, b) => a - b);
    assert.deepEqual(tried.map((each) => each.lambdaReg), sorted);
    for (const each of tried) {
      const strategy = strategyWith({ lambdaReg: each.lambdaReg, penaltyUpdate: 'proximal' });
      assert.equal(each.score, await scoreByHand(strategy, 'Top1_Acc_Exp'), `lambdaReg ${each.lambdaReg}`);
    }
    const largestGood = (among: readonly number[]) => {
      const scores = tried.filter((each) => among.includes(each.lambdaReg)).map((each) => each.score!);
      const isGood = (lambda: number) => tried.find((each) => each.lambdaReg === lambda)!.score! >= 0.99 * Math.max(...scores);
      return Math.max(...among.filter(isGood));
    };
    assert.equal(lambdaReg, largestGood(asked));
    assert.equal(tried.find((each) => each.lambdaReg === lambdaReg)!.score, score);
    assert.ok(score > tried[0]!.score!, 'better than without a penalty');
    const coarse = largestGood([0, ...decades]);
    assert.deepEqual(asked.slice(7), [twoDigits(coarse / Math.sqrt(10)), twoDigits(coarse * Math.sqrt(10))]);
  });

  it('judges by the loss where no accuracy is measured', async () => {
    const newStrategy = (lambdaReg: number) => strategyWith({ lambdaReg, penaltyUpdate: 'proximal' }, 0.1, lossMetrics({ experience: true }));
    const { lambdaReg, score } = await suggestLambda({ trainStream, evalStream: testStream, newStrategy });
    assert.equal(score, -(await scoreByHand(newStrategy(lambdaReg), 'Loss_Exp')));
  });

  it('tells where the loss was no longer finite, goes no further, and does not warn of what it tries', async () => {
    const lambdas: number[] = [];
    let tried: Awaited<ReturnType<typeof suggestLambda>>['tried'] = [];
    const seen = await warnings(async () => {
      ({ tried } = await suggestLambda({
        trainStream,
        newStrategy: (lambdaReg) => {
          lambdas.push(lambdaReg);
          return strategyWith({ lambdaReg, normalize: 'max' }, 0.5);
        },
      }));
    });
    assert.deepEqual(seen, []);
    const failed = tried.filter(({ score }) => score === null).map((each) => each.lambdaReg);
    assert.ok(failed.length > 0);
    assert.ok(Math.min(...failed) > 2, 'stable up to 1 / lr');
    const at = lambdas.findIndex((lambda) => failed.includes(lambda));
    assert.ok(lambdas.slice(at + 1).every((lambda) => lambda < lambdas[at]!), lambdas.join());
  });

  it('takes strategies that come later, and those of a variant of MAS', async () => {
    const { lambdaReg } = await suggestLambda({
      trainStream: [...trainStream],
      newStrategy: async (weight) => {
        await new Promise(setImmediate);
        return strategyWith({ lambdaReg: weight, preset: 'paper' }, 0.01);
      },
    });
    assert.ok(Number.isFinite(lambdaReg));
  });

  const wrong: Record<string, [code: string, message: RegExp, newStrategy: (lambdaReg: number) => unknown]> = {
    'another weight': ['ERR_INVALID_ARG_VALUE', /a MASPlugin whose lambdaReg is 0, got 1/, () => strategyWith({})],
    'no MASPlugin': [
      'ERR_INVALID_ARG_VALUE',
      /a strategy with one MASPlugin, got 0/,
      () => {
        const model = smallModel();
        return new Naive({ model, optimizer: new optim.SGD(model.parameters()), evaluator: null });
      },
    ],
    'no strategy': ['ERR_INVALID_ARG_VALUE', /a strategy that learns by mini-batches, got 3/, () => 3],
    'nothing measured': [
      'ERR_INVALID_ARG_VALUE',
      /measures Top1_Acc_Exp or Loss_Exp.*got neither/,
      (lambdaReg) => strategyWith({ lambdaReg }, 0.1, accuracyMetrics({ stream: true })),
    ],
    'a function that throws': [
      'ERR_CALLBACK',
      /newStrategy failed: no model/,
      () => {
        throw new Error('no model');
      },
    ],
    'nothing that is important': ['ERR_MAS_NO_IMPORTANCE', /a mean importance above 0, got 0/, (lambdaReg) => strategyWith({ lambdaReg, include: () => false })],
    'a training that fails without a penalty': ['ERR_LOSS_NOT_FINITE', /loss/, (lambdaReg) => strategyWith({ lambdaReg }, 1e30)],
  };
  for (const [name, [code, message, newStrategy]] of Object.entries(wrong)) {
    it(`refuses ${name}`, async () => {
      await rejectsWithCode(suggestLambda({ trainStream, newStrategy: newStrategy as SuggestLambdaOptions['newStrategy'] }), code as never, message);
    });
  }

  it('refuses a strategy, a model or a plugin that it has trained before', async () => {
    const model = smallModel();
    const mas = new MASPlugin({ lambdaReg: 0 });
    const of = (net: nn.Module, plugin: MASPlugin) =>
      new Naive({ model: net, optimizer: new optim.SGD(net.parameters(), { lr: 0.01 }), plugins: [plugin], evaluator: strategyWith({}).evaluator });
    const once = strategyWith({ lambdaReg: 0 });
    const backbone = new nn.Linear(4, 4);
    const shared = (lambdaReg: number) => of(new nn.Sequential(backbone, smallModel()), new MASPlugin({ lambdaReg }));
    for (const newStrategy of [() => once, (lambdaReg: number) => of(model, new MASPlugin({ lambdaReg })), () => of(smallModel(), mas), shared]) {
      await rejectsWithCode(suggestLambda({ trainStream, newStrategy }), 'ERR_INVALID_ARG_VALUE', /a new strategy each time, with new plugins and a new model/);
    }
  });

  it('refuses other arguments', async () => {
    const newStrategy = (lambdaReg: number) => strategyWith({ lambdaReg });
    await rejectsWithCode(suggestLambda(undefined as never), 'ERR_INVALID_ARG_TYPE', /newStrategy/);
    await rejectsWithCode(suggestLambda({ trainStream } as never), 'ERR_INVALID_ARG_TYPE', /expected newStrategy to be a function/);
    await rejectsWithCode(suggestLambda({ newStrategy } as never), 'ERR_INVALID_ARG_TYPE', /expected trainStream to be experiences/);
    await rejectsWithCode(suggestLambda({ trainStream: [3] as never, newStrategy }), 'ERR_INVALID_ARG_TYPE', /trainStream: .*got 3 at index 0/);
    await rejectsWithCode(suggestLambda({ trainStream: [], newStrategy }), 'ERR_INVALID_ARG_VALUE', /expected trainStream to have experiences, got none/);
    await rejectsWithCode(suggestLambda({ trainStream, evalStream: [], newStrategy }), 'ERR_INVALID_ARG_VALUE', /expected evalStream to have/);
    await rejectsWithCode(suggestLambda({ trainStream, newStrategy, lambdas: [1] } as never), 'ERR_UNKNOWN_OPTION', /lambdas/);
  });

  it('goes on below where the smallest is too large already', async () => {
    const asked: number[] = [];
    const { tried } = await suggestLambda({
      trainStream,
      evalStream: testStream,
      newStrategy: (lambdaReg) => {
        asked.push(lambdaReg);
        return strategyWith({ lambdaReg, normalize: 'max' }, 0.5, accuracyMetrics({ experience: true }), 1e4);
      },
    });
    const [, first, ...more] = asked;
    assert.equal(tried.find((each) => each.lambdaReg === first)!.score, null);
    assert.ok(Math.max(...more.slice(0, 1)) < first!, asked.join());
    assert.ok(tried.some(({ lambdaReg, score }) => lambdaReg > 0 && score !== null));
  });

  it('takes one experience where something is remembered already, and no other', async () => {
    const newStrategy = async (lambdaReg: number) => {
      const strategy = strategyWith({ lambdaReg, penaltyUpdate: 'proximal' });
      await pluginOf(strategy).updateImportance(strategy, trainStream[0]!.dataset);
      return strategy;
    };
    const [, second] = [...trainStream];
    const { tried } = await suggestLambda({ trainStream: second!, evalStream: [...testStream], newStrategy });
    assert.ok(new Set(tried.map(({ score }) => score)).size > 1);
    const withoutMemory = (lambdaReg: number) => strategyWith({ lambdaReg });
    await rejectsWithCode(suggestLambda({ trainStream: second!, newStrategy: withoutMemory }), 'ERR_INVALID_ARG_VALUE', /at least two experiences, or/);
  });

  it('judges by the experiences that it is given, not by others that were evaluated on the way', async () => {
    const [first] = [...trainStream];
    const newStrategy = (lambdaReg: number) => {
      const strategy = strategyWith({ lambdaReg, penaltyUpdate: 'proximal' });
      strategy.plugins.push({ afterTrainingExp: async (s: Strategy) => void (await s.eval(trainStream)) });
      return strategy;
    };
    const { lambdaReg, score } = await suggestLambda({ trainStream, evalStream: first!, newStrategy });
    const strategy = strategyWith({ lambdaReg, penaltyUpdate: 'proximal' });
    await strategy.train(trainStream);
    assert.equal(score, (await strategy.eval(first!))['Top1_Acc_Exp/eval_phase/train_stream/Task000/Exp000']);
  });

  it('refuses a strategy that stops early, and a score that is not finite without a penalty', async () => {
    const stopping = (lambdaReg: number) => {
      const strategy = strategyWith({ lambdaReg });
      strategy.plugins.push({ afterTrainingExp: (s: Strategy) => s.stop() });
      return strategy;
    };
    await rejectsWithCode(suggestLambda({ trainStream, newStrategy: stopping }), 'ERR_INVALID_ARG_VALUE', /learns 2 experiences, got one that stopped behind 1/);
    const notANumber = benchmarkFromDatasets({ test: [new TensorDataset(torch.full([4, 4], NaN), [0, 1, 0, 1], { taskLabels: 0 })] }).testStream;
    const byLoss = (lambdaReg: number) => strategyWith({ lambdaReg }, 0.1, lossMetrics({ experience: true }));
    await rejectsWithCode(suggestLambda({ trainStream, evalStream: notANumber, newStrategy: byLoss }), 'ERR_LOSS_NOT_FINITE', /a finite score without a penalty/);
  });

  it('ends where its signal is aborted', async () => {
    const controller = new AbortController();
    let made = 0;
    const newStrategy = (lambdaReg: number) => {
      if (++made === 3) controller.abort();
      return strategyWith({ lambdaReg });
    };
    await rejectsWithCode(suggestLambda({ trainStream, newStrategy, signal: controller.signal }), 'ERR_ABORTED', /train: aborted before it began/);
    assert.equal(made, 3);
    await rejectsWithCode(suggestLambda({ trainStream, newStrategy, signal: controller.signal }), 'ERR_ABORTED', /suggestLambda: aborted before it began/);
    assert.equal(made, 3);
  });
});
