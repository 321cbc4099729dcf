// What MAS measures on, when, and what the pass leaves as it was.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  Generator,
  type ImportanceData,
  manualSeed,
  MAS,
  MASPlugin,
  type MASPluginOptions,
  nn,
  optim,
  type Plugin,
  slice,
  SlidingWindow,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../../support/assertions';

const rows = [[1, 1], [2, 0], [0, 1], [3, -1], [-1, 2]]; // prettier-ignore
const dataset = (x: number[][]) => new TensorDataset(tensor(x), x.map((_, i) => i % 2));

/** F(x) = W x, W a row of weights. */
function run(options: MASPluginOptions = {}, { model = linear(), plugins = [] as Plugin[] } = {}) {
  const mas = new MASPlugin(options);
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    criterion: (output) => output.mul(0).sum(),
    trainMbSize: 2,
    evaluator: null,
    generator: new Generator({ device: 'cpu' }),
    plugins: [mas, ...plugins],
  });
  const { trainStream } = benchmarkFromDatasets({ train: [dataset(rows.slice(0, 2)), dataset(rows.slice(2))] });
  return { mas, strategy, model, trainStream };
}

function linear(): nn.Module {
  const model = new nn.Linear(2, 1, { bias: false });
  model.parameters()[0]!.detach().copy_(tensor([[1, -2]]));
  return model;
}

/** 1/N sum_x |2 (w.x) x| of w = (1, -2), and of mini-batches of two the same of their means. */
function expected(x: number[][], size = 1): number[] {
  const batches = Array.from({ length: Math.ceil(x.length / size) }, (_, i) => x.slice(i * size, (i + 1) * size));
  const of = (batch: number[][], i: number) => Math.abs(batch.reduce((sum, [a, b]) => sum + 2 * (a! - 2 * b!) * [a!, b!][i]!, 0) / batch.length);
  return rounded([0, 1].map((i) => batches.reduce((sum, batch) => sum + of(batch, i), 0) / batches.length));
}

/** What float32 can tell apart. */
const rounded = (values: readonly number[]) => values.map((value) => Number(value.toPrecision(6)));
const importanceOf = (mas: MASPlugin) => rounded(mas.importance!.get('weight')!.toNumbers());

async function* oneByOne(x: number[][]) {
  for (const each of x) yield tensor(await Promise.resolve(each));
}

describe('what MAS measures on', () => {
  const others = rows.slice(2);
  const sources: Record<string, () => ImportanceData> = {
    'a dataset': () => dataset(others),
    'a tensor without labels': () => tensor(others),
    'several inputs': () => [tensor(others)],
    'inputs by name': () => ({ input: tensor(others) }),
    'an array of samples': () => others.map((x) => new Float32Array(x)),
    'an async iterator': () => oneByOne(others),
    'a function': () => () => tensor(others),
    'a function that waits': () => async () => oneByOne(await Promise.resolve(others)),
    'a window': () => {
      const window = new SlidingWindow(3);
      window.add(tensor(rows));
      return window;
    },
  };
  for (const granularity of ['batch', 'sample'] as const) {
    for (const [name, source] of Object.entries(sources)) {
      it(`${name}, by ${granularity}`, async () => {
        const { mas, strategy } = run({ granularity });
        await mas.updateImportance(strategy, source());
        assert.deepEqual(importanceOf(mas), expected(others, granularity === 'batch' ? 2 : 1));
      });
    }
  }

  it('importanceData of each experience, by a function', async () => {
    const seen: (number | null)[] = [];
    const importanceData: ImportanceData = (experience) => {
      seen.push(experience && experience.currentExperience);
      return tensor(others);
    };
    const { mas, strategy, trainStream } = run({ importanceData, merge: 'sum' });
    await strategy.train(trainStream);
    assert.deepEqual(seen, [0, 1]);
    assert.deepEqual(importanceOf(mas), rounded(expected(others, 2).map((value) => 2 * value)));
  });

  it('a window of what was trained on, and of what a program adds', async () => {
    const window = new SlidingWindow(4);
    const { mas, strategy, trainStream } = run({ importanceData: window, granularity: 'sample' });
    await strategy.train(trainStream[0]!);
    assert.deepEqual([window.length, importanceOf(mas)], [2, expected(rows.slice(0, 2))]);
    window.add(tensor([[5, 5], [6, 6], [7, 7]])); // prettier-ignore
    assert.equal(window.length, 4);
    await mas.updateImportance(strategy, window);
    const { x } = window.stateDict() as { x: Tensor[] };
    assert.deepEqual(torch.cat(x).index([slice(1, null)]).toArray(), [[5, 5], [6, 6], [7, 7]]); // prettier-ignore
  });

  it('some samples of a source that does not end', async () => {
    async function* endless() {
      for (;;) yield* oneByOne(others);
    }
    const { mas, strategy } = run({ maxSamples: 3 });
    await mas.updateImportance(strategy, endless());
    assert.deepEqual(importanceOf(mas), expected(others, 2));
  });
});

describe('MASPlugin.updateImportance', () => {
  it('protects a model from its first experience here on', async () => {
    const losses: number[] = [];
    const away: Plugin = {
      beforeTrainingExp: ({ model }) => void model.parameters()[0]!.detach().add_(1),
      afterBackward: ({ loss }) => void losses.push(loss.item()),
    };
    const { mas, strategy, trainStream } = run({ lambdaReg: 10 }, { plugins: [away] });
    await mas.updateImportance(strategy, tensor(rows));
    const [a, b] = expected(rows, 2) as [number, number];
    await strategy.train(trainStream[0]!);
    assert.ok(Math.abs(losses[0]! - 10 * (a + b)) < 1e-4, `${losses[0]}`);
    // And is merged with: a second update is not a first one.
    const before = importanceOf(mas);
    await mas.updateImportance(strategy, tensor(rows));
    assert.notDeepEqual(importanceOf(mas), before);
  });

  it('works in a hook, and is refused beside a training', async () => {
    let inside: Promise<void> | undefined;
    const { mas, strategy, trainStream } = run({}, { plugins: [{ beforeTrainingExp: (s) => (inside = mas.updateImportance(s, tensor(rows))) }] });
    await strategy.train(trainStream[0]!);
    await inside;
    const training = strategy.train(trainStream[1]!);
    await rejectsWithCode(mas.updateImportance(strategy, tensor(rows)), 'ERR_BUSY', /./);
    await training;
  });

  it('keeps what was remembered where it fails', async () => {
    const { mas, strategy } = run();
    await mas.updateImportance(strategy, tensor(rows));
    const before = importanceOf(mas);
    for (const [data, code] of [
      [tensor([[1, 2, 3]]), 'ERR_IMPORTANCE'],
      [tensor([[1, 2], [NaN, 0]]), 'ERR_IMPORTANCE'], // prettier-ignore
      [tensor([[1, 2], [1, 1], [Infinity, 0]]), 'ERR_IMPORTANCE'], // prettier-ignore
      [torch.zeros([0, 2]), 'ERR_EMPTY_EXPERIENCE'],
      [oneByOne([]), 'ERR_DATA_SOURCE'],
      [new SlidingWindow(2), 'ERR_EMPTY_EXPERIENCE'],
      [() => 3 as never, 'ERR_INVALID_ARG_TYPE'],
      [() => Promise.reject(new Error('no')) as never, 'ERR_DATA_SOURCE'],
    ] as const) {
      await rejectsWithCode(mas.updateImportance(strategy, data), code, /./);
      assert.deepEqual(importanceOf(mas), before);
    }
    await rejectsWithCode(mas.updateImportance(strategy, 3 as never), 'ERR_INVALID_ARG_TYPE', /updateImportance/);
    await rejectsWithCode(mas.updateImportance({} as never, tensor(rows)), 'ERR_INVALID_ARG_TYPE', /a strategy/);
  });

  it('names the mini-batch that is not finite', async () => {
    const { mas, strategy } = run();
    const data = tensor([[1, 2], [1, 1], [2, 2], [1, 1], [Infinity, 0]]); // prettier-ignore
    await rejectsWithCode(mas.updateImportance(strategy, data), 'ERR_IMPORTANCE', /NaN or infinity in mini-batch 2/);
  });
});

describe('what the pass of MAS leaves as it was', () => {
  const model = () => new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.Dropout(0.5), new nn.Linear(3, 2));

  for (const preset of ['original2018', 'paper', 'hsu2018'] as const) {
    it(`${preset}: modes, buffers, gradients and, but for shuffles, random numbers`, async () => {
      manualSeed(1);
      const net = model();
      net.getSubmodule('1').eval();
      const state = () => ({
        modes: [...net.modules()].map(({ training }) => training),
        buffers: net.buffers().map((buffer) => buffer.toArray()),
        gradients: net.parameters().map(({ grad }) => grad && grad.toArray()),
        parameters: net.parameters().map((theta) => theta.toArray()),
        random: preset === 'hsu2018' ? null : torch.getRngState().toArray(),
      });
      let before: ReturnType<typeof state> | undefined;
      const mas = new MASPlugin({ preset });
      const strategy = new SupervisedTemplate({
        model: net,
        optimizer: new optim.SGD(net.parameters(), { lr: 0.1 }),
        trainMbSize: 2,
        evaluator: null,
        plugins: [{ beforeTrainingEpoch: () => void net.getSubmodule('2').eval(), afterTrainingExp: () => void (before = state()) }, mas, { afterTrainingExp: () => void assert.deepEqual(state(), before) }],
      });
      await strategy.train(benchmarkFromDatasets({ train: [dataset(rows.slice(0, 4))] }).trainStream);
      assert.ok(before!.gradients.every((grad) => grad !== null));
      assert.ok(before!.modes.includes(true) && before!.modes.includes(false));
    });
  }

  it('clearGrads: none are left', async () => {
    const { strategy, trainStream, model } = run({ clearGrads: true });
    let grads: unknown;
    strategy.plugins.push({ afterTrainingExp: () => void (grads = model.parameters().map(({ grad }) => grad)) });
    await strategy.train(trainStream[0]!);
    assert.deepEqual(grads, [null]);
  });
});

describe('options of MAS', () => {
  it('include says what is held', async () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
    const mas = new MASPlugin({ include: (name) => name.startsWith('0.') });
    const strategy = new SupervisedTemplate({ model: net, optimizer: new optim.SGD(net.parameters(), { lr: 0 }), trainMbSize: 2, evaluator: null, plugins: [mas] });
    await strategy.train(benchmarkFromDatasets({ train: [dataset(rows)] }).trainStream);
    const largest = new Map([...mas.importance!].map(([name, omega]) => [name, omega.max().item()]));
    assert.deepEqual([...largest.keys()], ['0.weight', '0.bias', '1.weight', '1.bias']);
    assert.ok(largest.get('0.weight')! > 0 && largest.get('0.bias')! > 0);
    assert.deepEqual([largest.get('1.weight'), largest.get('1.bias')], [0, 0]);
  });

  it('normalize: the mean or the largest element is 1', async () => {
    for (const normalize of ['mean', 'max'] as const) {
      const { mas, strategy } = run({ normalize });
      await mas.updateImportance(strategy, tensor(rows));
      const values = importanceOf(mas);
      assert.ok(Math.abs((normalize === 'max' ? Math.max(...values) : (values[0]! + values[1]!) / 2) - 1) < 1e-6);
    }
  });

  it('keepHistory: what each experience has measured, and through a state', async () => {
    const { mas, strategy, trainStream } = run({ keepHistory: true, granularity: 'sample' });
    await mas.updateImportance(strategy, tensor(rows));
    await strategy.train(trainStream);
    const of = ({ history }: MASPlugin) => history.map(({ experience, importance }) => [experience, rounded(importance.get('weight')!.toNumbers())]);
    const wanted = [[null, expected(rows)], [0, expected(rows.slice(0, 2))], [1, expected(rows.slice(2))]];
    assert.deepEqual(of(mas), wanted);
    const other = new MASPlugin({ keepHistory: true, granularity: 'sample' });
    other.loadStateDict(mas.stateDict());
    assert.deepEqual(of(other), wanted);
  });

  it('unseenHeads: what no gradient reaches may keep its importance', async () => {
    class Two extends nn.Module {
      heads = [new nn.Linear(2, 1, { bias: false }), new nn.Linear(2, 1, { bias: false })];
      first = this.heads[0]!;
      second = this.heads[1]!;
      at = 0;
      override forward(x: Tensor): Tensor {
        return this.heads[this.at]!.forward(x);
      }
    }
    for (const unseenHeads of ['keep', 'decay'] as const) {
      const net = new Two();
      const mas = new MASPlugin({ unseenHeads });
      const strategy = new SupervisedTemplate({ model: net, optimizer: new optim.SGD(net.parameters(), { lr: 0 }), trainMbSize: 2, evaluator: null, plugins: [mas] });
      await mas.updateImportance(strategy, tensor(rows));
      const before = mas.importance!.get('first.weight')!.toNumbers();
      net.at = 1;
      await mas.updateImportance(strategy, tensor(rows));
      assert.deepEqual(mas.importance!.get('first.weight')!.toNumbers(), unseenHeads === 'keep' ? before : before.map((value) => value / 2));
    }
  });

  const wrong: [MASPluginOptions, RegExp][] = [
    [{ alpha: 0.5, merge: 'sum' }, /no alpha with merge "sum".*got alpha 0.5/],
    [{ preset: 'paper', alpha: 0.3 }, /no alpha with merge "sum"/],
    [{ granularity: 'sample', weighting: 'perBatch' }, /weighting "perSample" with granularity "sample"/],
    [{ granularity: 'sample', lastBatch: 'drop' }, /lastBatch "include" with granularity "sample"/],
    [{ importanceData: new SlidingWindow(8), batchSize: 16 }, /a window of at least batchSize 16, got one of 8/],
    [{ preset: 'capymoa', batchSize: 512 }, /a window of at least batchSize 512, got one of 256/],
    [{ preset: 'mine' as never }, /preset to be "avalanche", .*"capymoa", got "mine"/],
    [{ penaltyScale: 2 as never }, /penaltyScale to be 1 or 0.5, got 2/],
    [{ normalize: 'sum' as never }, /normalize to be "mean" or "max"/],
    [{ alpha: 1.5 }, /alpha to be a number in \[0, 1\], got 1.5/],
    [{ batchSize: 0 }, /batchSize to be a positive integer/],
  ];
  for (const [options, message] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      throwsWithCode(() => new MASPlugin(options), 'ERR_INVALID_ARG_VALUE', message);
    });
  }

  it('refuses what is of another type, or no option', () => {
    throwsWithCode(() => new MASPlugin({ include: 'all' as never }), 'ERR_INVALID_ARG_TYPE', /include to be a function, got "all"/);
    throwsWithCode(() => new MASPlugin({ importanceData: 3 as never }), 'ERR_INVALID_ARG_TYPE', /importanceData to be a dataset/);
    throwsWithCode(() => new MASPlugin({ lambda: 3 } as never), 'ERR_UNKNOWN_OPTION', /lambda/);
  });

  it('are those of the strategy MAS too', async () => {
    const net = linear();
    const strategy = new MAS({ model: net, optimizer: new optim.SGD(net.parameters(), { lr: 0 }), trainMbSize: 2, evaluator: null, preset: 'paper', lambdaReg: 2 });
    const mas = strategy.plugins.find((plugin) => plugin instanceof MASPlugin)!;
    assert.deepEqual([mas.preset, mas.lambdaReg], ['paper', 2]);
    await mas.updateImportance(strategy, tensor(rows));
    assert.deepEqual(importanceOf(mas), expected(rows));
  });

  it('lists what differs in importances of another model', async () => {
    const { mas, strategy, trainStream } = run();
    const [omega, other] = [torch.ones([2, 2]), torch.ones([3])];
    mas.loadStateDict({ importance: { weight: omega, 'head.bias': other }, anchor: { weight: omega, 'head.bias': other } });
    await rejectsWithCode(strategy.train(trainStream[0]!), 'ERR_MAS_SHAPE', /of other shapes "weight" \[2, 2\] \(in the model \[1, 2\]\) and without a parameter "head.bias"; the model has "weight" \[1, 2\]/);
    mas.loadStateDict({ importance: { 'a.b': other }, anchor: { 'a.b': other } });
    await rejectsWithCode(strategy.train(trainStream[0]!), 'ERR_MAS_SHAPE', /without a parameter "a.b"/);
  });
});

describe('odd cases of variants', () => {
  it('outputs that are seen: all, where labels are no outputs, as with a head for each task', async () => {
    const net = new nn.Linear(2, 2);
    const measured = async (outputs: 'all' | 'seen', labels: number[]) => {
      const mas = new MASPlugin({ outputs });
      const strategy = new SupervisedTemplate({
        model: net,
        optimizer: new optim.SGD(net.parameters(), { lr: 0 }),
        criterion: (output) => output.mul(0).sum(),
        trainMbSize: 2,
        evaluator: null,
        plugins: [mas],
      });
      await strategy.train(benchmarkFromDatasets({ train: [new TensorDataset(tensor(rows), labels)] }).trainStream);
      return importanceOf(mas);
    };
    const all = await measured('all', [0, 1, 0, 1, 0]);
    assert.deepEqual(await measured('seen', [4, 5, 4, 5, 4]), all);
    assert.deepEqual(await measured('seen', [1, 5, 1, 5, 1]), all);
    const [a, b, ...rest] = await measured('seen', [1, 1, 1, 1, 1]);
    assert.deepEqual([a, b, ...rest], [0, 0, ...all.slice(2)]);
  });

  it('alpha by classes is 0.5 outside of an experience, where nothing is known of them', async () => {
    const { mas, strategy } = run({ alpha: 'classCount', granularity: 'sample' });
    await mas.updateImportance(strategy, tensor(rows.slice(0, 1)));
    await mas.updateImportance(strategy, tensor(rows.slice(1)));
    const [a, b] = [expected(rows.slice(0, 1)), expected(rows.slice(1))];
    assert.deepEqual(importanceOf(mas), rounded(a.map((value, i) => (value + b[i]!) / 2)));
  });

  it('names the mini-batch that is not finite in a model of several dtypes too', async () => {
    class Mixed extends nn.Module {
      first = new nn.Linear(2, 2);
      second = new nn.Linear(2, 1, { dtype: 'float64' });
      override forward(x: Tensor): Tensor {
        return this.second.forward(this.first.forward(x).to('float64'));
      }
    }
    for (const granularity of ['batch', 'sample'] as const) {
      // The gradient of the second layer alone overflows: its input is infinite.
      const { mas, strategy } = run({ granularity }, { model: new Mixed() });
      const data = tensor([[1, 2], [1, 1], [2, 2], [1, 1], [1, Infinity], [0, 0], [1, 1]]); // prettier-ignore
      await rejectsWithCode(mas.updateImportance(strategy, data), 'ERR_IMPORTANCE', /NaN or infinity in mini-batch 2/);
    }
  });

  it('a state of a window that does not fit is refused, and changes nothing', () => {
    const window = new SlidingWindow(3);
    window.add(tensor(rows.slice(0, 2)));
    const { x, taskIds } = window.stateDict() as { x: Tensor[]; taskIds: Tensor[] };
    throwsWithCode(() => new SlidingWindow(4).loadStateDict(window.stateDict()), 'ERR_STATE_DICT', /expected size 4, got 3/);
    throwsWithCode(() => window.loadStateDict({ size: 3, x: [...x, ...x], taskIds }), 'ERR_STATE_DICT', /of 2 mini-batches, got those of 1/);
    assert.equal(window.length, 2);
  });
});
