// Options that are refused, and calls that come while a strategy is at work.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  cuda,
  type ErrorCode,
  type LastMetrics,
  MAS,
  MASPlugin,
  Naive,
  optim,
  type Plugin,
  SupervisedTemplate,
  tensor,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';
import { warningsOf } from '../support/recorded-plugins';
import { features, smallBenchmark, smallModel } from '../support/small-runs';
import { assertUsable, rejectsAndSurvives, smallStrategy } from '../support/survival';

const model = smallModel();
const required = () => ({ model, optimizer: new optim.SGD(model.parameters()) });
const strategies = { SupervisedTemplate, Naive, MAS };
const type = 'ERR_INVALID_ARG_TYPE';
const value = 'ERR_INVALID_ARG_VALUE';

type Case = [given: unknown, code: ErrorCode, came: string];

describe('misuse: options', () => {
  const positiveInteger: Case[] = [
    [0, value, '0'],
    [-4, value, '-4'],
    [1.5, value, '1\\.5'],
    [NaN, value, 'NaN'],
    ['4', type, '"4"'],
    [[4], type, 'an array of 1'],
  ];
  const strategyOptions: Record<string, [expected: string, cases: Case[]]> = {
    trainMbSize: ['a positive integer', positiveInteger],
    evalMbSize: ['a positive integer', positiveInteger],
    trainEpochs: ['a positive integer', positiveInteger],
    evalEvery: [
      'an integer of at least -1',
      [
        [-2, value, '-2'],
        [0.5, value, '0\\.5'],
        ['1', type, '"1"'],
      ],
    ],
    pevalMode: ['"epoch", "iteration" or "experience"', [['step', value, '"step"']]],
    plugins: [
      'an array of plugins',
      [
        [{}, type, 'an object'],
        [3, type, '3'],
      ],
    ],
    device: ['a device name', [[0, type, '0']]],
  };
  for (const [operation, Strategy] of Object.entries(strategies)) {
    for (const [option, [expected, cases]] of Object.entries(strategyOptions)) {
      for (const [given, code, came] of cases) {
        it(`${operation} refuses ${option} ${came.replaceAll('\\', '')}`, () => {
          const message = new RegExp(`^${operation}: expected ${option} to be ${expected}, got ${came}$`);
          throwsWithCode(() => new Strategy({ ...required(), [option]: given }), code, message);
        });
      }
    }

    it(`${operation} refuses a model, an optimizer, a criterion, an evaluator of another kind`, () => {
      for (const [option, given, expected] of [
        ['model', {}, 'a Module'],
        ['optimizer', model, 'an Optimizer'],
        ['criterion', 'CrossEntropyLoss', 'a function'],
        ['evaluator', {}, 'an EvaluationPlugin, a function that makes one, or null'],
        ['onProgress', 3, 'a function'],
      ] as const) {
        const message = new RegExp(`^${operation}: expected ${option} to be ${expected}.*, got `);
        throwsWithCode(() => new Strategy({ ...required(), [option]: given }), type, message);
      }
    });

    it(`${operation} names an option that it does not know`, () => {
      const options = { ...required(), trainMbsize: 4 };
      const message = new RegExp(`^${operation}: unknown option "trainMbsize"; expected among .*trainMbSize`);
      throwsWithCode(() => new Strategy(options), 'ERR_UNKNOWN_OPTION', message);
    });

    it(`${operation} refuses a device that is unknown, and CUDA where there is none`, function () {
      for (const device of ['tpu', 'meta', '', 'cuda:x']) {
        const message = new RegExp(`expected "cpu", "cuda" or "cuda:N", got "${device}"`);
        throwsWithCode(() => new Strategy({ ...required(), device }), 'ERR_DEVICE', message);
      }
      const missing = cuda.isAvailable() ? `cuda:${cuda.deviceCount()}` : 'cuda';
      const message = new RegExp(`expected a device that is there, got "${missing}"`);
      throwsWithCode(() => new Strategy({ ...required(), device: missing }), 'ERR_DEVICE', message);
      throwsWithCode(() => model.to(missing), 'ERR_DEVICE', message);
    });
  }

  const masOptions: Record<string, [expected: string, cases: Case[]]> = {
    lambdaReg: [
      'a number of at least 0',
      [
        [-1, value, '-1'],
        [NaN, value, 'NaN'],
        ['1', type, '"1"'],
        [null, type, 'null'],
      ],
    ],
    alpha: [
      'a number in \\[0, 1\\]( or "classCount")?',
      [
        [-0.1, value, '-0\\.1'],
        [1.1, value, '1\\.1'],
        [NaN, value, 'NaN'],
        ['0', value, '"0"'],
      ],
    ],
    penaltyUpdate: [
      '"gradient" or "proximal"',
      [
        ['adam', value, '"adam"'],
        [true, value, 'true'],
        [null, value, 'null'],
      ],
    ],
    verbose: [
      'true or false',
      [
        [1, type, '1'],
        ['yes', type, '"yes"'],
      ],
    ],
  };
  for (const [option, [expected, cases]] of Object.entries(masOptions)) {
    for (const [given, code, came] of cases) {
      it(`MASPlugin and MAS refuse ${option} ${came.replaceAll('\\', '')}`, () => {
        const message = new RegExp(`^MAS(Plugin)?: expected ${option} to be ${expected}, got ${came}$`);
        throwsWithCode(() => new MASPlugin({ [option]: given }), code, message);
        throwsWithCode(() => new MAS({ ...required(), [option]: given }), code, message);
      });
    }
  }

  it('MASPlugin names an option that it does not know', () => {
    const message = /^MASPlugin: unknown option "lambda"; expected among lambdaReg, preset, alpha, .*, penaltyUpdate, verbose$/;
    throwsWithCode(() => new MASPlugin({ lambda: 1 } as object), 'ERR_UNKNOWN_OPTION', message);
  });

  for (const operation of ['train', 'eval'] as const) {
    it(`${operation} names an option that it does not know, and refuses values of another type`, async () => {
      const strategy = smallStrategy();
      const { trainStream } = smallBenchmark();
      const refused: [object, ErrorCode, RegExp][] = [
        [{ shufle: true }, 'ERR_UNKNOWN_OPTION', /: unknown option "shufle"; expected among .*shuffle/],
        [{ shuffle: 1 }, type, /: expected shuffle to be true or false, got 1$/],
        [{ dropLast: 'no' }, type, /: expected dropLast to be true or false, got "no"$/],
        [{ resetOptimizerState: 0 }, type, /: expected resetOptimizerState to be true or false, got 0$/],
        [{ evalStreams: 3 }, type, /: expected evalStreams to be a stream, an experience, or an array of .*, got 3$/],
      ];
      for (const [options, code, message] of refused) {
        const named = new RegExp(`^${operation}${message.source}`);
        await rejectsAndSurvives(strategy, () => strategy[operation](trainStream, options), code, named);
      }
    });
  }

  it('accepts what lies at the edge', async () => {
    const plugin = new MASPlugin({ lambdaReg: 0, alpha: 0 });
    const strategy = new MAS({
      ...required(),
      lambdaReg: 0,
      alpha: 1,
      evalMbSize: null,
      trainMbSize: 1000,
      evalEvery: -1,
      evaluator: quietEvaluator(),
    });
    assert.deepEqual([plugin.alpha, strategy.evalMbSize], [0, 1000]);
    await strategy.train(smallBenchmark().trainStream);
    assert.equal(strategy.clock.trainIterations, 2);
  });

  it('warns of members of a plugin that look like hooks and are none', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error) => void warnings.push(warning);
    process.on('warning', listen);
    class Misspelt {
      beforeTrainingExp() {}
      beforeTrainExp() {}
      beforehand() {}
    }
    try {
      new SupervisedTemplate({ ...required(), plugins: [new Misspelt()] });
      await nextTurn();
    } finally {
      process.off('warning', listen);
    }
    assert.deepEqual(
      warnings.map(({ name, message }) => [name, message]),
      [['ContinualTorchWarning', 'Misspelt has callbacks that SupervisedTemplate never calls: beforeTrainExp (did you mean beforeTrainingExp?)']],
    );
  });
});

describe('misuse: hooks', () => {
  it('that are no functions, or cannot be read, reject the training with the name of the hook', async () => {
    const { trainStream } = smallBenchmark();
    // Outside of the iteration, and inside, where they become part of its plan.
    for (const hook of ['beforeTraining', 'beforeForward'] as const) {
      const number = smallStrategy({ plugins: [{ [hook]: 3 }] });
      const type = new RegExp(`^plugins: expected ${hook} of a plugin to be a function, got 3$`);
      await rejectsWithCode(number.train(trainStream), 'ERR_INVALID_ARG_TYPE', type);
      const fail = () => {
        throw new Error('no');
      };
      const broken = smallStrategy({ plugins: [Object.defineProperty({}, hook, { get: fail })] });
      const unread = new RegExp(`^${hook} of a plugin cannot be read: no$`);
      const { cause } = await rejectsWithCode(broken.train(trainStream), 'ERR_HOOK', unread);
      assert.equal((cause as Error).message, 'no');
      const empty = smallStrategy({ plugins: [{ [hook]: undefined }, { [hook]: null }] });
      await empty.train(trainStream);
    }
  });

  it('of an object without a prototype are called, reported and compared with the known ones like any other', async () => {
    const plugin = Object.assign(Object.create(null) as Plugin, {
      beforeTrainExp() {},
      beforeTraining() {
        throw new Error('no');
      },
    });
    const warnings = await warningsOf(async () => {
      const strategy = smallStrategy({ plugins: [plugin] });
      await rejectsWithCode(
        strategy.train(smallBenchmark().trainStream),
        'ERR_HOOK',
        /^beforeTraining of a plugin failed: no$/,
      );
    });
    assert.match(warnings.join(), /^a plugin has callbacks that .* beforeTrainExp \(did you mean beforeTrainingExp\?\)$/);
  });
});

describe('misuse: a strategy that is at work', () => {
  const { trainStream, testStream } = smallBenchmark();
  const busy = (operation: string, underWay = 'train') =>
    new RegExp(`^${operation}: expected an idle strategy, got one with a call of ${underWay} under way; await its promise first`);

  for (const [how, plugins] of Object.entries({
    joined: [],
    'with a listener': [{ afterForward: () => nextTurn() }],
  })) {
    it(`refuses train and eval while it trains, which goes on (${how})`, async () => {
      const strategy = smallStrategy({ plugins, trainEpochs: 5 });
      const undisturbed = smallStrategy({ plugins, trainEpochs: 5 });
      const training = strategy.train(trainStream, { shuffle: false });
      await rejectsWithCode(strategy.train(trainStream), 'ERR_BUSY', busy('train'));
      await rejectsWithCode(strategy.eval(testStream), 'ERR_BUSY', busy('eval'));
      await training;
      await undisturbed.train(trainStream, { shuffle: false });
      assert.deepEqual(strategy.clock, undisturbed.clock);
      strategy.model.parameters().forEach((parameter, i) => {
        assert.deepEqual(parameter.toNumbers(), undisturbed.model.parameters()[i]!.toNumbers());
      });
      await assertUsable(strategy);
    });

    it(`refuses train and eval while it evaluates (${how})`, async () => {
      const strategy = smallStrategy({ plugins });
      const evaluation = strategy.eval(testStream);
      await rejectsWithCode(strategy.train(trainStream), 'ERR_BUSY', busy('train', 'eval'));
      await rejectsWithCode(strategy.eval(testStream), 'ERR_BUSY', busy('eval', 'eval'));
      await evaluation;
      await assertUsable(strategy);
    });
  }

  it('refuses train from a hook, and evaluates from one', async () => {
    const metrics: LastMetrics[] = [];
    const plugin: Plugin = {
      afterTrainingEpoch: async (strategy) => {
        await rejectsWithCode(strategy.train(trainStream), 'ERR_BUSY', busy('train'));
        metrics.push(await strategy.eval(testStream));
      },
    };
    const strategy = smallStrategy({ plugins: [plugin] });
    await strategy.train(trainStream.at(0)!);
    assert.ok('Top1_Acc_Stream/eval_phase/test_stream/Task000' in metrics[0]!);
    strategy.plugins.shift();
    await assertUsable(strategy);
  });

  it('refuses forward of its model while a job runs, from outside', async () => {
    const strategy = smallStrategy({ trainEpochs: 20 });
    const input = tensor([new Array<number>(features).fill(1)]);
    const training = strategy.train(trainStream);
    const codes = new Set<unknown>();
    let done = false;
    void training.then(() => (done = true));
    while (!done) {
      await nextTurn();
      try {
        strategy.model.forward(input);
      } catch (error) {
        codes.add((error as { code: unknown }).code);
      }
    }
    await training;
    for (const code of codes) assert.equal(code, 'ERR_BUSY');
    await assertUsable(strategy);
  });

  it('lets two strategies with models of their own train at the same time', async () => {
    const pair = [smallStrategy(), smallStrategy()];
    await Promise.all(pair.map((strategy) => strategy.train(trainStream)));
    for (const strategy of pair) await assertUsable(strategy);
  });
});
