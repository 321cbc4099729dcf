// What the reference's tests of strategies and plugins show (tests/training: test_plugins.py, test_strategies.py,
// test_strategies_accuracy.py, test_supervised_regression.py).
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  DataLoader,
  EarlyStoppingPlugin,
  type EarlyStoppingPluginOptions,
  EvaluationPlugin,
  type Experience,
  type Experiences,
  type HookName,
  hookNames,
  lossMetrics,
  manualSeed,
  MAS,
  models,
  Naive,
  nn,
  optim,
  type Plugin,
  type SupervisedTemplateOptions,
  TaskBalancedDataLoader,
  type Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { onDevice } from '../support/device';
import { quietEvaluator } from '../support/evaluators';
import { classified, fastBenchmark } from '../support/fast-benchmark';
import { warningsOf } from '../support/recorded-plugins';
import { numbersOf } from '../support/small-runs';

const { trainStream, testStream } = fastBenchmark();
const mlp = (options = {}) => new models.SimpleMLP({ inputSize: 6, hiddenSize: 10, ...options });

function naive(model: nn.Module, options: Partial<SupervisedTemplateOptions> = {}) {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  return new Naive({ model, optimizer, trainMbSize: 10, evalMbSize: 50, evaluator: null, ...options });
}

/** What the data of all experiences so far is trained on, each sample with its experience's task label. */
class Cumulative {
  private readonly seen: TensorDataset[] = [];

  /** All of it. */
  add({ dataset }: Experience): TensorDataset {
    this.seen.push(dataset);
    const all = this.seen.map(({ x, y, indices }) => [x.cpu().indexSelect(0, indices!), y.cpu().indexSelect(0, indices!)] as const);
    const taskLabels = this.seen.flatMap((each) => each.taskLabelOfEachSample());
    return new TensorDataset(torch.cat(all.map(([x]) => x)), torch.cat(all.map(([, y]) => y)), { taskLabels });
  }

  afterTrainDatasetAdaptation(strategy: Naive): void {
    strategy.adaptedDataset = this.add(strategy.experience as Experience);
  }
}

describe("the reference's tests: plugins", () => {
  it('every hook is reached (test_callback_reachability)', async () => {
    const reached = new Set<HookName>();
    const plugin: Plugin = Object.fromEntries(hookNames.map((name) => [name, () => void reached.add(name)]));
    const strategy = naive(mlp(), { plugins: [plugin] });
    await strategy.train(trainStream[0]!);
    await strategy.eval([testStream[0]!]);
    assert.deepEqual(hookNames.filter((name) => !reached.has(name)), []); // prettier-ignore
  });

  it('early stopping: the best by epochs, by iterations, and patience (test_early_stop_epochs)', async () => {
    const data = classified({ perClass: 9, classes: 1 }).subset([...Array(9).keys(), 0]);
    const { trainStream } = benchmarkFromDatasets({ train: [data] });
    const stop = async (value: (iterations: number) => number, options: Partial<EarlyStoppingPluginOptions>) => {
      const stopping = new EarlyStoppingPlugin({ patience: 5, valStreamName: 'a', ...options });
      const metric = (iterations: number) => [{ name: 'Top1_Acc_Stream/eval_phase/a_stream', value: value(iterations) }];
      const metrics = { beforeTrainingExp: () => metric(0), afterTrainingIteration: (s: Naive) => metric(s.clock.trainExpIterations + 1) };
      const evaluator = new EvaluationPlugin(metrics, { loggers: [] });
      const strategy = naive(mlp(), { trainMbSize: 1, trainEpochs: 10, evaluator, plugins: [stopping] });
      await strategy.train(trainStream);
      return [stopping.bestStep, stopping.bestVal, strategy.clock.trainExpEpochs];
    };
    assert.deepEqual(await stop((i) => i, {}), [9, 90, 10]);
    assert.deepEqual(await stop((i) => i, { pevalMode: 'iteration' }), [99, 99, 10]);
    assert.deepEqual(await stop(() => 1, {}), [0, 1, 5]);
  });

  it("a value of one's own is among all metrics (test_publish_metric)", async () => {
    const evaluator = new EvaluationPlugin({ afterTraining: () => [{ name: 'metric', value: 1 }] }, { loggers: [] });
    await naive(mlp(), { evaluator }).train(trainStream[0]!);
    assert.deepEqual(evaluator.getAllMetrics().metric![1], [1]);
  });

  it('the evaluator hands every hook to metrics, and knows no other (test_forward_callbacks)', async () => {
    let calls = 0;
    const evaluator = new EvaluationPlugin({ beforeUpdate: () => void calls++ }, { loggers: [] });
    await naive(mlp(), { evaluator, trainMbSize: 1000 }).train(trainStream[0]!);
    assert.equal(calls, 1);
    assert.ok(!('beforeBlabla' in evaluator));
  });
});

describe("the reference's tests: strategies", () => {
  it('evalStreams in any form are groups by stream (test_eval_streams_normalization)', async () => {
    const [train, test] = [trainStream.length, testStream.length];
    const forms: [Experiences | Experiences[], number[]][] = [
      [testStream, [test]],
      [[testStream], [test]],
      [[...testStream, ...trainStream], [test, train]],
      [[testStream, trainStream], [test, train]],
    ];
    for (const [evalStreams, lengths] of forms) {
      let groups: number[] = [];
      const look: Plugin = { beforeTraining: (s) => void (groups = s.evalStreams.map(({ length }) => length)) };
      await naive(mlp(), { plugins: [look], evalEvery: 0 }).train(trainStream[0]!, { evalStreams });
      assert.deepEqual(groups, lengths);
    }
  });

  it('periodic evaluation: never, before and after, by epochs, by iterations (test_periodic_eval)', async () => {
    const model = mlp();
    (model as unknown as { classifier: nn.Module }).classifier = new models.IncrementalClassifier(10);
    const evaluations = async (options: Partial<SupervisedTemplateOptions>) => {
      const evaluator = new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [] });
      await naive(model, { trainMbSize: 1, trainEpochs: 2, evaluator, ...options }).train(trainStream[0]!);
      return evaluator.getAllMetrics()['Top1_Acc_Stream/eval_phase/train_stream/Task000']?.[1].length ?? 0;
    };
    const iterations = 2 * trainStream[0]!.dataset.length;
    assert.equal(await evaluations({ evalEvery: -1 }), 0);
    assert.equal(await evaluations({ evalEvery: 0 }), 2);
    assert.equal(await evaluations({ evalEvery: 1 }), 3);
    assert.equal(await evaluations({ evalEvery: 10, pevalMode: 'iteration' }), 2 + Math.ceil(iterations / 10));
  });

  it('plugins that have only hooks are not warned about (test_plugins_compatibility_checks)', async () => {
    const levels = { minibatch: true, epoch: true, experience: true, stream: true };
    const evaluator = new EvaluationPlugin(lossMetrics(levels), { loggers: [] });
    const plugins = [new EarlyStoppingPlugin({ patience: 10, valStreamName: 'train' })];
    const warnings = await warningsOf(() => naive(mlp(), { trainEpochs: 2, evaluator, plugins }).train(trainStream[0]!));
    assert.deepEqual(warnings.filter((warning) => warning.includes('callbacks')), []); // prettier-ignore
  });

  it('training stops behind the iteration in which it was asked to (test_early_stop)', async () => {
    const stop: Plugin = { afterTrainingIteration: (s) => void (s.clock.trainEpochIterations === 10 && s.stopTraining()) };
    const strategy = naive(mlp(), { trainMbSize: 1, plugins: [new Cumulative(), stop] });
    for (const experience of trainStream) {
      await strategy.train(experience);
      assert.equal(strategy.clock.trainEpochIterations, 11);
    }
  });

  const growing = () => {
    class Net extends nn.Module {
      readonly features = new nn.Linear(6, 10);
      readonly classifier = new models.IncrementalClassifier(10);

      override forward(x: Tensor): Tensor {
        return this.classifier.forward(this.features.forward(x));
      }
    }
    return new Net();
  };
  const scenarios = [
    { model: growing, benchmark: fastBenchmark() },
    { model: () => new models.MTSimpleMLP({ inputSize: 6, hiddenSize: 10 }), benchmark: fastBenchmark({ taskLabels: true }) },
  ];

  it('naive: one task and several; options that do not exist are refused (test_naive)', async () => {
    throwsWithCode(() => naive(mlp(), { trai_epochs: 2 } as never), 'ERR_UNKNOWN_OPTION', /"trai_epochs"/);
    for (const { model, benchmark } of scenarios) {
      const strategy = naive(model(), { trainEpochs: 2, evaluator: quietEvaluator() });
      for (const experience of benchmark.trainStream) {
        await strategy.train(experience);
        await strategy.eval(benchmark.testStream);
      }
      assert.equal(strategy.clock.trainExpCounter, 5);
    }
  });

  it('MAS on a model that grows (test_mas)', async () => {
    const [{ model, benchmark }] = scenarios as [(typeof scenarios)[0]];
    const net = model();
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.001 });
    const strategy = new MAS({ model: net, optimizer, lambdaReg: 1, alpha: 0.5, trainMbSize: 10, evalMbSize: 50, trainEpochs: 2, evaluator: quietEvaluator() });
    for (const experience of benchmark.trainStream) {
      await strategy.train(experience);
      await strategy.eval(benchmark.testStream);
    }
    assert.ok(Object.values(numbersOf(net.namedParameters())).flat().every(Number.isFinite));
  });

  it('a head for each task learns all tasks, from all data so far (test_multihead_cumulative)', async () => {
    manualSeed(0);
    const { trainStream } = fastBenchmark({ taskLabels: true });
    const model = new models.MTSimpleMLP({ inputSize: 6, hiddenSize: 100 });
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    const evaluator = new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [] });
    const strategy = new Naive({ model, optimizer, trainMbSize: 16, evalMbSize: 512, trainEpochs: 6, evaluator, plugins: [new Cumulative()] });
    for (const experience of trainStream) await strategy.train(experience);
    const metrics = await strategy.eval(trainStream);
    assert.ok(metrics['Top1_Acc_Stream/eval_phase/train_stream/Task004']! > 0.7);
  });

  /** Losses of a loop written out: two epochs over each loader. */
  async function written(model: nn.Module, loaders: AsyncIterable<[Tensor, Tensor, Tensor]>[], adapt: (i: number) => void) {
    const losses: number[] = [];
    for (const [i, loader] of loaders.entries()) {
      adapt(i);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
      for (let epoch = 0; epoch < 2; epoch++) {
        for await (const batch of loader) {
          const [x, y, taskId] = onDevice(batch);
          optimizer.zeroGrad();
          const output = (model.takesTaskLabels ? model.forward(x, taskId) : model.forward(x));
          const loss = new nn.CrossEntropyLoss().forward(output, y);
          loss.backward();
          optimizer.step();
          losses.push(loss.item());
        }
      }
    }
    return losses;
  }
  function assertSame(actual: number[], expected: number[]): void {
    assert.equal(actual.length, expected.length);
    actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) <= 1e-5 * (1 + Math.abs(expected[i]!)), `${i}: ${value}, ${expected[i]}`));
  }
  const storeLosses = (losses: number[]): Plugin => ({ afterTrainingIteration: (s) => void losses.push(s.loss.item()) });

  it('a strategy is the loop that one would write (test_reproduce_old_base_strategy)', async () => {
    const make = () => {
      manualSeed(3);
      return mlp({ dropRate: 0 });
    };
    const [ours, theirs] = [make(), make()];
    const losses: number[] = [];
    await naive(ours, { trainEpochs: 2, plugins: [storeLosses(losses)] }).train(trainStream, { shuffle: false });
    const loaders = [...trainStream].map(({ dataset }) => new DataLoader(dataset, { batchSize: 10 }));
    assertSame(losses, await written(theirs, loaders, () => {}));
    for (const [name, values] of Object.entries(numbersOf(ours.namedParameters()))) {
      assertSame(values, numbersOf(theirs.namedParameters())[name]!);
    }
  });

  it('with all data so far and a head for each task too (test_reproduce_old_cumulative_strategy)', async () => {
    const { trainStream } = fastBenchmark({ taskLabels: true });
    const make = () => {
      manualSeed(3);
      return new models.MultiHeadClassifier(6);
    };
    const [ours, theirs] = [make(), make()];
    const losses: number[] = [];
    manualSeed(42);
    const plugins = [new Cumulative(), storeLosses(losses)];
    await naive(ours, { trainMbSize: 128, trainEpochs: 2, plugins }).train(trainStream, { shuffle: false });
    const data = new Cumulative();
    const loaders = [...trainStream].map((each) => new TaskBalancedDataLoader(data.add(each), { batchSize: 128, oversampleSmallGroups: true }));
    manualSeed(42);
    const expected = await written(theirs, loaders, (i) => models.avalancheModelAdaptation(theirs, trainStream[i]!));
    assertSame(losses, expected);
  });
});
