// Each method around the iteration, overridden alone, is what training and evaluation use.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  BaseTemplate,
  DataLoader,
  type ErrorCode,
  type MiniBatch,
  manualSeed,
  nn,
  ops,
  optim,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  TensorDataset,
  type TrainOptions,
} from '../../../lib/index';
import { assertTensorEqual, rejectsWithCode } from '../../support/assertions';
import { quietEvaluator } from '../../support/evaluators';
import { numbersOf, smallBenchmark, smallModel } from '../../support/small-runs';

let model: nn.Module;
const { trainStream, testStream } = smallBenchmark();

function options(more: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplateOptions {
  return {
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.25 }),
    trainMbSize: 4,
    evalMbSize: 4,
    evaluator: quietEvaluator(),
    ...more,
  };
}

/** Sizes of the mini-batches that a strategy was trained on or evaluated with. */
function sizes(strategy: SupervisedTemplate): number[] {
  const seen: number[] = [];
  const note = ({ mbX }: SupervisedTemplate) => void seen.push(mbX!.shape[0]!);
  strategy.plugins.unshift({ beforeForward: note, beforeEvalForward: note });
  return seen;
}

const copies = (tensors: Tensor[]) => tensors.map((item) => ops.aten.detach!(ops.aten.clone!(item)) as Tensor);

describe('overridden loops', () => {
  beforeEach(() => {
    manualSeed(5);
    model = smallModel();
  });

  it('makeTrainDataloader and makeEvalDataloader decide about mini-batches', async () => {
    class Sized extends SupervisedTemplate {
      override makeTrainDataloader() {
        this.dataloader = new DataLoader(this.adaptedDataset!, { batchSize: 3 });
      }
      override async makeEvalDataloader() {
        await nextTurn();
        this.dataloader = new DataLoader(this.adaptedDataset!, { batchSize: 1 });
      }
    }
    const strategy = new Sized(options());
    const seen = sizes(strategy);
    await strategy.train(trainStream.at(0)!);
    await strategy.eval(testStream.at(0)!);
    assert.deepEqual(seen, [3, 3, 2, 1, 1, 1, 1]);
  });

  it('takes mini-batches from any iterable, set by an override or by a plugin', async () => {
    const batch = (labels: number[]): MiniBatch => [
      ops.aten.ones!([labels.length, 4]) as Tensor,
      ops.aten.zeros!([labels.length], { dtype: 'int64' }) as Tensor,
      ops.aten.full!([labels.length], 6, { dtype: 'int64' }) as Tensor,
    ];
    const tasks: number[][] = [];
    const strategy = new SupervisedTemplate(
      options({
        plugins: [
          { beforeTrainingExp: (s) => void (s.dataloader = [batch([0, 0]), batch([0])]) },
          { afterForward: (s) => void tasks.push(s.mbTaskId!.toNumbers()) },
        ],
      }),
    );
    const seen = sizes(strategy);
    await strategy.train(trainStream.at(0)!);
    assert.deepEqual([seen, tasks], [[2, 1], [[6, 6], [6]]]);
  });

  it('takes mini-batches from a subclass of DataLoader that makes its own', async () => {
    class Twice extends DataLoader {
      override async *[Symbol.asyncIterator]() {
        for await (const each of super[Symbol.asyncIterator]()) {
          yield each;
          yield each;
        }
      }
    }
    class Doubled extends SupervisedTemplate {
      override makeTrainDataloader() {
        this.dataloader = new Twice(this.adaptedDataset!, { batchSize: 4 });
      }
    }
    const strategy = new Doubled(options());
    await strategy.train(trainStream.at(0)!);
    assert.equal(strategy.clock.trainIterations, 4);
  });

  it('refuses mini-batches of another kind, and can be used again', async () => {
    let dataloader: unknown;
    const strategy = new SupervisedTemplate(
      options({ plugins: [{ beforeTrainingExp: (s) => void (dataloader && (s.dataloader = dataloader as never)) }] }),
    );
    const x = ops.aten.ones!([2, 4]) as Tensor;
    const y = ops.aten.zeros!([3], { dtype: 'int64' }) as Tensor;
    const labels = ops.aten.zeros!([2], { dtype: 'int64' }) as Tensor;
    const cases: [unknown, ErrorCode, RegExp][] = [
      [5, 'ERR_INVALID_ARG_TYPE', /^dataloader: expected .* got 5$/],
      [[3], 'ERR_INVALID_ARG_TYPE', /^mini-batch: expected \[x, y\] or \[x, y, taskId\], got 3$/],
      [[[x]], 'ERR_INVALID_ARG_TYPE', /^mini-batch: /],
      [[[x, 4]], 'ERR_INVALID_ARG_TYPE', /^y of the mini-batch: expected a Tensor, got 4$/],
      [[[x, labels, y]], 'ERR_LENGTH_MISMATCH', /a task label for each of 2 samples, got taskId \[3\]$/],
      [[[x, y]], 'ERR_LENGTH_MISMATCH', /got x \[2, 4\] and y \[3\]$/],
      [{ [Symbol.iterator]: () => ({ next: () => { throw new Error('no more') } }) }, 'ERR_DATA_SOURCE', /no more$/], // prettier-ignore
    ];
    for (const [given, code, message] of cases) {
      dataloader = given;
      await rejectsWithCode(strategy.train(trainStream), code, message);
    }
    dataloader = null;
    await strategy.train(trainStream);
    assert.equal(strategy.clock.trainIterations, 4);
  });

  it('reports the error that came first where a source cannot be closed, and that one where it is alone', async () => {
    const badY = ops.aten.full!([2], 99, { dtype: 'int64' }) as Tensor;
    const source = (y: Tensor) => ({
      *[Symbol.iterator](): Generator<[Tensor, Tensor]> {
        try {
          for (;;) yield [ops.aten.ones!([2, 4]) as Tensor, y];
        } finally {
          // eslint-disable-next-line no-unsafe-finally -- what a broken source does
          throw new Error('cannot close');
        }
      },
    });
    let dataloader = source(badY);
    const strategy = new SupervisedTemplate(
      options({
        plugins: [
          { beforeTrainingExp: (s) => void (s.dataloader = dataloader), afterUpdate: (s) => s.stopTraining() },
        ],
      }),
    );
    await rejectsWithCode(strategy.train(trainStream), 'ERR_LABEL_RANGE', /99/);
    dataloader = source(ops.aten.zeros!([2], { dtype: 'int64' }) as Tensor);
    await rejectsWithCode(strategy.train(trainStream), 'ERR_DATA_SOURCE', /^dataloader: failed: cannot close$/);
  });

  it('says that an evaluation inside the iteration has forgotten its mini-batch', async () => {
    const strategy = new SupervisedTemplate(
      options({ plugins: [{ beforeForward: (s) => s.eval(testStream) as Promise<unknown> as Promise<void> }] }),
    );
    await rejectsWithCode(strategy.train(trainStream), 'ERR_CALL_ORDER', /expected a mini-batch, got none/);
  });

  it('trainDatasetAdaptation and evalDatasetAdaptation choose the data', async () => {
    class Fewer extends SupervisedTemplate {
      override trainDatasetAdaptation() {
        this.adaptedDataset = (this.experience!.dataset as TensorDataset).subset([0, 1, 2, 3, 4, 5]);
      }
      override evalDatasetAdaptation() {
        this.adaptedDataset = (this.experience!.dataset as TensorDataset).subset([0]);
      }
    }
    const strategy = new Fewer(options());
    const seen = sizes(strategy);
    await strategy.train(trainStream.at(0)!);
    await strategy.eval(testStream.at(0)!);
    assert.deepEqual(seen, [4, 2, 1]);
  });

  it('modelAdaptation may put another model in place, whose parameters are then trained', async () => {
    const other = smallModel();
    const before = [copies(model.parameters()), copies(other.parameters())] as const;
    class Replacing extends SupervisedTemplate {
      override modelAdaptation() {
        return other;
      }
    }
    const strategy = new Replacing(options());
    await strategy.train(trainStream.at(0)!);
    assert.equal(strategy.model, other);
    model.parameters().forEach((parameter, i) => assertTensorEqual(parameter, before[0][i]!));
    assert.ok(other.parameters().every((p, i) => String(p.toNumbers()) !== String(before[1][i]!.toNumbers())));
  });

  it('makeOptimizer may put another optimizer in place, which then takes the steps', async () => {
    const only = model.parameters()[0]!;
    class Own extends SupervisedTemplate {
      override makeOptimizer() {
        this.optimizer = new optim.Adam([only], { lr: 0.01 });
      }
    }
    const before = copies(model.parameters());
    const strategy = new Own(options());
    await strategy.train(trainStream.at(0)!);
    assert.ok(strategy.optimizer instanceof optim.Adam);
    model.parameters().forEach((parameter, i) => {
      if (i > 0) assertTensorEqual(parameter, before[i]!);
      else assert.notDeepEqual(parameter.toNumbers(), before[i]!.toNumbers());
    });
  });

  it('trainingEpoch may be a loop of its own: the same bits as the one that it replaces', async () => {
    class Written extends SupervisedTemplate {
      override async trainingEpoch(given: TrainOptions) {
        for await (const batch of this.dataloader) {
          this.mbatch = batch;
          await this.dispatch('beforeTrainingIteration', given);
          this.optimizer.zeroGrad();
          this.mbOutput = await this.forward();
          this.loss = await this.criterion();
          await this.dispatch('beforeBackward', given);
          await this.backward();
          await this.optimizerStep();
          await this.dispatch('afterTrainingIteration', given);
        }
      }
    }
    const outcome = async (Template: typeof SupervisedTemplate) => {
      manualSeed(7);
      model = smallModel();
      const strategy = new Template(options({ trainEpochs: 2 }));
      const metrics = await strategy.train(trainStream);
      return [numbersOf(model.namedParameters()), metrics, strategy.clock.trainIterations];
    };
    assert.deepEqual(await outcome(Written), await outcome(SupervisedTemplate));
  });

  it('stopTraining may be overridden: hooks call the override', async () => {
    let refused = 0;
    class Stubborn extends SupervisedTemplate {
      override stopTraining() {
        refused++;
      }
    }
    const strategy = new Stubborn(options({ plugins: [{ afterTrainingIteration: (s) => s.stopTraining() }] }));
    await strategy.train(trainStream);
    assert.deepEqual([refused, strategy.clock.trainIterations], [4, 4]);
  });

  it('BaseTemplate carries strategies that do not learn by gradients', async () => {
    class Counting extends BaseTemplate {
      readonly calls: string[] = [];
      protected override async trainExp() {
        await nextTurn();
        this.calls.push(`train ${this.experience!.currentExperience} ${this.model.training}`);
      }
      protected override evalExp() {
        this.calls.push(`eval ${this.experience!.currentExperience} ${this.model.training}`);
        return Promise.resolve();
      }
    }
    const hooks: string[] = [];
    const strategy = new Counting({
      model,
      plugins: [{ beforeTrainingExp: () => void hooks.push('before'), afterTrainingExp: () => void hooks.push('after') }],
    });
    await strategy.train(trainStream);
    await strategy.eval(testStream);
    assert.deepEqual(strategy.calls, ['train 0 true', 'train 1 true', 'eval 0 false', 'eval 1 false']);
    assert.deepEqual(hooks, ['before', 'after', 'before', 'after']);
    assert.ok(model.training);
  });

  it('misuse: model and optimizer of another kind', () => {
    const strategy = new SupervisedTemplate(options());
    for (const name of ['model', 'optimizer'] as const) {
      assert.throws(() => (strategy[name] = {} as never), { code: 'ERR_INVALID_ARG_TYPE' });
    }
  });
});

describe('a loss that is not finite', () => {
  const cases: Record<string, { change: Partial<SupervisedTemplateOptions>; iteration: number; cause: RegExp }> = {
    'from a learning rate that is far too large': {
      change: {},
      iteration: 1,
      cause: /the model's output overflowed: the learning rate/,
    },
    'from a criterion': {
      change: { criterion: (output) => ops.aten.mul!(ops.aten.sum!(output), NaN) as Tensor },
      iteration: 0,
      cause: /the criterion, or a penalty/,
    },
  };
  for (const [what, { change, iteration, cause }] of Object.entries(cases)) {
    it(`${what} ends training before it reaches the parameters`, async () => {
      manualSeed(5);
      model = smallModel();
      const lr = what.includes('rate') ? 1e30 : 0.1;
      let afterUpdate = copies(model.parameters());
      const strategy = new SupervisedTemplate(
        options({
          ...change,
          optimizer: new optim.SGD(model.parameters(), { lr }),
          trainEpochs: 3,
          plugins: [{ afterUpdate: (s) => void (afterUpdate = copies(s.model.parameters())) }],
        }),
      );
      await rejectsWithCode(
        strategy.train(trainStream.at(1)!),
        'ERR_LOSS_NOT_FINITE',
        new RegExp(`^train: stopped in iteration ${iteration} of epoch 0, experience 1 of stream "train": .*${cause.source}`),
      );
      model.parameters().forEach((parameter, i) => assertTensorEqual(parameter, afterUpdate[i]!));
      assert.equal(strategy.clock.trainIterations, iteration);
    });
  }

  it('from data is blamed on the mini-batch, whether iterations are joined or not, backward overridden or not', async () => {
    class OwnBackward extends SupervisedTemplate {
      override backward() {
        this.loss.backward();
      }
    }
    const x = ops.aten.full!([8, 4], NaN) as Tensor;
    const experience = smallBenchmark().trainStream.at(0)!;
    for (const Template of [SupervisedTemplate, OwnBackward]) {
      for (const plugins of [[], [{ afterForward: () => {} }]]) {
        manualSeed(5);
        model = smallModel();
        const initial = numbersOf(model.namedParameters());
        const strategy = new Template(options({ plugins: [...plugins, { afterTrainDatasetAdaptation: poison }] }));
        await rejectsWithCode(strategy.train(experience), 'ERR_LOSS_NOT_FINITE', /the mini-batch holds NaN or infinity/);
        assert.deepEqual(numbersOf(model.namedParameters()), initial);
      }
    }
    function poison(strategy: SupervisedTemplate) {
      const { y } = strategy.adaptedDataset as TensorDataset;
      strategy.adaptedDataset = new TensorDataset(x, y);
    }
  });
});
