// A strategy that goes on with new data: experience 0 of a second benchmark is not experience 0 of the first.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  type Benchmark,
  benchmarkFromDatasets,
  bwtMetrics,
  CSVLogger,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  lossMetrics,
  type Logger,
  type MetricArgument,
  optim,
  SupervisedTemplate,
  taskIncrementalBenchmark,
  withClassesTimeline,
} from '../../lib/index';
import { answeringModel, constant } from '../support/answering';
import { rejectsWithCode } from '../support/assertions';
import { warningsOf } from '../support/recorded-plugins';
import { withTempFolder } from '../support/temp-folder';

const ofClasses = (...labels: number[]) => benchmarkFromDatasets({ train: labels.map(constant), test: labels.map(constant) });

/** A strategy whose model answers as a test says, whatever it is trained on. */
function answering(metrics: MetricArgument[], loggers: Logger[] = []) {
  const { model, answer } = answeringModel();
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 4,
    evalMbSize: 4,
    evaluator: new EvaluationPlugin(...metrics, { loggers }),
  });
  const learn = (benchmark: Benchmark, index: number, ...classes: number[]) => {
    answer(classes);
    return strategy.train(benchmark.trainStream[index]!);
  };
  return { strategy, learn };
}

const levels = { experience: true, stream: true };
const exp = (metric: string, i: number) => `${metric}/eval_phase/test_stream/Task000/Exp00${i}`;

describe('two benchmarks', () => {
  it('forgetting and backward transfer: of each benchmark since its own training', async () => {
    const [first, second] = [ofClasses(0, 1), ofClasses(2)];
    const { strategy, learn } = answering([forgettingMetrics(levels), bwtMetrics(levels)]);
    await learn(first, 0, 0, 0, 0, 1);
    await strategy.eval(first.testStream);
    await learn(second, 0, 0, 2, 2, 2);
    await strategy.eval(second.testStream);
    const { [exp('ExperienceForgetting', 0)]: forgotten, ...metrics } = await strategy.eval(first.testStream);
    // Experience 0 of the first benchmark: 3/4 - 1/4, though experience 0 of the second one is the current one.
    assert.deepEqual([forgotten, metrics[exp('ExperienceBWT', 0)]], [0.5, -0.5]);
    assert.equal(metrics['StreamForgetting/eval_phase/test_stream'], 0.5);
  });

  it('forward transfer: from the first evaluation before training on the same benchmark', async () => {
    const [first, second] = [ofClasses(0, 1), ofClasses(2, 3)];
    const { strategy, learn } = answering([forwardTransferMetrics(levels)]);
    await strategy.eval(first.testStream);
    await learn(first, 0, 0, 0, 0, 3);
    await strategy.eval(second.testStream); // experience 1 of the second: 1/4; nothing of the first's
    strategy.evaluator.resetLastMetrics();
    await learn(second, 0, 2, 3, 3, 3);
    const name = exp('ExperienceForwardTransfer', 1);
    assert.deepEqual((await strategy.eval(second.testStream))[name], 0.5);
    strategy.evaluator.resetLastMetrics();
    assert.ok(!(name in (await strategy.eval(first.testStream))));
    // Of a third one there is no evaluation from before its training.
    const third = ofClasses(0, 1);
    await learn(third, 0, 0, 0, 0, 0);
    await rejectsWithCode(strategy.eval(third.testStream), 'ERR_NO_INITIAL_EVALUATION', /got none of experience 1 of stream "test"$/);
  });

  it('accuracy on trained experiences: those of each benchmark that was trained', async () => {
    const [first, second] = [ofClasses(0, 1), ofClasses(2, 3)];
    const { strategy, learn } = answering([accuracyMetrics({ trainedExperience: true })]);
    const measured = async ({ testStream }: Benchmark) =>
      (await strategy.eval(testStream))['Accuracy_On_Trained_Experiences/eval_phase/test_stream/Task000'];
    await learn(first, 0, 0, 0, 1, 1);
    await learn(first, 1, 0, 1, 1, 2);
    assert.equal(await measured(second), 0); // none of it has been trained
    await learn(second, 0, 0, 1, 2, 2);
    assert.deepEqual([await measured(first), await measured(second)], [0.25, 0.5]); // (1 + 1) / 8, 2 / 4
  });

  it('results: a matrix of each, and which values of a curve are whose', async () => {
    const [first, second] = [ofClasses(0, 1), ofClasses(2)];
    const { strategy, learn } = answering([accuracyMetrics({ experience: true })]);
    const evaluate = async () => {
      await strategy.eval(first.testStream);
      await strategy.eval(second.testStream);
    };
    await evaluate();
    const initial = strategy.evaluator.results;
    assert.equal(initial.benchmarks.length, 2);
    await learn(first, 0, 0, 0, 0, 1);
    await evaluate();
    await learn(first, 1, 0, 1, 1, 1);
    await evaluate();
    await learn(second, 0, 2, 2, 0, 0);
    await evaluate();
    const { results } = strategy.evaluator;
    const [ofFirst, ofSecond] = results.benchmarks as [typeof results, typeof results];
    assert.deepEqual(ofFirst.accuracyMatrix, { test: [[0.75, 0.25], [0.25, 0.75]] }); // prettier-ignore
    assert.deepEqual(ofSecond.accuracyMatrix, { test: [[0.5]] });
    assert.deepEqual([ofFirst.averageForgetting.test, ofSecond.averageForgetting.test], [0.5, 0]);
    assert.deepEqual([ofFirst.initialAccuracy.test!.length, ofSecond.initialAccuracy.test!.length], [2, 1]);
    assert.deepEqual(results.accuracyMatrix, ofSecond.accuracyMatrix);
    const name = exp('Top1_Acc_Exp', 0);
    assert.deepEqual(ofFirst.curves[name]!.y.slice(1), [0.75, 0.25, 0.5]);
    assert.deepEqual(ofSecond.curves[name]!.y.slice(1), [0, 0, 0.5]);
    assert.equal(results.curves[name]!.y.length, 8);
    const json = JSON.parse(JSON.stringify(results)) as { benchmarks: { curves: object }[] };
    assert.deepEqual(json.benchmarks, JSON.parse(JSON.stringify([ofFirst, ofSecond])));
    assert.match(inspect(results), /^EvaluationResults \{[\s\S]*Exp000': 8 values[\s\S]*benchmarks: 2 benchmarks/);
    assert.ok(!('benchmarks' in (JSON.parse(JSON.stringify(ofFirst)) as object)));
    assert.deepEqual(ofFirst.benchmarks, [ofFirst]);
  });

  it('data to evaluate may be a benchmark of its own, a slice is its stream, a stream numbered anew is another', async () => {
    const train = benchmarkFromDatasets({ train: [constant(0), constant(1)] });
    const { testStream } = benchmarkFromDatasets({ test: [constant(0), constant(1)] });
    const { strategy, learn } = answering([forgettingMetrics(levels), accuracyMetrics(levels)]);
    await learn(train, 0, 0, 0, 0, 1);
    await strategy.eval(testStream.slice(0, 1));
    await learn(train, 1, 0, 1, 1, 1);
    assert.equal((await strategy.eval(testStream))[exp('ExperienceForgetting', 0)], 0.5);
    assert.deepEqual(strategy.evaluator.results.accuracyMatrix.test, [[0.75, null], [0.25, 0.75]]); // prettier-ignore
    strategy.evaluator.resetLastMetrics();
    const anew = withClassesTimeline(testStream.slice(1));
    assert.ok(!(exp('ExperienceForgetting', 0) in (await strategy.eval(anew))));
  });

  const guest = (count = 2) => benchmarkFromDatasets({ test: [0, 1].slice(0, count).map(constant) }).testStream;
  const remade: [what: string, test: (benchmark: Benchmark, seen: number) => Benchmark['testStream']][] = [
    ['a view of a growing slice', ({ testStream }, seen) => withClassesTimeline(testStream.slice(0, seen))],
    ['a view of the stream', ({ testStream }) => withClassesTimeline(testStream)],
    ['a view of the benchmark', (benchmark) => withClassesTimeline(benchmark).testStream],
    ['the benchmark with its task labels', (benchmark) => taskIncrementalBenchmark(benchmark, { resetTaskLabels: true }).testStream],
    ['a guest', () => guest()],
    ['a guest that grows', (_, seen) => guest(seen)],
    ['a guest among ever more', (_, seen) => benchmarkFromDatasets({ [`valid${seen}`]: [], test: [constant(0), constant(1)] }).testStream],
    ['a view of a guest', () => withClassesTimeline(guest())],
  ];
  for (const [what, test] of remade) {
    it(`test data made anew for each evaluation is the same stream: ${what}`, async () => {
      const benchmark = ofClasses(0, 1);
      const { strategy, learn } = answering([
        forgettingMetrics(levels),
        bwtMetrics(levels),
        forwardTransferMetrics(levels),
        accuracyMetrics(levels),
      ]);
      await strategy.eval(test(benchmark, 2));
      await learn(benchmark, 0, 0, 0, 0, 1);
      const transfers = Object.keys(await strategy.eval(test(benchmark, 2))).filter((name) => name.startsWith('ExperienceForwardTransfer/'));
      assert.equal(transfers.length, 1);
      await learn(benchmark, 1, 0, 1, 1, 1);
      const values = Object.entries(await strategy.eval(test(benchmark, 2)));
      const of = (metric: string) => values.filter(([name]) => name.startsWith(`${metric}/`)).map(([, value]) => value);
      assert.deepEqual(['ExperienceForgetting', 'StreamForgetting', 'StreamBWT'].map(of), [[0.5], [0.5], [-0.5]]);
      const { results } = strategy.evaluator;
      assert.deepEqual(results.accuracyMatrix, { test: [[0.75, 0.25], [0.25, 0.75]] }); // prettier-ignore
      assert.equal(results.initialAccuracy.test!.length, 2);
      assert.ok(results.benchmarks.length <= 3, `${results.benchmarks.length} benchmarks`);
    });
  }

  it('a guest made anew is neither a real benchmark that was evaluated before, nor one that comes later', async () => {
    const [first, second] = [ofClasses(0, 1), ofClasses(1, 0)];
    const { strategy, learn } = answering([forgettingMetrics(levels), accuracyMetrics(levels)]);
    await strategy.eval(first.testStream);
    await learn(first, 0, 0, 0, 0, 1);
    await strategy.eval(first.testStream);
    await strategy.eval(second.testStream);
    await learn(first, 1, 0, 1, 1, 1);
    assert.ok(!(exp('ExperienceForgetting', 0) in (await strategy.eval(guest()))));
    assert.equal((await strategy.eval(first.testStream))[exp('ExperienceForgetting', 0)], 0.5);
  });

  it('CSV: the experiences of the second carry its number, and the first has no validation for it', () =>
    withTempFolder(async (folder) => {
      const [first, second] = [ofClasses(0), ofClasses(2)];
      const { strategy, learn } = answering(
        [accuracyMetrics({ epoch: true, experience: true }), lossMetrics({ epoch: true }), forgettingMetrics(levels)],
        [new CSVLogger(folder)],
      );
      strategy.plugins.unshift({
        afterTrainingEpoch: (s) => (s.experience!.benchmark === first ? void s.eval(first.testStream) : undefined),
      });
      await learn(first, 0, 0, 0, 0, 0);
      await learn(first, 0, 0, 0, 0, 0);
      await strategy.eval(first.testStream);
      await learn(second, 0, 0, 2, 2, 2);
      await strategy.eval(first.testStream);
      await strategy.eval(second.testStream);
      const rows = async (name: string, columns: number) =>
        (await readFile(path.join(folder, `${name}_results.csv`), 'utf8'))
          .trim()
          .split('\n')
          .slice(1)
          .map((row) => row.split(',').slice(0, columns).join());
      assert.deepEqual(await rows('training', 4), ['0,0,1.0000,1.0000', '0,0,1.0000,1.0000', '1:0,0,0.7500,0']);
      assert.deepEqual(await rows('eval', 3), ['0,0,1.0000', '0,1:0,0.2500', '1:0,1:0,0.7500']);
    }));

  it('CSV: data to evaluate that are a benchmark of their own, made anew each time, go with what is trained', () =>
    withTempFolder(async (folder) => {
      const trained = ofClasses(0);
      const guest = () => benchmarkFromDatasets({ held_out: [...trained.testStream].map(({ dataset }) => dataset) }).streams.get('held_out')!;
      const { strategy, learn } = answering([accuracyMetrics({ experience: true })], [new CSVLogger(folder)]);
      await strategy.eval(guest());
      await learn(trained, 0, 0, 0, 0, 0);
      await strategy.eval(guest());
      await strategy.eval(guest());
      const text = await readFile(path.join(folder, 'eval_results.csv'), 'utf8');
      const labels = text.trim().split('\n').slice(1).map((row) => row.split(',').slice(0, 2).join());
      const experiences = [...trained.testStream].map((_, i) => i);
      assert.deepEqual(labels, ['None', '0', '0'].flatMap((training) => experiences.map((i) => `${i},${training}`)));
    }));

  it('warns once where two experiences of one evaluation have one name', async () => {
    const [first, second] = [ofClasses(0), ofClasses(2)];
    const { strategy } = answering([accuracyMetrics(levels)]);
    const both = [...first.testStream, ...second.testStream];
    const warnings = await warningsOf(async () => {
      await strategy.eval(first.testStream);
      await strategy.eval(second.testStream);
      await strategy.eval([...first.testStream, ...first.testStream]);
      await strategy.eval(both);
      await strategy.eval(both);
    });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^eval: two experiences of one evaluation have a metric Top1_Acc_Exp\/.*\/Exp000, /);
  });
});
