// What training refuses, and that the strategy can be used afterwards.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  benchmarkFromDatasets,
  type Benchmark,
  type Hook,
  type HookName,
  hookNames,
  Naive,
  nn,
  type Plugin,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';
import { classes, features, smallBenchmark, smallDataset } from '../support/small-runs';
import { assertUsable, rejectsAndSurvives, smallStrategy } from '../support/survival';

const samples = 8;
const good = smallDataset(samples, [0, 1]);
const labels = (values: number[], dtype: 'int64' | 'int32' | 'float32' = 'int64') =>
  new TensorDataset(good.x, tensor(values, { dtype }));
const inputs = (shape: number[], dtype: 'float32' | 'float64' | 'int64' = 'float32') => {
  const numel = shape.reduce((product, size) => product * size, 1);
  return new TensorDataset(tensor(new Array<number>(numel).fill(1), { shape, dtype }), good.y);
};
/** A good experience, and then this one. */
const followedBy = (dataset: TensorDataset): Benchmark => benchmarkFromDatasets({ train: [good, dataset] });
/** A listener inside the iteration, so that iterations are not joined. */
const listening: Plugin = { beforeForward: () => {} };

describe('misuse: criterion', () => {
  for (const [what, criterion] of Object.entries({
    'a loss for each sample': new nn.CrossEntropyLoss({ reduction: 'none' }),
    'a loss of no element': () => tensor([]),
  })) {
    it(`refuses ${what} before the first update, and says how it becomes one`, async () => {
      const strategy = smallStrategy({ criterion, trainMbSize: 4 });
      const { trainStream } = benchmarkFromDatasets({ train: [good] });
      const before = strategy.model.parameters().map((parameter) => parameter.toArray());
      const message = /^criterion: expected the loss of a mini-batch, one number, got \[[40]\]: .*reduction.*mean\(\)/;
      await rejectsWithCode(strategy.train(trainStream), 'ERR_CRITERION', message);
      await rejectsWithCode(strategy.eval(trainStream), 'ERR_CRITERION', message);
      assert.deepEqual(strategy.model.parameters().map((parameter) => parameter.toArray()), before);
    });
  }
});

describe('misuse: data', () => {
  it('refuses inputs and targets of different length', () => {
    const message = /^TensorDataset: expected as many targets as inputs, got x of shape \[2, 1\] and y of shape \[3\]$/;
    throwsWithCode(() => new TensorDataset(tensor([[1], [2]]), tensor([0, 1, 2])), 'ERR_LENGTH_MISMATCH', message);
  });

  // The bad sample is in the second mini-batch of the second experience.
  const bad: Record<string, [TensorDataset, Parameters<typeof rejectsWithCode>[1], RegExp]> = {
    'a negative label': [
      labels([0, 1, 0, 1, 0, -1, 0, 1]),
      'ERR_LABEL_RANGE',
      /^CrossEntropyLoss: expected labels in \[0, 4\).*got -1$/,
    ],
    'a label beyond the outputs': [
      labels([0, 1, 0, 1, 0, 4, 0, 1]),
      'ERR_LABEL_RANGE',
      /labels in \[0, 4\).*\[4, 4\], got 4$/,
    ],
    'inputs of another width': [inputs([samples, features - 1]), 'ERR_FORWARD', /^forward: .*mini-batch \w+ \[4, 3\]/],
    'inputs of no width': [inputs([samples, 0]), 'ERR_FORWARD', /^forward: .*mini-batch \w+ \[4, 0\]/],
    'inputs of type float64': [inputs([samples, features], 'float64'), 'ERR_FORWARD', /^forward: .*\[4, 4\]/],
    'inputs of type int64': [inputs([samples, features], 'int64'), 'ERR_FORWARD', /^forward: .*\[4, 4\]/],
    'targets of type int32': [
      labels([0, 1, 0, 1, 0, 1, 0, 1], 'int32'),
      'ERR_CRITERION',
      /^criterion: .*output .*\[4, 4\] and target .*\[4\]/,
    ],
    'targets of type float32': [
      labels([0, 1, 0, 1, 0, 1, 0, 1], 'float32'),
      'ERR_CRITERION',
      /^criterion: .*target .*\[4\]/,
    ],
    'targets of another shape': [
      new TensorDataset(
        good.x,
        tensor(new Array<number>(2 * samples).fill(0), { shape: [samples, 2], dtype: 'int64' }),
      ),
      'ERR_CRITERION',
      /^criterion: .*target .*\[4, 2\]/,
    ],
  };
  for (const [what, [dataset, code, message]] of Object.entries(bad)) {
    for (const [how, plugins] of Object.entries({ joined: [], 'with a listener': [listening] })) {
      it(`refuses ${what} in the middle of a stream (${how})`, async () => {
        const strategy = smallStrategy({ plugins });
        const { trainStream } = followedBy(dataset);
        await rejectsAndSurvives(strategy, () => strategy.train(trainStream, { shuffle: false }), code, message);
        // The first experience was learned twice, then once in the check.
        assert.equal(strategy.clock.trainExpCounter, 3);
      });
    }

    it(`refuses ${what} in evaluation`, async () => {
      const strategy = smallStrategy();
      await rejectsAndSurvives(strategy, () => strategy.eval(followedBy(dataset).trainStream), code, message);
    });

    it(`refuses ${what} in an evaluation inside training`, async () => {
      const strategy = smallStrategy({ evalEvery: 1 });
      const evalStreams = [followedBy(dataset).trainStream];
      await rejectsWithCode(strategy.train(smallBenchmark().trainStream, { evalStreams }), code, message);
      await assertUsableWithoutEvaluation(strategy);
    });
  }

  for (const [how, plugins] of Object.entries({ joined: [], 'with a listener': [listening] })) {
    it(`counts the iterations that came before the failure (${how})`, async () => {
      const strategy = smallStrategy({ plugins });
      const { trainStream } = followedBy(labels([0, 1, 0, 1, 0, classes, 0, 1]));
      await rejectsWithCode(strategy.train(trainStream, { shuffle: false }), 'ERR_LABEL_RANGE', /got 4/);
      const { trainIterations, trainExpIterations, totalIterations } = strategy.clock;
      assert.deepEqual([trainIterations, trainExpIterations, totalIterations], [3, 1, 3]);
    });
  }

  it('refuses an experience without samples before anything is trained', async () => {
    const strategy = smallStrategy();
    const { trainStream } = followedBy(smallDataset(0, [0]));
    const message = (operation: string) =>
      new RegExp(`^${operation}: expected an experience with samples, got none in experience 1`);
    await rejectsAndSurvives(strategy, () => strategy.train(trainStream), 'ERR_EMPTY_EXPERIENCE', message('train'));
    await rejectsAndSurvives(strategy, () => strategy.eval(trainStream), 'ERR_EMPTY_EXPERIENCE', message('eval'));
    assert.equal(strategy.clock.trainExpCounter, 2);
  });

  for (const which of ['x', 'y'] as const) {
    it(`refuses a disposed ${which}`, async () => {
      const strategy = smallStrategy();
      const dataset = smallDataset(samples, [0, 1]);
      const { trainStream } = followedBy(dataset);
      dataset[which].dispose();
      const message = /expected a tensor, got one that has been disposed/;
      throwsWithCode(() => new TensorDataset(dataset.x, dataset.y), 'ERR_DISPOSED', message);
      await rejectsAndSurvives(strategy, () => strategy.train(trainStream), 'ERR_DISPOSED', message);
      await rejectsAndSurvives(strategy, () => strategy.eval(trainStream), 'ERR_DISPOSED', message);
    });

    it(`refuses a ${which} that a hook disposes of between two epochs`, async () => {
      const dataset = smallDataset(samples, [0, 1]);
      const strategy = smallStrategy({ trainEpochs: 1, plugins: [{ beforeTrainingEpoch: () => disposeOnce() }] });
      let once = true;
      const disposeOnce = () => {
        if (once) dataset[which].dispose();
        once = false;
      };
      const { trainStream } = benchmarkFromDatasets({ train: [dataset] });
      await rejectsWithCode(
        strategy.train(trainStream),
        'ERR_DISPOSED',
        /expected a tensor, got one that has been disposed/,
      );
      await assertUsable(strategy);
    });
  }

  it('refuses what is no experience', async () => {
    const strategy = smallStrategy();
    const wrong: [unknown, string][] = [
      [3, '3'],
      [null, 'null'],
      [undefined, 'undefined'],
      ['train', '"train"'],
      [{}, 'an object'],
      [[1], '1 at index 0'],
      [[undefined], 'undefined at index 0'],
      [good, 'a TensorDataset'],
      [[smallBenchmark().trainStream], 'a Stream at index 0'],
    ];
    for (const operation of ['train', 'eval'] as const) {
      for (const [value, came] of wrong) {
        const message = new RegExp(
          `^${operation}: expected an experience, a stream or an array of experiences, got ${came}$`,
        );
        await rejectsWithCode(strategy[operation](value as never), 'ERR_INVALID_ARG_TYPE', message);
      }
    }
    await assertUsable(strategy);
  });
});

/** As `assertUsable`, for a strategy whose training evaluates. */
async function assertUsableWithoutEvaluation(strategy: ReturnType<typeof smallStrategy>): Promise<void> {
  const { model, clock } = strategy;
  const { trainExpCounter, trainIterations } = clock;
  assert.deepEqual([strategy.experience, strategy.isTraining, model.training], [null, true, true]);
  await strategy.train(smallBenchmark().trainStream);
  assert.deepEqual([clock.trainExpCounter, clock.trainIterations], [trainExpCounter + 2, trainIterations + 4]);
  assert.deepEqual([strategy.experience, strategy.isTraining, model.training], [null, true, true]);
}

describe('misuse: hooks', () => {
  const failure = new Error('hook out of order');
  const ways: Record<string, Hook> = {
    throws: () => {
      throw failure;
    },
    'rejects at once': async () => {
      throw failure;
    },
    'rejects later': async () => {
      await nextTurn();
      throw failure;
    },
  };
  const isEvalHook = (name: HookName) => name.includes('Eval');

  for (const [way, fail] of Object.entries(ways)) {
    for (const name of hookNames) {
      it(`reports a ${name} that ${way}`, async () => {
        class Faulty {
          active = true;
          [name](...args: Parameters<Hook>) {
            return this.active ? fail(...args) : undefined;
          }
        }
        const plugin = new Faulty();
        const strategy = smallStrategy({ plugins: [plugin as Plugin] });
        const { trainStream, testStream } = smallBenchmark();
        const call = () => (isEvalHook(name) ? strategy.eval(testStream) : strategy.train(trainStream));
        const message = new RegExp(`^${name} of Faulty failed: hook out of order$`);
        const error = await rejectsWithCode(call(), 'ERR_HOOK', message);
        assert.equal(error.cause, failure);
        plugin.active = false;
        await assertUsable(strategy);
      });
    }
  }

  it('reports a hook of an evaluation inside training', async () => {
    for (const fail of Object.values(ways)) {
      let active = true;
      const plugin: Plugin = { afterEvalForward: (...args) => (active ? fail(...args) : undefined) };
      const strategy = smallStrategy({ plugins: [plugin], evalEvery: 1, pevalMode: 'iteration' });
      await rejectsWithCode(
        strategy.train(smallBenchmark().trainStream),
        'ERR_HOOK',
        /^afterEvalForward of .*hook out of order/,
      );
      active = false;
      await assertUsableWithoutEvaluation(strategy);
    }
  });

  for (const [thrown, shown] of [
    ['a word', '"a word"'],
    [undefined, 'undefined'],
    [null, 'null'],
  ] as const) {
    it(`reports a hook that throws ${shown} instead of an error`, async () => {
      const strategy = smallStrategy();
      const plugin: Plugin = {
        afterForward: () => {
          throw thrown as unknown;
        },
      };
      strategy.plugins.unshift(plugin);
      const message = new RegExp(`^afterForward of a plugin failed: ${shown}$`);
      const error = await rejectsWithCode(strategy.train(smallBenchmark().trainStream), 'ERR_HOOK', message);
      assert.equal(error.cause, thrown);
      strategy.plugins.shift();
      await assertUsable(strategy);
    });
  }

  it('passes on an error of this package that a hook lets through', async () => {
    const strategy = smallStrategy();
    strategy.plugins.unshift({ afterForward: (s) => void (s.mbOutput as Tensor).item() });
    await rejectsWithCode(strategy.train(smallBenchmark().trainStream), 'ERR_SHAPE', /item/);
    strategy.plugins.shift();
    await assertUsable(strategy);
  });

  it('reports a progress callback that throws', async () => {
    let active = true;
    const strategy = smallStrategy({
      onProgress: () => {
        if (active) throw failure;
      },
    });
    const message = /^onProgress failed: hook out of order$/;
    const error = await rejectsWithCode(strategy.train(smallBenchmark().trainStream), 'ERR_HOOK', message);
    assert.equal(error.cause, failure);
    active = false;
    await assertUsable(strategy);
  });

  it('lets a strategy of another class survive, too', async () => {
    const { model, optimizer } = smallStrategy();
    const plugins = [{ afterUpdate: ways['throws'] }];
    const strategy = new Naive({ model, optimizer, trainMbSize: 4, plugins, evaluator: quietEvaluator() });
    await rejectsWithCode(strategy.train(smallBenchmark().trainStream), 'ERR_HOOK', /afterUpdate/);
    strategy.plugins.shift();
    await assertUsable(strategy);
  });
});
