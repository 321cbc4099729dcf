// Each variant of MAS against a small calculation of its own: two layers in plain float64, differentiated by hand.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { benchmarkFromDatasets, Generator, MASPlugin, type MASPluginOptions, models, nn, optim, SupervisedTemplate, type Tensor, tensor, TensorDataset } from '../../../lib/index';

type Vector = number[];
/** Weights and what is measured of them, by parameter name, row by row. */
type Values = Record<'0.weight' | '0.bias' | '2.weight' | '2.bias', Vector>;
const names = ['0.weight', '0.bias', '2.weight', '2.bias'] as const;
const [inputs, hidden, outputs] = [2, 3, 3];
const sizes = { '0.weight': hidden * inputs, '0.bias': hidden, '2.weight': outputs * hidden, '2.bias': outputs };

const map = (change: (name: (typeof names)[number], i: number) => number): Values =>
  Object.fromEntries(names.map((name) => [name, Array.from({ length: sizes[name] }, (_, i) => change(name, i))])) as Values;
const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
const row = (values: Vector, i: number, width: number) => values.slice(i * width, (i + 1) * width);
const indices = (n: number) => Array.from({ length: n }, (_, i) => i);

function forward(w: Values, x: Vector): { h: Vector; f: Vector } {
  const h = indices(hidden).map((i) => Math.tanh(dot(row(w['0.weight'], i, inputs), x) + w['0.bias'][i]!));
  const f = indices(outputs).map((i) => dot(row(w['2.weight'], i, hidden), h) + w['2.bias'][i]!);
  return { h, f };
}

/** The gradient of sum_x l(x), df being dl/dF of a sample. */
function gradient(w: Values, xs: Vector[], df: (f: Vector) => Vector): Values {
  const sum = map(() => 0);
  for (const x of xs) {
    const { h, f } = forward(w, x);
    const d = df(f);
    const dh = h.map((value, j) => dot(d, indices(outputs).map((i) => w['2.weight'][i * hidden + j]!)) * (1 - value * value));
    d.forEach((value, i) => {
      sum['2.bias'][i]! += value;
      h.forEach((other, j) => (sum['2.weight'][i * hidden + j]! += value * other));
    });
    dh.forEach((value, i) => {
      sum['0.bias'][i]! += value;
      x.forEach((other, j) => (sum['0.weight'][i * inputs + j]! += value * other));
    });
  }
  return sum;
}

const batchesOf = (xs: Vector[], size: number) => indices(Math.ceil(xs.length / size)).map((i) => xs.slice(i * size, (i + 1) * size));
const norm = (f: Vector) => Math.sqrt(dot(f, f));
const scaled = (f: Vector, by: number) => f.map((value) => value * by);
/** mean over mini-batches of |the gradient of what `df` is a mini-batch's derivative of|. */
const meanOfBatches = (w: Values, batches: Vector[][], df: (f: Vector, n: number) => Vector): Values => {
  const each = batches.map((batch) => gradient(w, batch, (f) => df(f, batch.length)));
  return map((name, i) => each.reduce((sum, g) => sum + Math.abs(g[name][i]!), 0) / batches.length);
};

const data: Vector[][] = [
  [[0.5, -1], [1.5, 0.25], [-0.75, 2], [1, 1], [0.1, -0.3]],
  [[-1, -1], [2, 0.5], [0.3, 0.9], [-0.2, 1.1], [0.8, -1.7]],
];
const labels = [[0, 1, 0, 1, 0], [2, 2, 2, 2, 2]];
/** The weights while an experience is learned. */
const weights = [0, 1, 2].map((experience) => map((name, i) => Math.sin(name.length * 7 + i * 1.3 + experience * 0.4)));

interface Case {
  options: MASPluginOptions;
  trainMbSize?: number;
  /** What an experience measures. */
  measured(w: Values, xs: Vector[], experience: number): Values;
  merged(first: Values, second: Values): Values;
  /** What multiplies sum Omega (theta - theta*)^2, lambdaReg being 3. */
  factor: number;
}
const sum = (first: Values, second: Values) => map((name, i) => first[name][i]! + second[name][i]!);
const noOutputLayer = (values: Values) => map((name, i) => (name.startsWith('2.') ? 0 : values[name][i]!));

const cases: Record<string, Case> = {
  avalanche: {
    options: {},
    measured: (w, xs) => meanOfBatches(w, batchesOf(xs, 2), (f, n) => scaled(f, 2 / n)),
    merged: (a, b) => map((name, i) => 0.5 * a[name][i]! + 0.5 * b[name][i]!),
    factor: 3,
  },
  // One mini-batch, since it is shuffled; half of it at the first experience too; the output layer is free.
  facil: {
    options: { preset: 'facil', alpha: 0.25 },
    trainMbSize: 5,
    measured: (w, xs) => noOutputLayer(meanOfBatches(w, [xs], (f, n) => scaled(f, 1 / norm(f) / n))),
    merged: (a, b) => map((name, i) => 0.25 * (0.75 * a[name][i]!) + 0.75 * b[name][i]!),
    factor: 1.5,
  },
  'facil, mini-batches of one size': {
    options: { preset: 'facil', shuffle: false, alpha: 'classCount' },
    measured: (w, xs) => noOutputLayer(meanOfBatches(w, batchesOf(xs, 2).slice(0, 2), (f, n) => scaled(f, 1 / norm(f) / n))),
    // No class came before the first experience's two; two of three before the second's.
    merged: (a, b) => map((name, i) => (2 / 3) * a[name][i]! + (1 / 3) * b[name][i]!),
    factor: 1.5,
  },
  // Their running mean: Omega <- (Omega i B + |d sum F^2|) / ((i + 1) B), B the size of this mini-batch. Mini-batches of one size.
  original2018: {
    options: { preset: 'original2018', batchSize: 5 },
    measured: (w, xs) => {
      const g = gradient(w, xs, (f) => scaled(f, 2));
      return map((name, i) => Math.abs(g[name][i]!) / 5);
    },
    merged: sum,
    factor: 3,
  },
  paper: {
    options: { preset: 'paper' },
    measured: (w, xs) => meanOfBatches(w, xs.map((x) => [x]), (f) => scaled(f, 2)),
    merged: sum,
    factor: 3,
  },
  // Two classes are seen in the first experience, three in the second.
  hsu2018: {
    options: { preset: 'hsu2018' },
    trainMbSize: 5,
    measured: (w, xs, experience) => {
      const seen = experience === 0 ? 2 : 3;
      return meanOfBatches(w, [xs], (f, n) => f.map((value, c) => (c < seen ? (2 * value) / n / seen : 0)));
    },
    merged: sum,
    factor: 3,
  },
  // The last 256 samples trained on: here all so far, those of the first experience among them.
  capymoa: {
    options: { preset: 'capymoa' },
    measured: (w, xs, experience) => {
      const window = experience === 0 ? xs : [...data[0]!, ...xs];
      return meanOfBatches(w, batchesOf(window, 32), (f, n) => scaled(f, 2 / n));
    },
    merged: (a, b) => map((name, i) => 0.5 * (0.5 * a[name][i]!) + 0.5 * b[name][i]!),
    factor: 1.5,
  },
  'sums of squares, weighted by samples': {
    options: { objective: 'sumSquares', weighting: 'perSample', merge: 'sum' },
    measured: (w, xs) => {
      const each = batchesOf(xs, 2).map((batch) => [gradient(w, batch, (f) => scaled(f, 2)), batch.length] as const);
      return map((name, i) => each.reduce((total, [g, n]) => total + n * Math.abs(g[name][i]!), 0) / xs.length);
    },
    merged: sum,
    factor: 3,
  },
  'sums of magnitudes': {
    options: { objective: 'sumAbs', merge: 'sum' },
    measured: (w, xs) => meanOfBatches(w, batchesOf(xs, 2), (f) => f.map(Math.sign)),
    merged: sum,
    factor: 3,
  },
  'output by output': {
    options: { objective: 'perOutput', merge: 'sum' },
    measured: (w, xs) => {
      const each = indices(outputs).map((c) => meanOfBatches(w, batchesOf(xs, 2), (f, n) => f.map((_, i) => (i === c ? 1 / n : 0))));
      return map((name, i) => each.reduce((total, g) => total + g[name][i]!, 0));
    },
    merged: sum,
    factor: 3,
  },
  'output by output, sample by sample': {
    options: { objective: 'perOutput', granularity: 'sample', mode: 'eval', merge: 'sum' },
    measured: (w, xs) => {
      const each = indices(outputs).map((c) => meanOfBatches(w, xs.map((x) => [x]), (f) => f.map((_, i) => (i === c ? 1 : 0))));
      return map((name, i) => each.reduce((total, g) => total + g[name][i]!, 0));
    },
    merged: sum,
    factor: 3,
  },
  'the first three samples, normalised by their largest': {
    options: { maxSamples: 3, normalize: 'max', merge: 'sum' },
    measured: (w, xs) => {
      const values = meanOfBatches(w, batchesOf(xs.slice(0, 3), 2), (f, n) => scaled(f, 2 / n));
      const largest = Math.max(...names.flatMap((name) => values[name]));
      return map((name, i) => values[name][i]! / largest);
    },
    merged: sum,
    factor: 3,
  },
};

function closeTo(actual: ReadonlyMap<string, Tensor>, expected: Values): void {
  for (const name of names) {
    const numbers = actual.get(name)!.toNumbers();
    expected[name].forEach((value, i) => assert.ok(Math.abs(numbers[i]! - value) <= 1e-12 * Math.max(1, Math.abs(value)), `${name}[${i}]: ${numbers[i]}, expected ${value}`));
  }
}

const newModel = () => new nn.Sequential(new nn.Linear(inputs, hidden, { dtype: 'float64' }), new nn.Tanh(), new nn.Linear(hidden, outputs, { dtype: 'float64' }));

describe('the variants of MAS', () => {
  for (const [name, { options, trainMbSize = 2, measured, merged, factor }] of Object.entries(cases)) {
    it(`${name}: importances and penalty`, async () => {
      const model = newModel();
      const set = (values: Values) => {
        for (const [of, theta] of model.namedParameters()) theta.detach().copy_(tensor(values[of as '0.bias'], { dtype: 'float64', shape: theta.shape }));
      };
      const losses: number[] = [];
      const mas = new MASPlugin({ lambdaReg: 3, ...options });
      const strategy = new SupervisedTemplate({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
        criterion: (output) => output.mul(0).sum(),
        trainMbSize,
        evaluator: null,
        generator: new Generator({ device: 'cpu' }),
        plugins: [mas, { beforeTrainingExp: (s) => set(weights[s.clock.trainExpCounter]!), afterBackward: (s) => void losses.push(s.loss.item()) }],
      });
      const sets = [...data, data[0]!].map((xs, k) => new TensorDataset(tensor(xs, { dtype: 'float64' }), (labels[k] ?? labels[0]!), {}));
      const { trainStream } = benchmarkFromDatasets({ train: sets });
      await strategy.train(trainStream[0]!);
      const first = measured(weights[0]!, data[0]!, 0);
      await strategy.train(trainStream[1]!);
      const expected = merged(first, measured(weights[1]!, data[1]!, 1));
      closeTo(mas.importance!, expected);
      closeTo(mas.params!, weights[1]!);
      await strategy.train(trainStream[2]!);
      // The loss is float32.
      const penalty = factor * names.flatMap((of) => expected[of].map((omega, i) => omega * (weights[2]![of][i]! - weights[1]![of][i]!) ** 2)).reduce((a, b) => a + b);
      assert.ok(Math.abs(losses.at(-1)! - penalty) <= 1e-6 * penalty, `${losses.at(-1)}, expected ${penalty}`);
    });
  }

  // The authors put a new head in the place of the old one, and train that alone beside the layers below.
  it('original2018 holds all but the new head, where each task has one', async () => {
    const model = new models.MTSimpleMLP({ inputSize: inputs, hiddenSize: hidden });
    const heads = (of: Iterable<[string, Tensor]>) => [...of].filter(([name]) => name.startsWith('classifier.'));
    const numbers = () => new Map(heads(model.namedParameters()).map(([name, theta]) => [name, theta.toNumbers()]));
    const held: string[][] = [];
    const mas = new MASPlugin({ preset: 'original2018', lambdaReg: 0.1 });
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      trainMbSize: 2,
      evaluator: null,
      generator: new Generator({ device: 'cpu' }).manualSeed(1),
      plugins: [mas, { afterTrainingEpoch: () => void held.push(heads(mas.importance ?? []).map(([name]) => name)) }],
    });
    const sets = data.map((xs, task) => new TensorDataset(tensor(xs), [0, 1, 0, 1, 0], {}).withTaskLabels(task));
    const { trainStream } = benchmarkFromDatasets({ train: sets });
    await strategy.train(trainStream[0]!);
    const before = numbers();
    const ofFirst = heads(mas.importance!).map(([name, omega]) => [name, omega.toNumbers()] as const);
    assert.ok(ofFirst.every(([, omega]) => omega.some((value) => value > 0)));
    await strategy.train(trainStream[1]!);
    assert.deepEqual(held, [[], [...before.keys()]]);
    const after = numbers();
    assert.equal(after.size, 2 * before.size);
    for (const [name, theta] of before) assert.deepEqual(after.get(name), theta, name);
    for (const [name, omega] of ofFirst) assert.deepEqual(mas.importance!.get(name)!.toNumbers(), omega, name);
  });
});
