import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  EarlyStoppingPlugin,
  type EarlyStoppingPluginOptions,
  EvaluationPlugin,
  models,
  Naive,
  nn,
  optim,
  type Plugin,
  type PluginMetric,
  type Strategy,
  type SupervisedTemplate,
  tensor,
} from '../../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../../support/assertions';
import { recordedCases, type RecordedRun, replay, warningsOf } from '../../support/recorded-plugins';
import { numbersOf, smallBenchmark, smallModel } from '../../support/small-runs';

interface RecordedStop extends RecordedRun {
  patience: number;
  valStreamName: string;
  plugin: Partial<EarlyStoppingPluginOptions>;
  experiences: { epochs: number; iterations: number; bestVal: number | null; bestStep: number | null }[];
}

const required = { patience: 1, valStreamName: 'test_stream' };

/** A run whose metric has these values, one for each epoch; the first is there before the first epoch. */
async function withValues(
  values: number[],
  options: Partial<EarlyStoppingPluginOptions>,
  { plugins = [], model = smallModel() }: { plugins?: Plugin[]; model?: nn.Module } = {},
) {
  let next = 0;
  const metric = (): ReturnType<NonNullable<PluginMetric['afterTrainingEpoch']>> => [
    { name: 'Score/eval_phase/test_stream/Task000', value: values[next++] ?? 0 },
  ];
  const stopping = new EarlyStoppingPlugin({ ...required, metricName: 'Score', ...options });
  const strategy = new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 8,
    trainEpochs: values.length - 1,
    evaluator: new EvaluationPlugin({ beforeTrainingExp: metric, afterTrainingEpoch: metric }),
    plugins: [stopping, ...plugins],
  });
  await strategy.train(smallBenchmark().trainStream.at(0)!);
  return { stopping, strategy };
}

describe('EarlyStoppingPlugin', () => {
  describe('equals the reference', () => {
    const cases = recordedCases<RecordedStop>('stop');

    it('in 10 recorded runs', () => assert.equal(cases.size, 10));

    for (const [name, run] of cases) {
      it(`${name}: epochs and iterations, best values, parameters`, async () => {
        const { patience, valStreamName, plugin } = run;
        const stopping = new EarlyStoppingPlugin({ patience, valStreamName, ...plugin });
        const warnings = await warningsOf(() =>
          replay(name, run, () => stopping, {
            after: (experience) => {
              const { bestVal, bestStep } = run.experiences[experience]!;
              assert.equal(stopping.bestStep, bestStep);
              if (bestVal === null) assert.equal(stopping.bestVal, null);
              else assert.ok(Math.abs(stopping.bestVal! - bestVal) < 1e-5, `${stopping.bestVal} is not ${bestVal}`);
            },
          }),
        );
        // Once an experience, where there is no such metric.
        assert.equal(warnings.length, name === 'stop.no-such-metric' ? 3 : 0);
        for (const warning of warnings)
          assert.match(warning, /^EarlyStoppingPlugin: the metric Top1_Acc_Stream of valid_stream is not computed yet/);
      });
    }
  });

  it('stops when the best value is `patience` epochs old, with the state that the model had then', async () => {
    const states: Record<string, number[]>[] = [];
    const log: Plugin = { beforeTrainingEpoch: (strategy) => void states.push(numbersOf(strategy.model.stateDict())) };
    // The log comes behind: its last entry, of the epoch that does not come, is the state that was put back.
    const { stopping, strategy } = await withValues([1, 2, 3, 3, 2, 9], { patience: 2 }, { plugins: [log] });
    assert.deepEqual([stopping.bestVal, stopping.bestStep, strategy.clock.trainExpEpochs], [3, 2, 4]);
    assert.equal(states.length, 5);
    assert.notDeepEqual(states[3], states[2]);
    assert.deepEqual(states[4], states[2]);
    assert.deepEqual(numbersOf(strategy.model.stateDict()), states[2]);
    assert.deepEqual(numbersOf(stopping.bestState!), states[2]);
  });

  it('keeps the last state where it does not stop', async () => {
    const { stopping, strategy } = await withValues([5, 1, 1], { patience: 2 });
    assert.equal(strategy.clock.trainExpEpochs, 2);
    assert.notDeepEqual(numbersOf(strategy.model.stateDict()), numbersOf(stopping.bestState!));
  });

  it('puts state back in place, and training can go on', async () => {
    const model = smallModel();
    const before = model.parameters();
    const { strategy } = await withValues([5, 1, 1], {}, { model });
    model.parameters().forEach((p, i) => assert.ok(p.isSame(before[i]!) && p.requiresGrad));
    const stopped = numbersOf(model.stateDict());
    strategy.plugins.shift();
    await strategy.train(smallBenchmark().trainStream.at(1)!);
    assert.notDeepEqual(numbersOf(model.stateDict()), stopped);
  });

  for (const [what, values, options, epochs, best] of [
    ['min: small is better', [3, 2, 1, 1, 1], { mode: 'min' }, 3, 1],
    ['margin: as much is enough', [1, 1.5, 2, 2.25, 9], { margin: 0.5 }, 3, 2],
    ['margin, min', [2, 1.5, 1, 0.75, 0], { margin: 0.5, mode: 'min' }, 3, 1],
    ['a value that is as good is not better', [1, 1, 2], {}, 1, 1],
    ['NaN is not better', [1, NaN, 2], {}, 1, 1],
  ] as const) {
    it(what, async () => {
      const { stopping, strategy } = await withValues([...values], options);
      assert.deepEqual([strategy.clock.trainExpEpochs, stopping.bestVal], [epochs, best]);
    });
  }

  it('begins anew with each experience', async () => {
    const { stopping, strategy } = await withValues([5, 1, 1, 4, 2, 2], {});
    await strategy.train(smallBenchmark().trainStream.at(1)!);
    // The third and fourth value: before the experience and after its first epoch.
    assert.deepEqual([stopping.bestVal, strategy.clock.trainExpEpochs], [4, 2]);
  });

  it('takes the value that came last where a metric has several names', async () => {
    const score = (task: number, value: number) => ({ name: `Score/eval_phase/test_stream/Task00${task}`, value });
    const both: PluginMetric = {
      beforeTrainingExp: () => [score(1, 7), score(0, 3)],
      afterTrainingEpoch: () => [score(1, 8)],
    };
    const model = smallModel();
    const stopping = new EarlyStoppingPlugin({ ...required, metricName: 'Score' });
    const optimizer = new optim.SGD(model.parameters());
    const strategy = new Naive({
      model,
      optimizer,
      trainEpochs: 4,
      evaluator: new EvaluationPlugin(both),
      plugins: [stopping],
    });
    await strategy.train(smallBenchmark().trainStream.at(0)!);
    assert.deepEqual([stopping.bestVal, strategy.clock.trainExpEpochs], [8, 2]);
  });

  /** Trains for 4 epochs with these values, first before, then after each epoch; the epochs that there were, and the best. */
  async function withMetrics(options: Partial<EarlyStoppingPluginOptions>, ...values: Record<string, number>[]) {
    let next = 0;
    const metric = () => Object.entries(values[next++]!).map(([name, value]) => ({ name, value }));
    const model = smallModel();
    const stopping = new EarlyStoppingPlugin({ ...required, metricName: 'Score', ...options });
    const strategy = new Naive({
      model,
      optimizer: new optim.SGD(model.parameters()),
      trainEpochs: values.length - 1,
      evaluator: new EvaluationPlugin({ beforeTrainingExp: metric, afterTrainingEpoch: metric }, { loggers: [] }),
      plugins: [stopping],
    });
    const warnings = await warningsOf(() => strategy.train(smallBenchmark().trainStream[0]!));
    return { epochs: strategy.clock.trainExpEpochs, best: stopping.bestVal, warnings };
  }

  for (const [what, options, others] of [
    ['no metric of which its name is only the beginning', {}, ['Scores/eval_phase/test_stream', 'Score/x/eval_phase/test_stream']],
    ['no stream of which its name is only the beginning', {}, ['Score/eval_phase/test_stream_2_stream']],
    ['no metric of training', {}, ['Score/train_phase/test_stream/Task000']],
    ['the stream by its own name', { valStreamName: 'test' }, ['Score/eval_phase/tests_stream']],
    ['a whole name, of one experience', { metricName: 'Score/eval_phase/test_stream/Task000' }, ['Score/eval_phase/test_stream/Task001']],
  ] as [string, Partial<EarlyStoppingPluginOptions>, string[]][]) {
    it(`knows names exactly: ${what}`, async () => {
      const name = 'Score/eval_phase/test_stream/Task000';
      const misleading = Object.fromEntries(others.map((other) => [other, 100]));
      const { epochs, best } = await withMetrics(options, ...[1, 2, 2, 9].map((value) => ({ [name]: value, ...misleading })));
      assert.deepEqual([epochs, best], [2, 2]);
    });
  }

  it('takes a metric of any name where it is given whole', async () => {
    const { epochs } = await withMetrics({ metricName: 'mine' }, { mine: 1 }, { mine: 1 }, { mine: 1 });
    assert.equal(epochs, 1);
  });

  it('a first NaN is no best value, and is said', async () => {
    const name = 'Score/eval_phase/test_stream';
    const { epochs, best, warnings } = await withMetrics({}, ...[NaN, NaN, 2, 3, NaN, 9].map((value) => ({ [name]: value })));
    assert.deepEqual([epochs, best], [4, 3]);
    assert.deepEqual(warnings, [
      `EarlyStoppingPlugin: ${name} is NaN before epoch 0: there is no best value yet to go back to.`,
    ]);
  });

  it('takes no value of before the training', async () => {
    const name = 'Score/eval_phase/test_stream';
    const model = smallModel();
    const strategy = new Naive({
      model,
      optimizer: new optim.SGD(model.parameters()),
      trainEpochs: 4,
      evaluator: new EvaluationPlugin({ afterEval: () => [{ name, value: 1 }] }, { loggers: [] }),
      plugins: [new EarlyStoppingPlugin({ ...required, metricName: 'Score' })],
    });
    const { trainStream, testStream } = smallBenchmark();
    await strategy.eval(testStream);
    const warnings = await warningsOf(() => strategy.train(trainStream[0]!));
    assert.equal(strategy.clock.trainExpEpochs, 4);
    assert.match(warnings.join(), /^EarlyStoppingPlugin: the metric Score of test_stream is not computed yet: .* \(it has Score\/eval_phase\/test_stream\)\.$/);
  });

  it('says on stderr when it stops, and why', async () => {
    const lines: unknown[] = [];
    const { error } = console;
    console.error = (line: unknown) => void lines.push(line);
    try {
      await withValues([1, 3, 1, 1, 9], { patience: 2 });
      await withValues([1, 2, 3], {});
    } finally {
      console.error = error;
    }
    assert.deepEqual(lines, [
      'EarlyStopping: training on experience 0 of train ends before epoch 3: Score/eval_phase/test_stream/Task000 has not been ' +
        'better than 3 (before epoch 1) for 2 epochs; the model has its state of then again',
    ]);
  });

  it('takes a metric whose values are tensors of one number', async () => {
    const values = [1, 2, 3, 2, 2];
    const metric = () => [{ name: 'Score/eval_phase/test_stream', value: tensor(values.shift()!) }];
    const model = smallModel();
    const stopping = new EarlyStoppingPlugin({ ...required, metricName: 'Score' });
    const strategy = new Naive({
      model,
      optimizer: new optim.SGD(model.parameters()),
      trainEpochs: 4,
      evaluator: new EvaluationPlugin({ beforeTrainingExp: metric, afterTrainingEpoch: metric }, { loggers: [] }),
      plugins: [stopping],
    });
    await strategy.train(smallBenchmark().trainStream.at(0)!);
    assert.deepEqual([stopping.bestVal, stopping.bestStep, strategy.clock.trainExpEpochs], [3, 2, 3]);
  });

  it('prints better values where it is verbose, not the first', async () => {
    const lines: unknown[] = [];
    const { log } = console;
    console.log = (line: unknown) => void lines.push(line);
    try {
      await withValues([1, 2, 1, 1], { verbose: true });
      await withValues([1, 2, 1, 1], {});
    } finally {
      console.log = log;
    }
    assert.deepEqual(lines, ['EarlyStopping: new best value: 2']);
  });

  it('puts back the part of a grown parameter that there was, and leaves what is new', async () => {
    const model = new nn.Sequential(new nn.Linear(4, 3), new models.IncrementalClassifier(3, { masking: false }));
    const { testStream } = smallBenchmark();
    const evaluations: Plugin = {
      afterTrainingEpoch: async (strategy: SupervisedTemplate) => {
        // Classes 2 and 3: the head grows from two units to four.
        if (strategy.clock.trainExpEpochs === 1) await strategy.eval(testStream.at(1)!);
      },
    };
    let grown: number[] = [];
    const look: Plugin = {
      beforeTrainingEpoch: (strategy) => {
        if (strategy.clock.trainExpEpochs === 2) grown = head(strategy).toNumbers().slice(6);
      },
    };
    const head = (strategy: Strategy) => strategy.model.namedParameters().get('1.classifier.weight')!;
    const warnings = await warningsOf(async () => {
      const { stopping, strategy } = await withValues([5, 6, 1, 1], {}, { model, plugins: [evaluations, look] });
      assert.deepEqual([stopping.bestStep, strategy.clock.trainExpEpochs], [1, 2]);
      assert.deepEqual(stopping.bestState!.get('1.classifier.weight')!.shape, [2, 3]);
      const restored = head(strategy);
      assert.deepEqual(restored.shape, [4, 3]);
      assert.deepEqual(restored.toNumbers().slice(0, 6), stopping.bestState!.get('1.classifier.weight')!.toNumbers());
      assert.deepEqual(restored.toNumbers().slice(6), grown);
      assertTensorEqual(strategy.model.parameters()[0]!, stopping.bestState!.get('0.weight')!);
    });
    assert.equal(warnings.length, 1);
  });

  it('listens inside the iteration only where it counts iterations', () => {
    assert.equal(Object.hasOwn(new EarlyStoppingPlugin(required), 'beforeTrainingIteration'), false);
    assert.equal(
      Object.hasOwn(new EarlyStoppingPlugin({ ...required, pevalMode: 'iteration' }), 'beforeTrainingIteration'),
      true,
    );
  });

  it('misuse: options', () => {
    const make = (options: object) => () => new EarlyStoppingPlugin({ ...required, ...options });
    throwsWithCode(
      make({ patients: 1 }),
      'ERR_UNKNOWN_OPTION',
      /^EarlyStoppingPlugin: unknown option "patients"; expected among patience, valStreamName, /,
    );
    for (const patience of [0, -1, 1.5, NaN]) {
      throwsWithCode(
        make({ patience }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`expected patience to be a positive integer, got ${patience}$`),
      );
    }
    throwsWithCode(
      make({ patience: '1' }),
      'ERR_INVALID_ARG_TYPE',
      /expected patience to be a positive integer, got "1"$/,
    );
    throwsWithCode(
      () => new EarlyStoppingPlugin({ patience: 1 } as never),
      'ERR_INVALID_ARG_TYPE',
      /expected valStreamName to be .*, got undefined$/,
    );
    throwsWithCode(
      () => new EarlyStoppingPlugin(undefined as never),
      'ERR_INVALID_ARG_TYPE',
      /expected patience to be .*, got undefined$/,
    );
    throwsWithCode(
      make({ valStreamName: '' }),
      'ERR_INVALID_ARG_VALUE',
      /expected valStreamName to be a name, got ""$/,
    );
    throwsWithCode(
      make({ mode: 'largest' }),
      'ERR_INVALID_ARG_VALUE',
      /expected mode to be "max" or "min", got "largest"$/,
    );
    throwsWithCode(
      make({ pevalMode: 'experience' }),
      'ERR_INVALID_ARG_VALUE',
      /expected pevalMode to be "epoch" or "iteration", got "experience"$/,
    );
    for (const margin of [-1, NaN])
      throwsWithCode(make({ margin }), 'ERR_INVALID_ARG_VALUE', /expected margin to be a number of at least 0, got /);
    throwsWithCode(make({ verbose: 1 }), 'ERR_INVALID_ARG_TYPE', /expected verbose to be true or false, got 1$/);
  });
});
