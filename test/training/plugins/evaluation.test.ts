// The evaluator itself: its options, what it keeps, and metrics of the user's own.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  bwtMetrics,
  confusionMatrixMetrics,
  CSVLogger,
  type EmittedMetric,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  hookNames,
  type HookName,
  InteractiveLogger,
  type Logger,
  type PassProgress,
  lossMetrics,
  type MetricValue,
  type PluginMetric,
  type SupervisedTemplate,
  Tensor,
  tensor,
  TensorboardLogger,
  TextLogger,
  timingMetrics,
} from '../../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { processTestTimeout, runProgram } from '../../support/child-process';
import { smallBenchmark, smallDataset } from '../../support/small-runs';
import { assertUsable, smallStrategy } from '../../support/survival';
import { withTempFolder } from '../../support/temp-folder';

const accuracyOf = (experience: number) => `Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp00${experience}`;

/** A logger that writes down what it is called with. */
class Notes implements Logger {
  readonly lines: string[] = [];
  logMetrics(values: readonly EmittedMetric[]): void {
    this.lines.push(`logMetrics ${values.map(({ name, value, x }) => `${name}=${value as number}@${x}`).join(' ')}`);
  }
  afterTrainingEpoch(_strategy: SupervisedTemplate, values: readonly EmittedMetric[]): void {
    this.lines.push(`afterTrainingEpoch ${values.length}`);
  }
  beforeEval(_strategy: SupervisedTemplate, values: readonly EmittedMetric[]): void {
    this.lines.push(`beforeEval ${values.length}`);
  }
}

describe('EvaluationPlugin', () => {
  it('hands new values to each logger, then calls its own hook, whether there are values or not', async () => {
    const [first, second] = [new Notes(), new Notes()];
    let value = 0;
    const count: PluginMetric = {
      afterTrainingEpoch: () => [
        { name: 'a', value: ++value },
        { name: 'b', value: -value },
      ],
    };
    const evaluator = new EvaluationPlugin([count], { loggers: [first, second] });
    const strategy = smallStrategy({ evaluator, trainEpochs: 2 });
    const { trainStream, testStream } = smallBenchmark();
    await strategy.train(trainStream.at(0)!);
    await strategy.eval(testStream);
    const expected = [
      'logMetrics a=1@2 b=-1@2',
      'afterTrainingEpoch 2',
      'logMetrics a=2@4 b=-2@4',
      'afterTrainingEpoch 2',
      'beforeEval 0',
    ];
    assert.deepEqual(first.lines, expected);
    assert.deepEqual(second.lines, expected);
  });

  it('waits for metrics and loggers that are asynchronous', async () => {
    const order: string[] = [];
    const later = (name: string) => new Promise<void>((resolve) => setImmediate(() => resolve(void order.push(name))));
    const metric: PluginMetric = {
      afterTrainingEpoch: async () => {
        await later('metric');
        return [{ name: 'm', value: 1 }];
      },
    };
    const logger: Logger = { logMetrics: () => later('logMetrics'), afterTrainingEpoch: () => later('hook') };
    const strategy = smallStrategy({ evaluator: new EvaluationPlugin(metric, { loggers: [logger] }) });
    await strategy.train(smallBenchmark().trainStream.at(0)!);
    assert.deepEqual(order, ['metric', 'logMetrics', 'hook']);
  });

  it('keeps every value with the training iterations made by then, unless collectAll is off', async () => {
    const metrics = () => [accuracyMetrics({ experience: true }), lossMetrics({ minibatch: true })];
    const { trainStream, testStream } = smallBenchmark();
    const evaluator = new EvaluationPlugin(...metrics(), { loggers: [] });
    const strategy = smallStrategy({ evaluator });
    for (const experience of trainStream) {
      await strategy.train(experience);
      await strategy.eval(testStream);
    }
    const all = evaluator.getAllMetrics();
    assert.deepEqual(all[accuracyOf(0)]![0], [2, 4]);
    assert.deepEqual(all['Loss_MB/train_phase/train_stream/Task000']![0], [0, 1, 2, 3]);
    assert.equal(all[accuracyOf(1)]![1].at(-1), evaluator.getLastMetrics()[accuracyOf(1)]);

    const last = new EvaluationPlugin(...metrics(), { loggers: [], collectAll: false });
    const other = smallStrategy({ evaluator: last });
    await other.train(trainStream);
    await other.eval(testStream);
    assert.deepEqual(last.getAllMetrics(), {});
    assert.deepEqual(last.results.curves, {});
    assert.equal(Object.keys(last.getLastMetrics()).length, 3);
    assert.equal(last.results.accuracyMatrix.test!.length, 2);
  });

  it('gives copies', async () => {
    const strategy = smallStrategy();
    await strategy.train(smallBenchmark().trainStream);
    const { evaluator } = strategy;
    const before = JSON.stringify(evaluator.results);
    evaluator.getAllMetrics()['Loss_Epoch/train_phase/train_stream/Task000']![1].push(7);
    evaluator.results.curves['Loss_Epoch/train_phase/train_stream/Task000']!.y.push(7);
    evaluator.getLastMetrics().more = 7;
    assert.equal(JSON.stringify(evaluator.results), before);
    assert.ok(!('more' in evaluator.getLastMetrics()));
  });

  it('forgets the latest values when asked to, and no more than these', async () => {
    const strategy = smallStrategy();
    await strategy.eval(smallBenchmark().testStream);
    strategy.evaluator.resetLastMetrics();
    assert.deepEqual(strategy.evaluator.getLastMetrics(), {});
    assert.equal(Object.keys(strategy.evaluator.getAllMetrics()).length, 6);
    const trained = await strategy.train(smallBenchmark().trainStream);
    assert.equal(Object.keys(trained).length, 2);
  });

  it('does nothing while it is not active', async () => {
    const notes = new Notes();
    const calls: string[] = [];
    const metric: PluginMetric = { afterTrainingIteration: () => void calls.push('metric') };
    const evaluator = new EvaluationPlugin(metric, accuracyMetrics({ epoch: true }), { loggers: [notes] });
    const strategy = smallStrategy({ evaluator });
    const { trainStream, testStream } = smallBenchmark();
    evaluator.active = false;
    assert.deepEqual(await strategy.train(trainStream), {});
    await strategy.eval(testStream);
    assert.deepEqual([calls, notes.lines, evaluator.results.accuracyMatrix], [[], [], {}]);
    evaluator.active = true;
    await strategy.train(trainStream);
    assert.equal(calls.length, 4);
    assert.equal(notes.lines.length, 4);
    assert.ok('Top1_Acc_Epoch/train_phase/train_stream/Task000' in evaluator.getLastMetrics());
  });

  it('does not listen inside the iteration for metrics of epochs, experiences and streams, nor for any logger', () =>
    withTempFolder(async (folder) => {
      const ofEvaluation = { experience: true, stream: true };
      const levels = { epoch: true, ...ofEvaluation };
      const evaluator = new EvaluationPlugin(
        [accuracyMetrics({ ...levels, trainedExperience: true }), lossMetrics(levels), timingMetrics(levels)].flat(),
        [forgettingMetrics, bwtMetrics, forwardTransferMetrics].flatMap((helper) => helper(ofEvaluation)),
        { loggers: [new TextLogger(), new InteractiveLogger(), new CSVLogger(folder), new TensorboardLogger(folder)] },
      );
      const inherited = hookNames.filter((name) => evaluator[name] === EvaluationPlugin.prototype[name]);
      const inside = hookNames.filter((name) => /Iteration|Forward|Backward|Update/.test(name));
      assert.deepEqual(
        inside.filter((name) => !inherited.includes(name)),
        [],
      );
      const minibatch = new EvaluationPlugin(lossMetrics({ minibatch: true }), { loggers: [] });
      assert.notEqual(minibatch.afterTrainingIteration, EvaluationPlugin.prototype.afterTrainingIteration);
    }));

  it('forwards progress to the loggers that show it', async () => {
    const seen: unknown[] = [];
    const logger: Logger = { logMetrics: () => {}, onProgress: (_strategy, progress) => void seen.push(progress) };
    const evaluator = new EvaluationPlugin({ loggers: [new Notes(), logger] });
    const strategy = smallStrategy({ evaluator });
    await evaluator.onProgress(strategy, { phase: 'eval', done: 1, total: 2 } as PassProgress);
    evaluator.active = false;
    await evaluator.onProgress(strategy, { phase: 'eval', done: 2, total: 2 } as PassProgress);
    assert.deepEqual(seen, [{ phase: 'eval', done: 1, total: 2 }]);
  });

  it('with strictChecks refuses a part of a stream, but for one experience', async () => {
    const evaluator = new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [], strictChecks: true });
    const strategy = smallStrategy({ evaluator });
    const { testStream } = benchmarkFromDatasets({ test: [0, 1, 2].map((i) => smallDataset(4, [0, 1], i)) });
    await strategy.eval(testStream);
    await strategy.eval(testStream.at(1)!);
    await rejectsWithCode(
      strategy.eval(testStream.slice(0, 2)),
      'ERR_INVALID_ARG_VALUE',
      /^eval: expected the whole stream "test" of 3 experiences, as strictChecks asks for, got 2$/,
    );
    await assertUsable(strategy);
    await smallStrategy().eval(testStream.slice(0, 2));
  });

  it('takes options in last place only, and tells them from metrics', () => {
    const hook: HookName = 'afterEval';
    assert.equal(new EvaluationPlugin({ strictChecks: true }).strictChecks, true);
    assert.equal(new EvaluationPlugin({}).collectAll, true);
    assert.equal(new EvaluationPlugin(accuracyMetrics(), undefined).collectAll, true);
    const metric = { [hook]: () => [], collectAll: false };
    assert.equal(new EvaluationPlugin(metric).collectAll, true);
    const refused: [unknown[], 'ERR_INVALID_ARG_TYPE' | 'ERR_UNKNOWN_OPTION', RegExp][] = [
      [[{ loggers: [] }, metric], 'ERR_INVALID_ARG_TYPE', /expected metrics, objects with hooks, got an object at index 0$/],
      [[class { afterEval() {} }], 'ERR_INVALID_ARG_TYPE', /got a function at index 0$/],
      [[new Map()], 'ERR_INVALID_ARG_TYPE', /got a Map at index 0$/],
      [[null], 'ERR_INVALID_ARG_TYPE', /got null at index 0$/],
      [[metric, { logger: [] }], 'ERR_UNKNOWN_OPTION', /unknown option "logger"; expected among loggers, collectAll, strictChecks$/],
      [[{ afterEvalEpx() {} }], 'ERR_UNKNOWN_OPTION', /unknown option "afterEvalEpx"/],
      [[{ loggers: new Notes() }], 'ERR_INVALID_ARG_TYPE', /expected loggers to be an array of loggers, got a Notes$/],
      [[{ loggers: [{}] }], 'ERR_INVALID_ARG_TYPE', /expected loggers\.0 to be a logger, got an object$/],
      [[{ collectAll: 1 }], 'ERR_INVALID_ARG_TYPE', /expected collectAll to be true or false, got 1$/],
    ];
    for (const [given, code, message] of refused) {
      throwsWithCode(() => new EvaluationPlugin(...(given as [])), code, new RegExp(`^EvaluationPlugin: .*${message.source}`));
    }
    const evaluator = new EvaluationPlugin({});
    throwsWithCode(() => (evaluator.active = 0 as never), 'ERR_INVALID_ARG_TYPE', /^EvaluationPlugin: expected active to be true/);
    assert.equal(evaluator.active, true);
  });

  for (const [what, answer, received] of [
    ['a number', 3, '3'],
    ['one value without an array', { name: 'a', value: 1 }, 'an object'],
    ['a value without a name', [{ value: 1 }], 'an object'],
    ['a value that is a text', [{ name: 'a', value: '1' }], 'an object'],
  ] as [string, unknown, string][]) {
    it(`refuses a metric that answers ${what}`, async () => {
      const metric = { answers: true, afterTrainingExp: () => (metric.answers ? (answer as MetricValue[]) : []) };
      const strategy = smallStrategy({ evaluator: new EvaluationPlugin(metric, { loggers: [] }) });
      await rejectsWithCode(
        strategy.train(smallBenchmark().trainStream),
        'ERR_INVALID_ARG_TYPE',
        new RegExp(`expected afterTrainingExp of a plugin to answer an array of .*, got ${received}$`),
      );
      metric.answers = false;
      await assertUsable(strategy);
    });
  }

  it('reports a metric or a logger that throws, and can be used again', async () => {
    let fails = true;
    const fail = () => {
      if (fails) throw new Error('no');
    };
    for (const evaluator of [
      new EvaluationPlugin({ afterEval: fail }, { loggers: [] }),
      new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [{ logMetrics: fail }] }),
    ]) {
      fails = true;
      const strategy = smallStrategy({ evaluator });
      const call = strategy.eval(smallBenchmark().testStream);
      await rejectsWithCode(call, 'ERR_HOOK', /^afterEval of EvaluationPlugin failed: no$/);
      fails = false;
      await assertUsable(strategy);
    }
  });

  it('warns once that nothing is logged, and not where that was said', async function () {
    this.timeout(processTestTimeout);
    const { code, stderr } = await runProgram('test/process/programs/unlogged.ts');
    assert.equal(code, 0);
    assert.equal(stderr.match(/ContinualTorchWarning: An evaluator without loggers was made/g)?.length, 1);
    const silent = await runProgram('test/process/programs/unlogged.ts', ['silent']);
    assert.deepEqual([silent.code, silent.stderr], [0, '']);
  });
});

describe('results', () => {
  it('are the accuracy matrix of each stream, the accuracies before training, their averages, and every curve', async () => {
    const strategy = smallStrategy({ evalEvery: 0 });
    const { trainStream, testStream, streams } = smallBenchmark();
    const valid = streams.get('valid')!;
    const rows: number[][] = [];
    const seen: number[][] = [];
    for (const experience of trainStream) {
      const initial = await strategy.train(experience, { evalStreams: [testStream, valid.at(1)!] });
      seen.push([0, 1].map((i) => initial[accuracyOf(i)] as number));
      const metrics = await strategy.eval(testStream);
      rows.push([0, 1].map((i) => metrics[accuracyOf(i)] as number));
    }
    const { evaluator } = strategy;
    const { results } = evaluator;
    assert.deepEqual(results.accuracyMatrix.test, rows);
    assert.deepEqual(rows, seen);
    assert.equal(results.averageAccuracy.test, (rows[1]![0]! + rows[1]![1]!) / 2);
    assert.equal(results.averageForgetting.test, rows[0]![0]! - rows[1]![0]!);
    const [before] = evaluator.getAllMetrics()[accuracyOf(0)]![1] as number[];
    assert.equal(results.initialAccuracy.test![0], before);
    // Of the stream "valid" only experience 1 was ever evaluated.
    assert.deepEqual(results.accuracyMatrix.valid!.map(([first]) => first), [null, null]);
    assert.equal(results.initialAccuracy.valid![0], null);
    assert.equal(results.averageAccuracy.valid, results.accuracyMatrix.valid![1]![1]);
    assert.deepEqual(results.curves[accuracyOf(0)]!.x, [0, 2, 2, 2, 4, 4]);
  });

  it('have a row of nulls for an experience that nothing was evaluated after', async () => {
    const strategy = smallStrategy();
    const { trainStream, testStream } = smallBenchmark();
    await strategy.train(trainStream);
    await strategy.eval(testStream.at(0)!);
    const { test } = strategy.evaluator.results.accuracyMatrix;
    assert.deepEqual(test![0], [null, null]);
    assert.equal(typeof test![1]![0], 'number');
    assert.equal(test![1]![1], null);
  });

  it('are plain JSON, tensors as nested arrays', async () => {
    const evaluator = new EvaluationPlugin(
      confusionMatrixMetrics({ stream: true }),
      { afterEval: () => [{ name: 'scalar', value: tensor(2.5) }, { name: 'empty', value: tensor([]) }] },
      { loggers: [] },
    );
    const strategy = smallStrategy({ evaluator });
    await strategy.eval(smallBenchmark().testStream);
    const parsed = JSON.parse(JSON.stringify(evaluator.results)) as Record<string, any>;
    const name = 'ConfusionMatrix_Stream/eval_phase/test_stream';
    assert.deepEqual(Object.keys(parsed), [
      'accuracyMatrix',
      'initialAccuracy',
      'averageAccuracy',
      'averageForgetting',
      'curves',
    ]);
    assert.deepEqual(parsed.curves.scalar, { x: [0], y: [2.5] });
    assert.deepEqual(parsed.curves.empty, { x: [0], y: [[]] });
    const [matrix] = parsed.curves[name].y as number[][][];
    assert.equal(matrix!.length, 4);
    assert.deepEqual(matrix!.map((row) => row.reduce((sum, count) => sum + count, 0)), [2, 2, 2, 2]);
    assert.ok(evaluator.results.curves[name]!.y[0] instanceof Tensor);
    assert.deepEqual(parsed.accuracyMatrix, {});
    assert.equal(parsed.initialAccuracy.test.length, 2);
  });

  it('are empty for an evaluator without metrics', async () => {
    const strategy = smallStrategy({ evaluator: new EvaluationPlugin({ loggers: [] }) });
    const { trainStream, testStream } = smallBenchmark();
    await strategy.train(trainStream);
    await strategy.eval(testStream);
    assert.equal(
      JSON.stringify(strategy.evaluator.results),
      '{"accuracyMatrix":{},"initialAccuracy":{},"averageAccuracy":{},"averageForgetting":{},"curves":{}}',
    );
  });
});
