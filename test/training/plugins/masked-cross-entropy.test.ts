import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  EvaluationPlugin,
  Generator,
  lossMetrics,
  manualSeed,
  MaskedCrossEntropy,
  type nn,
  type MaskedCrossEntropyOptions,
  optim,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  type Tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';
import { assertTensorClose, rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { numbersOf, smallBenchmark, smallDataset, smallModel } from '../../support/small-runs';

const long = { dtype: 'int64' } as const;
const labels = () => tensor([1, 3, 2], long);
const logits = () =>
  tensor([[1, -2, 0.5, 3, 0.25], [0, 4, -1, 2, 1.5], [-0.5, 0.75, 2, -3, 1]], { dtype: 'float64', requiresGrad: true }); // prettier-ignore

/** PyTorch 2.13, the softmax over the columns 1 to 4, 2 and 3, 1 and 4, all: losses, and the gradient of their mean. */
const recorded = {
  seen: { each: [5.142151092021754, 2.2022534476793516, 0.5074933890519309], gradient: [[0, -0.3313849657, 0.0237359766, 0.2891633919, 0.0184855972], [0, 0.2722959545, 0.0018347157, -0.2964820832, 0.022351413], [0, 0.0574922181, -0.1326657748, 0.0013520874, 0.0738214693]] },
  new: { each: [0, 0.04858735157374191, 0.006715348489117944], gradient: [[0, 0, 0, 0, 0], [0, 0, 0.0158086244, -0.0158086244, 0], [0, 0, -0.0022309503, 0.0022309503, 0]] },
  old: { each: [2.350206558916747, 0, 0], gradient: [[0, -0.3015501784, 0, 0, 0.3015501784], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]] },
  all: { each: [5.253157465562052, 2.2171044467741763, 0.5557266255981439], gradient: [[0.0350223183, -0.3315896748, 0.0212421098, 0.2587818748, 0.0165433718], [0.0049137556, 0.2682819671, 0.0018076697, -0.2970253173, 0.0220219249], [0.0156961642, 0.0547849962, -0.1421149076, 0.0012884196, 0.0703453276]] },
} as const; // prettier-ignore

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
/** Of the output layer. */
const biasOf = (model: nn.Module) => [...model.namedParameters().values()].at(-1)!.toNumbers();

/** One that has learned the classes 1 and 4, and is at 2 and 3. */
function atSecond(options: MaskedCrossEntropyOptions): MaskedCrossEntropy {
  const criterion = new MaskedCrossEntropy(options);
  criterion.loadStateDict({ currentClasses: [3, 2], oldClasses: [1, 4], experience: 1 });
  return criterion;
}

/** Trains both experiences; another `forward` with the same value keeps the criterion from its native twin. */
async function run(criterion: MaskedCrossEntropy, options: Partial<SupervisedTemplateOptions> = {}) {
  manualSeed(3);
  const model = smallModel();
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.5 }),
    criterion,
    trainMbSize: 3,
    trainEpochs: 2,
    generator: new Generator({ device: 'cpu' }).manualSeed(1),
    evaluator: new EvaluationPlugin(lossMetrics({ experience: true }), { loggers: [] }),
    ...options,
  });
  const { trainStream, testStream } = smallBenchmark();
  await strategy.train(trainStream);
  const metrics = await strategy.eval(testStream);
  return { parameters: numbersOf(new Map(model.namedParameters())), metrics, strategy };
}

describe('MaskedCrossEntropy', () => {
  for (const [mask, { each, gradient }] of Object.entries(recorded)) {
    it(`is the cross-entropy over the classes of the mask: ${mask}`, () => {
      const options = { mask: mask as 'seen' };
      assertTensorClose(atSecond({ ...options, reduction: 'none' }).forward(logits(), labels()), tensor([...each], { dtype: 'float64' }));
      const output = logits();
      const loss = atSecond(options).forward(output, labels());
      assertTensorClose(loss, tensor(sumOf(each) / 3, { dtype: 'float64' }));
      loss.backward();
      assertTensorClose(output.grad!, tensor(gradient.map((row) => [...row]), { dtype: 'float64' }), { relative: 0, absolute: 1e-10 });
    });
  }

  it('stays finite where the reference has the logarithm of 0', () => {
    const output = tensor([[0, 1000], [2000, 0]], { requiresGrad: true });
    const loss = new MaskedCrossEntropy({ classes: [0, 1] }).forward(output, tensor([0, 1], long));
    assert.equal(loss.item(), 1500);
    loss.backward();
    assert.deepEqual(output.grad!.toNumbers(), [-0.5, 0.5, 0.5, -0.5]);
  });

  it('gives 0 for a mini-batch of which no class is in the mask, and where there are no classes yet', () => {
    for (const criterion of [new MaskedCrossEntropy(), atSecond({ mask: 'old' })]) {
      const output = logits();
      const loss = criterion.forward(output, tensor([2, 3, 3], long));
      assert.equal(loss.item(), 0);
      loss.backward();
      assert.deepEqual(output.grad!.toNumbers(), Array<number>(15).fill(0));
    }
  });

  it('learns the classes of each experience', async () => {
    for (const [mask, columns] of [['seen', [0, 1, 2, 3]], ['new', [2, 3]], ['all', [0, 1, 2, 3]]] as const) {
      const seen: [readonly number[], readonly number[]][] = [];
      const criterion = new MaskedCrossEntropy({ mask });
      const note = () => void seen.push([criterion.oldClasses, criterion.currentClasses]);
      // The criterion's hook comes behind those of the plugins.
      const { metrics, strategy } = await run(criterion, { plugins: [{ beforeTrainingEpoch: note }] });
      assert.deepEqual([seen[0], seen[2]], [[[], [0, 1]], [[0, 1], [2, 3]]]);
      // What it comes to in an evaluation is the cross-entropy over these columns.
      for (const [k, wanted] of [[0, [0, 1]], [1, [2, 3]]] as const) {
        const { x } = smallDataset(4, [...wanted], 2 + k);
        const targets = [0, 1, 0, 1].map((i) => columns.findIndex((column) => column === wanted[i]));
        const all = (await strategy.model.predict(x)).indexSelect(1, tensor([...columns], long)).logSoftmax(1).to('cpu');
        const each = targets.map((target, i) => (target < 0 ? 0 : -Number(all.select(0, i).select(0, target).item())));
        const loss = metrics[`Loss_Exp/eval_phase/test_stream/Task000/Exp00${k}`] as number;
        assert.ok(Math.abs(loss - sumOf(each) / 4) < 1e-5, `${mask}: ${loss}`);
      }
    }
  });

  it('comes to the same on the compute thread as in JavaScript', async () => {
    class InJavaScript extends MaskedCrossEntropy {
      override forward(output: Tensor, target: Tensor) {
        return super.forward(output, target);
      }
    }
    for (const mask of ['seen', 'new', 'all'] as const) {
      const [native, called] = [await run(new MaskedCrossEntropy({ mask })), await run(new InJavaScript({ mask }))];
      for (const [name, values] of Object.entries(native.parameters)) {
        assertTensorClose(tensor(values, { device: 'cpu' }), tensor(called.parameters[name]!, { device: 'cpu' }), { relative: 1e-5, absolute: 1e-6 });
      }
    }
  });

  it('leaves outputs of other experiences as they are', async () => {
    manualSeed(3);
    const fresh = biasOf(smallModel());
    const { strategy } = await run(new MaskedCrossEntropy({ mask: 'new' }), { plugins: [{ afterTrainingExp: (s) => s.stop() }] });
    const trained = biasOf(strategy.model);
    assert.deepEqual(trained.slice(2), fresh.slice(2));
    assert.notDeepEqual(trained.slice(0, 2), fresh.slice(0, 2));
  });

  it('counts an experience that is begun anew once', async () => {
    const criterion = new MaskedCrossEntropy({ mask: 'seen' });
    let fails = true;
    const failing = {
      beforeTrainingEpoch() {
        if (fails) throw new Error('not yet');
      },
    };
    manualSeed(0);
    const model = smallModel();
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      criterion,
      plugins: [failing],
      generator: new Generator({ device: 'cpu' }),
      evaluator: new EvaluationPlugin({ loggers: [] }),
    });
    const { trainStream } = smallBenchmark();
    await rejectsWithCode(strategy.train(trainStream.at(0)!), 'ERR_HOOK', /not yet/);
    fails = false;
    await strategy.train(trainStream.at(0)!);
    assert.deepEqual([criterion.oldClasses, criterion.currentClasses], [[], [0, 1]]);
    await strategy.train(trainStream.at(1)!);
    assert.deepEqual([criterion.oldClasses, criterion.currentClasses], [[0, 1], [2, 3]]);
  });

  it('misuse: options, states, shapes and labels', () => {
    const make = (options: object) => () => new MaskedCrossEntropy(options);
    throwsWithCode(make({ mask: 'fresh' }), 'ERR_INVALID_ARG_VALUE', /expected mask to be "seen", "new", "old" or "all", got "fresh"$/);
    throwsWithCode(make({ classes: [-1] }), 'ERR_INVALID_ARG_VALUE', /classes/);
    throwsWithCode(make({ reduction: 'sum' }), 'ERR_INVALID_ARG_VALUE', /"mean" or "none"/);
    throwsWithCode(make({ weight: null }), 'ERR_UNKNOWN_OPTION', /"weight"; expected among mask, classes, reduction/);
    throwsWithCode(() => new MaskedCrossEntropy().loadStateDict({}), 'ERR_STATE_DICT', /Missing key/);
    const criterion = atSecond({});
    throwsWithCode(() => criterion.forward(logits(), tensor([1, 2], long)), 'ERR_CRITERION', /expected output \[B, C\] and target int64 \[B\], got float64 \[3, 5\] and int64 \[2\]$/);
    throwsWithCode(() => criterion.forward(logits(), tensor([1, 2, 3])), 'ERR_CRITERION', /and float32 \[3\]$/);
    throwsWithCode(() => criterion.forward(logits(), tensor([1, 2, 5], long)), 'ERR_LABEL_RANGE', /expected labels in \[0, 5\) for a model output of shape \[3, 5\], got 5$/);
    throwsWithCode(() => criterion.forward(torch.zeros([1, 4]), tensor([1], long)), 'ERR_LABEL_RANGE', /expected classes of the mask in \[0, 4\) .*, got 4$/);
  });

  it('misuse: what a strategy is trained with', async () => {
    await rejectsWithCode(run(new MaskedCrossEntropy({ mask: 'old' })), 'ERR_CRITERION', /expected classes to learn with mask "old", got none: before the first experience/);
    await rejectsWithCode(run(new MaskedCrossEntropy({ reduction: 'none' })), 'ERR_CRITERION', /expected the loss of a mini-batch, one number, got \[3\]/);
    const regression = benchmarkFromDatasets({ train: [new TensorDataset([[1, 2, 3, 4]], [[0.5]])], test: [] });
    const { strategy } = await run(new MaskedCrossEntropy({ mask: 'new' }));
    await rejectsWithCode(strategy.train(regression.trainStream), 'ERR_CRITERION', /got none: the data has no class labels$/);
    const wide = benchmarkFromDatasets({ train: [smallDataset(4, [0, 9])], test: [] });
    for (const criterion of [new MaskedCrossEntropy(), new MaskedCrossEntropy({ mask: 'all' })]) {
      const { strategy: narrow } = await run(criterion);
      await rejectsWithCode(narrow.train(wide.trainStream), 'ERR_LABEL_RANGE', /(classes of the mask|labels) in \[0, 4\) .*, got 9$/);
    }
  });
});
