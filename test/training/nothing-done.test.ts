// What trains, evaluates or steps nothing says so, once, in the words of the user's program.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  DataLoader,
  EvaluationPlugin,
  lossMetrics,
  LRSchedulerPlugin,
  nn,
  optim,
  PeriodicEval,
  type SupervisedTemplateOptions,
  TensorDataset,
  type TrainOptions,
} from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { device } from '../support/device';
import { warningsOf } from '../support/recorded-plugins';
import { smallBenchmark, smallDataset, smallModel } from '../support/small-runs';
import { assertUsable, smallStrategy } from '../support/survival';

const { trainStream, testStream } = smallBenchmark();
const empty = benchmarkFromDatasets({ none: [] }).noneStream;

describe('nothing done is said', () => {
  it('a generator object as a loader: refused where it would be iterated a second time', async () => {
    async function* once(data: TensorDataset) {
      yield* new DataLoader(data, { batchSize: 4 });
    }
    let anew = false;
    const strategy = smallStrategy({
      trainEpochs: 2,
      plugins: [
        {
          beforeTrainingExp: (s) => void (s.dataloader = once(s.adaptedDataset as TensorDataset)),
          beforeTrainingEpoch: (s) => void (anew && (s.dataloader = once(s.adaptedDataset as TensorDataset))),
        },
      ],
    });
    await rejectsWithCode(
      strategy.train(trainStream[0]!),
      'ERR_DATA_SOURCE',
      /^dataloader: expected something that each epoch can iterate anew, got a generator object that has been iterated before; give /,
    );
    anew = true;
    await assertUsable(strategy);
  });

  const loaders: [string, () => Iterable<never>, RegExp][] = [
    ['an empty loader', () => [], /^train: the dataloader gave no mini-batch in epoch 0 for experience 0 of stream "train": nothing is trained\.$/],
  ];
  for (const [what, make, message] of loaders) {
    it(`${what}: once for each experience`, async () => {
      const strategy = smallStrategy({
        trainEpochs: 3,
        plugins: [{ beforeTrainingExp: (s) => void (s.dataloader = make() as never) }],
      });
      const warnings = await warningsOf(() => strategy.train(trainStream));
      assert.equal(warnings.length, 2);
      assert.match(warnings[0]!, message);
    });
  }

  it('an evaluation without mini-batches', async () => {
    const strategy = smallStrategy({ plugins: [{ beforeEvalExp: (s) => void (s.dataloader = [] as never) }] });
    assert.deepEqual(await warningsOf(() => strategy.eval(testStream[1]!)), [
      'eval: the dataloader gave no mini-batch for experience 1 of stream "test": nothing is measured.',
    ]);
  });

  it('dropLast with fewer samples than a mini-batch', async () => {
    const few = benchmarkFromDatasets({ train: [smallDataset(3, [0, 1]), smallDataset(4, [0, 1])] });
    const strategy = smallStrategy({ trainEpochs: 2 });
    assert.deepEqual(await warningsOf(() => strategy.train(few.trainStream, { dropLast: true })), [
      'train: experience 0 of stream "train" has 3 samples, too few for a mini-batch of 4, and dropLast leaves them out: ' +
        'nothing is trained.',
    ]);
    assert.equal(strategy.clock.trainIterations, 2);
  });

  it('no experience at all', async () => {
    const strategy = smallStrategy();
    assert.deepEqual(await warningsOf(() => strategy.train(empty)), ['train: got no experience: nothing is trained.']);
    assert.deepEqual(await warningsOf(() => strategy.eval([])), ['eval: got no experience: nothing is measured.']);
  });

  const evaluations: [string, Partial<SupervisedTemplateOptions>, TrainOptions, RegExp | null][] = [
    ['evalStreams without evalEvery', {}, { evalStreams: [testStream] }, /^train: evalStreams are given, but .* without evalEvery \(/],
    ['evalStreams without evalEvery, a stream itself', {}, { evalStreams: testStream }, /without evalEvery/],
    ['evalStreams with evalEvery', { evalEvery: 0 }, { evalStreams: [testStream] }, null],
    ['evalStreams with a PeriodicEval of their own', { plugins: [new PeriodicEval(0)] }, { evalStreams: [testStream] }, null],
    ['streams without experiences', { evalEvery: 1 }, { evalStreams: [empty] }, /^train: evalStreams hold no experience: nothing is evaluated/],
    ['no evalStreams, said by []', { evalEvery: 1 }, { evalStreams: [] }, null],
    ['no evalStreams', {}, {}, null],
  ];
  for (const [what, options, trainOptions, message] of evaluations) {
    it(`${what}: ${message ? 'a warning, once' : 'none'}`, async () => {
      const strategy = smallStrategy(options);
      const warnings = await warningsOf(async () => {
        await strategy.train(trainStream[0]!, trainOptions);
        await strategy.train(trainStream[1]!, trainOptions);
      });
      assert.equal(warnings.length, message ? 1 : 0, warnings.join());
      if (message) assert.match(warnings[0]!, message);
    });
  }

  it('a scheduler that waits for evaluations which never come', async () => {
    for (const [options, given, count] of [[{}, {}, 1], [{ evalEvery: 1 }, {}, 0], [{ evalEvery: 1 }, { evalStreams: [] }, 1]] as const) { // prettier-ignore
      const model = smallModel();
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const scheduling = new LRSchedulerPlugin(new optim.ReduceLROnPlateau(optimizer), { metric: 'val_loss' });
      const strategy = smallStrategy({ model, optimizer, plugins: [scheduling], ...options });
      const warnings = await warningsOf(() => strategy.train(trainStream, { ...given }));
      assert.equal(warnings.length, count, warnings.join());
      if (count) assert.match(warnings[0]!, /^LRSchedulerPlugin: the scheduler steps on "val_loss", and nothing has been evaluated/);
    }
  });

  it('an evaluator whose metrics were asked for no level', async () => {
    const warnings = await warningsOf(() => {
      const evaluator = new EvaluationPlugin(lossMetrics({ stream: true }), accuracyMetrics(), { loggers: [] });
      assert.equal(inspect(evaluator), 'EvaluationPlugin (1 metric, 0 values)');
    });
    assert.deepEqual(warnings, [
      'EvaluationPlugin: got no metric at index 1: helpers like accuracyMetrics measure nothing unless they are asked for a level, ' +
        '{ stream: true } for example.',
    ]);
  });

  it('a scheduler of another optimizer', async () => {
    const other = new optim.SGD(smallModel().parameters(), { lr: 0.1 });
    const strategy = smallStrategy({ plugins: [new LRSchedulerPlugin(new optim.StepLR(other, { stepSize: 1 }))] });
    const warnings = await warningsOf(() => strategy.train(trainStream));
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^LRSchedulerPlugin: the scheduler's optimizer is not the strategy's/);
  });
});

describe('data of the wrong dtype', () => {
  const train = (y: ConstructorParameters<typeof TensorDataset>[1], x: ConstructorParameters<typeof TensorDataset>[0]) => {
    const data = new TensorDataset(x, y);
    return smallStrategy({ model: new nn.Linear(4, 4), optimizer: new optim.SGD(new nn.Linear(4, 4).parameters()) }).train(
      benchmarkFromDatasets({ train: [data] }).trainStream,
    );
  };

  it('bytes without a transform: what to do', () =>
    rejectsWithCode(
      train([0, 1], new Uint8Array(8)),
      'ERR_FORWARD',
      /mini-batch uint8 \[2, 4\].*; the inputs are bytes: give their TensorDataset the transform \{ toFloat: true \}/,
    ));

  it('class labels as floats: what to do', () =>
    rejectsWithCode(
      train(Float32Array.from([0, 1]), new Float32Array(8)),
      'ERR_CRITERION',
      /; the targets are float32: class labels are integers, plain numbers or an Int32Array for example/,
    ));
});

describe('evalStreams', () => {
  it('are one stream, one experience, or several in any form', async () => {
    const counts: number[] = [];
    for (const evalStreams of [testStream, testStream[0]!, [testStream], [...testStream], [[...testStream]], testStream.slice(1)]) {
      const strategy = smallStrategy({ evalEvery: 0, plugins: [{ afterEvalExp: () => void counts.push(1) }] });
      await strategy.train(trainStream[0]!, { evalStreams });
      counts.push(0);
    }
    assert.equal(counts.join(''), '11110' + '110' + '11110'.repeat(3) + '110');
    await rejectsWithCode(
      smallStrategy().train(trainStream, { evalStreams: 'test' as never }),
      'ERR_INVALID_ARG_TYPE',
      /^train: expected evalStreams to be a stream, an experience, or an array of .*, got "test"$/,
    );
  });
});

describe('a strategy', () => {
  it('is short where it is printed', async () => {
    const strategy = smallStrategy({ plugins: [new PeriodicEval()] });
    await strategy.train(trainStream[0]!);
    assert.equal(
      inspect(strategy),
      `SupervisedTemplate (model Sequential, optimizer SGD, device ${device}, trainMbSize 4, trainEpochs 1, evalMbSize 4, ` +
        'plugins PeriodicEval, EvaluationPlugin, PeriodicEval, Clock, 1 experience and 2 iterations trained)',
    );
  });
});
