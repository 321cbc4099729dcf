// Mini-batches of several tensors as a model's inputs: the numbers of a loop in PyTorch, through every way that data takes.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import {
  DataLoader,
  type Dataset,
  EvaluationPlugin,
  accuracyMetrics,
  type ErrorCode,
  type Inputs,
  LRSchedulerPlugin,
  MASPlugin,
  Naive,
  nn,
  ops,
  optim,
  SupervisedTemplate,
  tensor,
  Tensor,
  TensorDataset,
} from '../../lib/index';
import { rejectsWithCode, relativeNorm } from '../support/assertions';
import { loadFixture } from '../support/fixtures';
import { inputStrategy, loadInputs, sampleBySample, streamOf } from '../support/input-models';

type Fixture = (name: string) => Tensor;
type Kind = 'text' | 'encoder';

const model = { text: 'Text', encoder: 'Encoder' };
const names = { text: ['x', 'lengths'], encoder: ['input_ids', 'attention_mask'] };
const stored = { text: ['ids', 'lengths'], encoder: ['ids', 'mask'] };

describe('several inputs', () => {
  let fixture: Fixture;
  before(async () => (fixture = await loadFixture('inputs/runs')));

  const tensors = (kind: Kind, k: number) => stored[kind].map((name) => fixture(`${name}${k}`));
  const inOrder = (kind: Kind, k: number) => new TensorDataset(tensors(kind, k), fixture(`y${k}`));
  const named = (kind: Kind, k: number, order = [0, 1]) =>
    new TensorDataset(Object.fromEntries(order.map((i) => [names[kind][i]!, tensors(kind, k)[i]!])), fixture(`y${k}`));

  /** What the strategy has learned is what was recorded. */
  function compare(kind: Kind, run: 'naive' | 'mas', strategy: Naive): void {
    const check = (prefix: string, actual: Map<string, Tensor>) => {
      for (const [name, value] of actual) {
        const error = relativeNorm(value.toNumbers(), fixture(`${kind}.${prefix}.${name}`).toNumbers());
        assert.ok(error < 2e-5, `${prefix} ${name}: ${error}`);
      }
    };
    check(run, strategy.model.namedParameters());
    const mas = strategy.plugins.find((plugin) => plugin instanceof MASPlugin);
    if (mas) check('importance', mas.importance!);
  }

  async function trained(kind: Kind, run: 'naive' | 'mas', datasets: Dataset[], options = {}): Promise<Naive> {
    const strategy = inputStrategy(await loadInputs(model[kind]), run === 'mas', options);
    await strategy.train(streamOf(...datasets), { shuffle: false });
    return strategy;
  }

  for (const kind of ['text', 'encoder'] as const) {
    for (const run of ['naive', 'mas'] as const) {
      const ways: [string, (k: number) => Dataset][] = [
        ['in order', (k) => inOrder(kind, k)],
        ['by name', (k) => named(kind, k)],
        ['by name, in another order', (k) => named(kind, k, [1, 0])],
        ['of a subset', (k) => inOrder(kind, k).subset([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]).subset([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])],
        ['sample by sample, in order', (k) => sampleBySample(inOrder(kind, k))],
        ['sample by sample, by name', (k) => sampleBySample(named(kind, k))],
        ['through a function', (k) => inOrder(kind, k).withTransform(([x, y]: Tensor[]) => ({ [names[kind][1]!]: y!, [names[kind][0]!]: x! }))],
      ];
      for (const [way, make] of ways) {
        it(`${kind} learns as in PyTorch: ${run}, ${way}`, async () => {
          compare(kind, run, await trained(kind, run, [make(0), make(1)]));
        });
      }

      it(`${kind} learns as in PyTorch: ${run}, with an overridden forward and with hooks inside the iteration`, async () => {
        class Overriding extends SupervisedTemplate {
          override async forward() {
            return await super.forward();
          }
        }
        const loaded = await loadInputs(model[kind]);
        let sizes = 0;
        const strategy = new Overriding({
          model: loaded,
          optimizer: new optim.SGD(loaded.parameters(), { lr: 0.1 }),
          trainMbSize: 4,
          trainEpochs: 2,
          evaluator: null,
          plugins: [
            ...(run === 'mas' ? [new MASPlugin({ alpha: 0.5, lambdaReg: 1 })] : []),
            { beforeForward: ({ mbInputs }) => void (sizes += Object.keys(mbInputs!).length) },
          ],
        });
        await strategy.train(streamOf(inOrder(kind, 0), named(kind, 1)), { shuffle: false });
        assert.equal(sizes, 2 * 2 * 3 * 2);
        compare(kind, run, strategy);
      });
    }

    it(`${kind} is evaluated on its inputs`, async () => {
      const strategy = await trained(kind, 'naive', [inOrder(kind, 0), inOrder(kind, 1)], {
        evaluator: new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [] }),
      });
      for (const data of [inOrder(kind, 1), named(kind, 1), sampleBySample(named(kind, 1))]) {
        const metrics = await strategy.eval(streamOf(data));
        const [accuracy] = Object.entries(metrics).filter(([name]) => name.startsWith('Top1_Acc_Stream/eval')).map(([, value]) => value); // prettier-ignore
        assert.ok(Math.abs((accuracy as number) - fixture(`${kind}.naive.accuracy`).item()) < 1e-6, String(accuracy));
      }
    });
  }

  it('come from dataloaders of the program', async () => {
    class Own extends Naive {
      override makeTrainDataloader() {
        const [ids, lengths] = tensors('text', Number(this.experience!.currentExperience)) as [Tensor, Tensor];
        const y = fixture(`y${this.experience!.currentExperience}`);
        this.dataloader = [[0, 4], [4, 4], [8, 2]].map(([from, count]): [Inputs, Tensor] => {
          const part = (each: Tensor) => each.narrow(0, from!, count!);
          return [{ x: part(ids), lengths: part(lengths) }, part(y)];
        }); // prettier-ignore
      }
    }
    const loaded = await loadInputs('Text');
    const optimizer = new optim.SGD(loaded.parameters(), { lr: 0.1 });
    const strategy = new Own({ model: loaded, optimizer, trainMbSize: 4, trainEpochs: 2, evaluator: null });
    await strategy.train(streamOf(inOrder('text', 0), inOrder('text', 1)));
    compare('text', 'naive', strategy);
  });

  it('a model in TypeScript gets an array spread, an object as one argument', async () => {
    const seen: number[] = [];
    class Spread extends nn.Module {
      embedding = new nn.Embedding(20, 3);
      override forward(ids: Tensor, lengths: Tensor): Tensor {
        seen.push(lengths.shape[0]!);
        return this.embedding.forward(ids).sum([1]);
      }
    }
    class Named extends Spread {
      override forward(inputs: Tensor | { ids: Tensor; lengths: Tensor }): Tensor {
        const { ids, lengths } = inputs as { ids: Tensor; lengths: Tensor };
        return super.forward(ids, lengths);
      }
    }
    const [ids, lengths] = tensors('text', 0) as [Tensor, Tensor];
    const cases: [nn.Module, Inputs][] = [[new Spread(), [ids, lengths]], [new Named(), { ids, lengths }]]; // prettier-ignore
    for (const [net, x] of cases) {
      const data = new TensorDataset(x, fixture('y0'));
      await inputStrategy(net as never, true).train(streamOf(data));
    }
    assert.deepEqual(seen, [...Array<number[]>(6).fill([4, 4, 2])].flat());
  });

  it('a hook may put others in their place', async () => {
    const loaded = await loadInputs('Text');
    const [, lengths] = tensors('text', 0) as [Tensor, Tensor];
    let next = 0;
    const addLengths = {
      beforeForward: (strategy: SupervisedTemplate) => {
        const { mbX } = strategy;
        const count = mbX!.shape[0]!;
        strategy.mbInputs = [mbX!, lengths.narrow(0, next, count)];
        next = (next + count) % 10;
      },
    };
    const strategy = inputStrategy(loaded, false, { plugins: [addLengths] });
    await strategy.train(streamOf(new TensorDataset(fixture('ids0'), fixture('y0'))), { shuffle: false });
    const expected = await trained('text', 'naive', [inOrder('text', 0)]);
    assert.deepEqual(
      loaded.parameters().map((each) => each.toNumbers()),
      expected.model.parameters().map((each) => each.toNumbers()),
    );
  });

  it('are shown in messages of a model that fails', async () => {
    const strategy = inputStrategy(await loadInputs('Text'));
    const wrong = new TensorDataset({ x: fixture('ids0').to('float32'), lengths: fixture('lengths0') }, fixture('y0'));
    await rejectsWithCode(
      strategy.train(streamOf(wrong), { shuffle: false }),
      'ERR_FORWARD',
      /mini-batch \{ x: float32 \[4, 6\], lengths: int64 \[4\] \}/,
    );
  });

  it('a NaN in any of them is found where the loss is not finite', async () => {
    const strategy = inputStrategy(await loadInputs('LabelsByDefault'));
    const scale = ops.aten.full!([4], NaN) as Tensor;
    await rejectsWithCode(
      strategy.train(streamOf(new TensorDataset([ops.aten.ones!([4, 2]) as Tensor, scale], [0, 1, 0, 1]))),
      'ERR_LOSS_NOT_FINITE',
      /the mini-batch holds NaN/,
    );
  });

  it('a DataLoader gives them as the data has them', async () => {
    const shapes: unknown[] = [];
    const kinds = { x: inOrder('text', 0), named: named('text', 0) };
    for await (const [x] of new DataLoader<TensorDataset, readonly Tensor[]>(kinds.x, { batchSize: 8 })) shapes.push(x.map(({ shape }) => shape));
    for await (const [x] of new DataLoader<TensorDataset, { x: Tensor; lengths: Tensor }>(kinds.named, { batchSize: 8 })) shapes.push(x.lengths.shape);
    assert.deepEqual(shapes, [[[8, 6], [8]], [[2, 6], [2]], [8], [2]]); // prettier-ignore
  });
});

/** The output of a strategy whose model is of `record_inputs.py`: rows (1, 1), weights (1, 2), (3, 4), task label 1. */
async function outputOf(name: string, x: Inputs): Promise<number[][]> {
  let output: number[][] = [];
  const strategy = inputStrategy(await loadInputs(name), false, {
    plugins: [{ afterEvalForward: ({ mbOutput }: SupervisedTemplate) => void (output = mbOutput!.toArray() as number[][]) }],
  });
  await strategy.eval(streamOf(new TensorDataset(x, [0, 1], { taskLabels: 1 })));
  return output;
}

describe('inputs and task labels of TorchScript', () => {
  const x = tensor([[1, 1], [0, 1]]); // prettier-ignore
  const scale = tensor([1, 2]);
  const fits: [string, string, Inputs, number[][]][] = [
    ['task labels in first place, though optional', 'LabelsFirst', x, [[13, 17], [12, 14]]], // prettier-ignore
    ['task labels with a default behind others', 'LabelsByDefault', [x, scale], [[13, 17], [14, 18]]], // prettier-ignore
    ['task labels, inputs by name', 'LabelsByDefault', { scale, x }, [[13, 17], [14, 18]]], // prettier-ignore
    ['task labels of the mini-batch itself', 'LabelsByDefault', { scale, x, task_labels: tensor([0, 0]) }, [[3, 7], [4, 8]]], // prettier-ignore
    ['an input with a default, not given', 'Default', x, [[3, 7], [2, 4]]], // prettier-ignore
    ['an input with a default, given', 'Default', [x, scale], [[3, 7], [4, 8]]], // prettier-ignore
    ['a list', 'Listed', [x, x, x], [[9, 21], [6, 12]]], // prettier-ignore
    ['a tuple', 'Tupled', [x, x.mul(2)], [[-3, -7], [-2, -4]]], // prettier-ignore
    ['a dict', 'Named', { scale, x }, [[3, 7], [4, 8]]], // prettier-ignore
  ];
  for (const [what, name, inputs, expected] of fits) {
    it(`takes ${what}`, async () => assert.deepEqual(await outputOf(name, inputs), expected));
  }

  it('says whether it takes task labels', async () => {
    const taking = await Promise.all(['LabelsFirst', 'LabelsByDefault', 'Default', 'Text'].map(async (name) => (await loadInputs(name)).takesTaskLabels));
    assert.deepEqual(taking, [true, true, false, false]);
  });

  const wrong: [string, string, Inputs, RegExp][] = [
    ['an input that nothing fills', 'Text', x, /^forward: nothing fills the input "lengths": expected mini-batches whose x is \[x, lengths\] or \{ x, lengths \}, got float32 \[2, 2\]; task labels go to an input that is called task_labels; the method is\n {2}forward\(x: Tensor, lengths: Tensor\) -> Tensor$/],
    ['an input beside task labels', 'LabelsByDefault', x, /nothing fills the input "scale": expected mini-batches whose x is \[x, scale\] or \{ x, scale \}/],
    ['an input that is no tensor', 'Number', x, /nothing fills the input "factor": .* this is float: give it a default/],
    ['one input by name of two', 'Text', { lengths: x }, /nothing fills the input "x"/],
    ['a name that there is not', 'Text', { x, length: scale }, /expected inputs among x, lengths, got "length"; did you mean "lengths"\?; the method is\n/],
    ['too many inputs', 'Text', [x, scale, scale], /expected at most 2 inputs, got 3: \[float32 \[2, 2\], float32 \[2\], float32 \[2\]\]/],
    ['a second input of a model of one', 'LabelsFirst', [x, scale], /expected at most 1 inputs beside the task labels, got 2/],
    ['one tensor for a dict', 'Named', x, /expected a tensor for the input "batch", which is Dict\[str, Tensor\], got float32 \[2, 2\] of a mini-batch/],
    ['a tuple of another length', 'Tupled', [x, x, x], /expected at most 1 inputs, got 3/],
  ];
  for (const [what, name, inputs, message] of wrong) {
    it(`misuse: ${what} is refused before anything is trained, evaluated or measured`, async () => {
      const model = await loadInputs(name);
      const before = model.parameters().map((each) => each.toNumbers());
      const data = new TensorDataset(inputs, [0, 1], { taskLabels: 1 });
      for (const withMas of [false, true]) {
        const strategy = inputStrategy(model, withMas);
        await rejectsWithCode(strategy.train(streamOf(data)), 'ERR_INPUTS', message);
        await rejectsWithCode(strategy.eval(streamOf(data)), 'ERR_INPUTS', message);
        assert.equal(strategy.clock.trainIterations, 0);
      }
      class Overriding extends Naive {
        override forward() {
          return super.forward();
        }
      }
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      await rejectsWithCode(new Overriding({ model, optimizer, evaluator: null, trainMbSize: 2 }).train(streamOf(data)), 'ERR_INPUTS', message);
      assert.deepEqual(model.parameters().map((each) => each.toNumbers()), before);
    });
  }

  it('misuse: inputs of a later experience in memory are refused before the first is learned, unless a hook comes between', async () => {
    const [good, bad] = [new TensorDataset([x, scale], [0, 1]), new TensorDataset(x, [0, 1])];
    const addScale = {
      beforeForward: (strategy: SupervisedTemplate) => {
        if (strategy.mbInputs instanceof Tensor) strategy.mbInputs = [strategy.mbInputs, scale];
      },
    };
    for (const withMas of [false, true]) {
      const strategy = inputStrategy(await loadInputs('LabelsByDefault'), withMas);
      await rejectsWithCode(strategy.train(streamOf(good, good, bad)), 'ERR_INPUTS', /nothing fills the input "scale"/);
      assert.equal(strategy.clock.trainExpCounter, 0);
      await rejectsWithCode(strategy.train(streamOf(good, new TensorDataset({ x, scales: scale }, [0, 1]))), 'ERR_INPUTS', /got "scales"; did you mean "scale"\?/);
      await strategy.train(streamOf(good, good));
      assert.equal(strategy.clock.trainExpCounter, 2);
      strategy.plugins.push(new LRSchedulerPlugin(new optim.StepLR(strategy.optimizer, { stepSize: 1 })));
      await rejectsWithCode(strategy.train(streamOf(good, bad)), 'ERR_INPUTS', /nothing fills the input "scale"/);
      assert.equal(strategy.clock.trainExpCounter, 2);
      strategy.plugins.unshift(addScale);
      if (withMas) {
        const message = /^MASPlugin\.afterTrainingExp: importances are measured on the data as they are, without the hooks .*nothing fills the input "scale"/;
        await rejectsWithCode(strategy.train(streamOf(good, bad)), 'ERR_INPUTS', message);
        continue;
      }
      await strategy.train(streamOf(good, bad));
    }
    const filled = new TensorDataset(x, [0, 1], { transform: (each) => [each, scale] });
    await inputStrategy(await loadInputs('LabelsByDefault')).train(streamOf(good, filled));
  });

  it('misuse: one tensor is asked for where there are several', async () => {
    const model = await loadInputs('Default');
    const data = new TensorDataset([x, scale], [0, 1]);
    for (const read of [(strategy: SupervisedTemplate) => strategy.mbX, (strategy: SupervisedTemplate) => strategy.mbatch]) {
      const strategy = inputStrategy(model, false, { plugins: [{ beforeForward: (each: SupervisedTemplate) => void read(each) }] });
      await rejectsWithCode(strategy.train(streamOf(data)), 'ERR_INPUTS', /expected data whose x is one tensor, got an array of 2 inputs: mbInputs has all of them$/);
    }
  });

  it('misuse: mini-batches of a program that are none', async () => {
    const model = await loadInputs('Default');
    const y = tensor([0, 1], { dtype: 'int64' });
    const cases: [unknown, ErrorCode, RegExp][] = [
      [[[], y], 'ERR_INVALID_ARG_TYPE', /^x of the mini-batch: expected a Tensor, an array of Tensors or an object of Tensors, got an array of 0$/],
      [[{}, y], 'ERR_INVALID_ARG_TYPE', /got an object$/],
      [[[x, 3], y], 'ERR_INVALID_ARG_TYPE', /got 3 at index 1$/],
      [[[x, , scale], y], 'ERR_INVALID_ARG_TYPE', /got undefined at index 1$/], // eslint-disable-line no-sparse-arrays
      [[{ x, scale: [1, 2] }, y], 'ERR_INVALID_ARG_TYPE', /got an array of 2 as "scale"$/],
      [[new Map([['x', x]]), y], 'ERR_INVALID_ARG_TYPE', /got a Map$/],
      [[new Proxy({}, { ownKeys: () => assert.fail('locked') }), y], 'ERR_INVALID_ARG_VALUE', /^x of the mini-batch: expected inputs that can be read: locked$/],
      [[[x, tensor([1, 2, 3])], y], 'ERR_LENGTH_MISMATCH', /^mini-batch: expected as many targets as inputs, got x \[\[2, 2\], \[3\]\] and y \[2\]$/],
    ];
    for (const [batch, code, message] of cases) {
      class Own extends Naive {
        override makeTrainDataloader() {
          this.dataloader = [batch] as never;
        }
      }
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      await rejectsWithCode(new Own({ model, optimizer, evaluator: null }).train(streamOf(new TensorDataset(x, y))), code, message);
    }
  });
});
