// The importance pass: which mini-batches it takes, which forward, which outputs, and what it refuses.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  IterableDataset,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  type Tensor,
  TensorDataset,
} from '../../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode } from '../../support/assertions';
import { device } from '../../support/device';
import { constantLoss, firstImportance, linearRun, linearStream } from '../../support/linear-mas';
import { setValues, smallBenchmark, smallModel } from '../../support/small-runs';
import { assertUsable, smallStrategy } from '../../support/survival';

const row = (values: readonly number[]) => tensor([[...values]]);

/** A forward of JavaScript, in the dtype that the model has at present. */
class InTypeScript extends nn.Module {
  constructor(readonly inner: nn.Module) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return this.inner.forward(x.to({ dtype: this.inner.parameters()[0]!.dtype }));
  }
}

const addLayer = (model: object) => void Object.assign(model, { extra: new nn.Linear(2, 2) });

/** The linear model of two weights, (1, -2), that gives [B]. */
function flatModel(how: 'native' | 'TypeScript'): { model: nn.Module; weight: Tensor } {
  const linear = new nn.Linear(2, 1, { bias: false });
  const sequential = new nn.Sequential(linear, new nn.Flatten({ startDim: 0 }));
  setValues(linear.weight, [1, -2]);
  return { model: how === 'native' ? sequential : new InTypeScript(sequential), weight: linear.weight };
}

describe('the importance pass of MAS', () => {
  describe('mini-batches', () => {
    it('leaves out an incomplete last one where training does', async () => {
      const { strategy, mas, stream } = linearRun();
      await strategy.train(stream.at(0)!, { shuffle: false, dropLast: true });
      // Of the first mini-batch alone, see `firstImportance`.
      assertTensorClose(mas.importance!.get('weight')!, row([3, 1]));
    });

    it('takes an incomplete one where there is no other, as the reference', async () => {
      const { strategy, mas, stream } = linearRun({ trainMbSize: 10 });
      await strategy.train(stream.at(0)!, { dropLast: true });
      // 2/3 (-1 (1, 1) + 2 (2, 0) - 2 (0, 1))
      assertTensorClose(mas.importance!.get('weight')!, row([2, 2]));
    });

    it('dropLast makes BatchNorm possible where one sample is left', async () => {
      const model = new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 4));
      const mas = new MASPlugin();
      const strategy = smallStrategy({ model, optimizer: new optim.SGD(model.parameters()), plugins: [mas] });
      await strategy.train(smallBenchmark({ train: 9 }).trainStream, { dropLast: true });
      assert.equal(strategy.clock.trainIterations, 4);
      assert.ok([...mas.importance!.values()].every((omega) => omega.isfinite().all().item()));
    });

    it('that hold one sample are named where the model refuses them, with the way out', async () => {
      const model = new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 4));
      class Dropping extends SupervisedTemplate {
        override makeTrainDataloader() {
          return super.makeTrainDataloader({ dropLast: true });
        }
      }
      const strategy = new Dropping({
        model,
        optimizer: new optim.SGD(model.parameters()),
        trainMbSize: 4,
        evaluator: null,
        plugins: [new MASPlugin()],
      });
      await rejectsWithCode(
        strategy.train(smallBenchmark({ train: 9 }).trainStream),
        'ERR_IMPORTANCE',
        /mini-batch float32 \[1, 4\], of one sample \(`dropLast: true` leaves an incomplete one out\): /,
      );
      await strategy.train(smallBenchmark({ train: 8 }).trainStream, { restart: true });
    });

    it('are refused where there is none', async () => {
      const source = () => [1, 2, 3].map((i): [Tensor, number] => [tensor([i, i, i, i]).to('float32'), 0]);
      const { trainStream } = benchmarkFromDatasets({ train: [new IterableDataset(source)] });
      const strategy = smallStrategy({ plugins: [new MASPlugin()] });
      await rejectsWithCode(
        strategy.train(trainStream, { dropLast: true }),
        'ERR_EMPTY_EXPERIENCE',
        /expected mini-batches to measure importances on, got none/,
      );
      await assertUsable(strategy);
    });
  });

  describe('outputs', () => {
    for (const how of ['native', 'TypeScript'] as const) {
      it(`[B] are taken as [B, 1] (${how})`, async () => {
        const { model, weight } = flatModel(how);
        const mas = new MASPlugin();
        const strategy = new SupervisedTemplate({
          model,
          optimizer: new optim.SGD([weight], { lr: 0 }),
          criterion: constantLoss,
          trainMbSize: 2,
          evaluator: null,
          plugins: [mas],
        });
        await strategy.train(linearStream().at(0)!, { shuffle: false });
        assertTensorClose([...mas.importance!.values()][0]!, row(firstImportance));
      });
    }

    it('a single number for a mini-batch is refused, in words', async () => {
      const { model } = flatModel('TypeScript');
      const single = new InTypeScript(model);
      single.forward = (x) => (model.forward(x)).sum();
      const strategy = new SupervisedTemplate({
        model: single,
        optimizer: new optim.SGD(single.parameters(), { lr: 0 }),
        criterion: constantLoss,
        evaluator: null,
        plugins: [new MASPlugin()],
      });
      await rejectsWithCode(
        strategy.train(linearStream()),
        'ERR_IMPORTANCE',
        /expected an output for each sample, \[B, C\] or \[B\], got a single number/,
      );
    });
  });

  describe('a forward of the strategy', () => {
    class Doubling extends SupervisedTemplate {
      override forward() {
        return (this.model.forward(this.mbX!)).mul(2);
      }
    }
    // Outputs twice as large have four times the squared norm.
    const expected = row(firstImportance.map((value) => 4 * value));

    it('that a class overrides is used', async () => {
      const { strategy, mas, stream } = linearRun({ template: Doubling });
      await strategy.train(stream.at(0)!, { shuffle: false });
      assertTensorClose(mas.importance!.get('weight')!, expected);
    });

    it('that is put into the strategy itself is used, and sees the mini-batches of the pass', async () => {
      const { strategy, mas, stream } = linearRun();
      const seen: number[][] = [];
      strategy.forward = () => {
        seen.push([...strategy.mbX!.shape, ...strategy.mbY!.shape, ...strategy.mbTaskId!.shape]);
        return (strategy.model.forward(strategy.mbX!)).mul(2);
      };
      await strategy.train(stream.at(0)!, { shuffle: false });
      assertTensorClose(mas.importance!.get('weight')!, expected);
      const pass = [
        [2, 2, 2, 2],
        [1, 2, 1, 1],
      ];
      assert.deepEqual(seen, [...pass, ...pass]);
    });

    it('leaves the strategy’s own mini-batch and output as they were', async () => {
      const own: (Tensor | null)[] = [];
      const watch: Plugin = { afterTrainingExp: (s) => void own.push(s.mbX, s.mbOutput) };
      const { strategy, stream } = linearRun({ template: Doubling, before: [watch], after: [watch] });
      await strategy.train(stream.at(0)!, { shuffle: false });
      const [x, output, xAfterwards, outputAfterwards] = own as Tensor[];
      assert.ok(xAfterwards!.isSame(x!) && outputAfterwards!.isSame(output!));
    });

    it('that fails is reported with its error', async () => {
      const cause = new Error('no');
      class Failing extends SupervisedTemplate {
        override forward(): Tensor {
          if (this.clock.trainIterations === 2) throw cause;
          return super.forward() as Tensor;
        }
      }
      const { strategy, stream } = linearRun({ template: Failing });
      const error = await rejectsWithCode(strategy.train(stream.at(0)!), 'ERR_FORWARD', /^forward: failed: no$/);
      assert.equal(error.cause, cause);
    });
  });

  describe('misuse', () => {
    const train = (template: new (options: SupervisedTemplateOptions) => SupervisedTemplate, plugins: Plugin[]) => {
      const model = smallModel();
      const options = { model, optimizer: new optim.SGD(model.parameters()), trainMbSize: 4, evaluator: null, plugins };
      return new template(options).train(smallBenchmark().trainStream);
    };
    const notYet = /expected a strategy that trains: its parameters are prepared in beforeTrainingExp/;

    it('is refused before the parameters are laid out', async () => {
      const mas = new MASPlugin();
      const early: Plugin = { beforeTrainDatasetAdaptation: (s) => mas.afterTrainingExp(s) };
      await rejectsWithCode(train(SupervisedTemplate, [mas, early]), 'ERR_CALL_ORDER', notYet);
      class Own extends SupervisedTemplate {
        protected override async beforeTrainingExp(options: object) {
          await this.dispatch('beforeTrainingExp', options);
        }
      }
      await rejectsWithCode(train(Own, [mas]), 'ERR_CALL_ORDER', notYet);
      const strategy = smallStrategy();
      strategy.experience = smallBenchmark().trainStream.at(0)!;
      await rejectsWithCode(mas.afterTrainingExp(strategy), 'ERR_CALL_ORDER', notYet);
      await rejectsWithCode(strategy.runNative([mas.penalty.phase]), 'ERR_CALL_ORDER', /^MASPlugin\.beforeBackward: .*have not been/);
    });

    const stay = 'MASPlugin.*: expected the model to stay as it is while importances are measured, got ';
    const changes: Record<string, [(model: InTypeScript) => unknown, RegExp]> = {
      'a parameter is added': [addLayer, new RegExp(`${stay}a new parameter "extra\\.`)],
      'the dtype changes': [
        (model) => model.to('float64'),
        new RegExp(`${stay}parameter "inner\\.0\\.weight" as \\[5, 4\\] float64 on ${device}, where it had 20 elements of float32 on ${device}`),
      ],
    };
    for (const [what, [change, message]] of Object.entries(changes)) {
      it(`is refused where ${what} meanwhile, and the next training goes on`, async () => {
        const model = new InTypeScript(smallModel());
        const mas = new MASPlugin();
        const strategy = new SupervisedTemplate({
          model,
          optimizer: new optim.SGD(model.parameters()),
          trainMbSize: 4,
          evaluator: null,
          plugins: [mas],
          onProgress: ({ phase, done }) => void (phase === 'importance' && done === 1 && change(model)),
        });
        await rejectsWithCode(strategy.train(smallBenchmark().trainStream), 'ERR_CALL_ORDER', message);
        model.to('float32');
        strategy.plugins.splice(0, 1);
        await strategy.train(smallBenchmark().trainStream, { restart: true });
      });
    }

    it('a model that has changed before the pass is measured as it is', async () => {
      const model = new InTypeScript(smallModel());
      const mas = new MASPlugin();
      const grow: Plugin = { afterTrainingExp: () => addLayer(model) };
      const strategy = new SupervisedTemplate({
        model,
        optimizer: new optim.SGD(model.parameters()),
        evaluator: null,
        plugins: [grow, mas],
      });
      await strategy.train(smallBenchmark().trainStream.at(0)!);
      assert.ok(mas.importance!.has('extra.weight'));
      assertTensorEqual(mas.importance!.get('extra.weight')!, tensor([[0, 0], [0, 0]]).to('float32'));
    });
  });

  it('a data set of tensors is measured with its labels left aside', async () => {
    const data = new TensorDataset(tensor([[0], [1], [2], [3]]), tensor([0.5, 1.5, 2.5, 3.5]));
    const model = new nn.Sequential(new nn.Linear(1, 1), new nn.Flatten({ startDim: 0 }));
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
      criterion: new nn.MSELoss(),
      trainMbSize: 2,
      evaluator: null,
      plugins: [new MASPlugin()],
    });
    await strategy.train(benchmarkFromDatasets({ train: [data, data] }).trainStream);
    assert.equal(strategy.clock.trainExpCounter, 2);
  });
});
