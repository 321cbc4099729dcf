// EWC against a small calculation of its own: one layer in plain float64, differentiated by hand.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  type ContinualTorchError,
  EWC,
  EWCPlugin,
  type EWCPluginOptions,
  Generator,
  nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../../lib/index';

type Vector = number[];
const [inputs, outputs] = [2, 3];
const size = outputs * inputs + outputs; // weight row by row, then bias
const indices = (n: number) => Array.from({ length: n }, (_, i) => i);
const batchesOf = <T>(items: T[], length: number) => indices(Math.ceil(items.length / length)).map((i) => items.slice(i * length, (i + 1) * length));

type Sample = [x: Vector, y: number];
const data: Sample[][] = [
  [[[0.5, -1], 0], [[1.5, 0.25], 1], [[-0.75, 2], 0], [[1, 1], 1], [[0.1, -0.3], 0]],
  [[[-1, -1], 2], [[2, 0.5], 2], [[0.3, 0.9], 2], [[-0.2, 1.1], 2]],
  [[[0.7, 0.2], 1], [[-0.4, -0.9], 0], [[1.3, -1.2], 2]],
];
/** The weights while an experience is learned. */
const weights = [0, 1, 2].map((experience) => indices(size).map((i) => Math.sin(i * 1.3 + experience * 0.4)));

function forward(w: Vector, x: Vector): Vector {
  return indices(outputs).map((c) => indices(inputs).reduce((sum, j) => sum + w[c * inputs + j]! * x[j]!, w[outputs * inputs + c]!));
}

/** d cross entropy / d w of a sample, over these columns alone. */
function gradient(w: Vector, [x, y]: Sample, isPredicted: boolean, columns = indices(outputs)): Vector {
  const f = forward(w, x);
  const sum = columns.reduce((total, c) => total + Math.exp(f[c]!), 0);
  const label = isPredicted ? columns.reduce((best, c) => (f[c]! > f[best]! ? c : best), columns[0]!) : y;
  const delta = indices(outputs).map((c) => (columns.includes(c) ? Math.exp(f[c]!) / sum : 0) - (c === label ? 1 : 0));
  return [...delta.flatMap((d) => x.map((value) => d * value)), ...delta];
}

/** The mean over groups of samples of the square of the group's mean gradient. */
function fisher(w: Vector, groups: Sample[][], isPredicted = false, columns?: number[]): Vector {
  const squares = groups.map((group) => {
    const each = group.map((sample) => gradient(w, sample, isPredicted, columns));
    return indices(size).map((i) => (each.reduce((sum, g) => sum + g[i]!, 0) / group.length) ** 2);
  });
  return indices(size).map((i) => squares.reduce((sum, square) => sum + square[i]!, 0) / groups.length);
}

const distance = (omega: Vector, w: Vector, anchor: Vector) => omega.reduce((sum, o, i) => sum + o * (w[i]! - anchor[i]!) ** 2, 0);

interface Run {
  strategy: SupervisedTemplate;
  ewc: EWCPlugin;
  /** Of each experience the penalty and its gradient at the weights of that experience, in its first iteration. */
  penalties: number[];
  gradients: Vector[];
}

/** Learns three experiences with the weights set by hand, at a learning rate of 0. */
async function run(options: EWCPluginOptions, more: Plugin[] = []): Promise<Run> {
  const model = new nn.Sequential(new nn.Linear(inputs, outputs, { dtype: 'float64' }));
  const set = (values: Vector) => {
    let at = 0;
    for (const theta of model.parameters()) {
      theta.detach().copy_(tensor(values.slice(at, (at += theta.numel())), { dtype: 'float64', shape: theta.shape }));
    }
  };
  const penalties: number[] = [];
  const gradients: Vector[] = [];
  let plain = 0;
  const before: Plugin = {
    beforeTrainingExp: ({ clock }) => set(weights[clock.trainExpCounter]!),
    beforeBackward: ({ loss }) => void (plain = loss.item()),
  };
  const after: Plugin = {
    beforeBackward({ loss, clock }) {
      if (clock.trainExpIterations === 0) penalties.push(loss.item() - plain);
    },
    afterBackward({ model: { parameters }, clock }) {
      void parameters;
      if (clock.trainExpIterations === 0) gradients.push(model.parameters().flatMap((theta) => theta.grad!.toNumbers()));
    },
  };
  const ewc = new EWCPlugin(options);
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 2,
    evaluator: null,
    generator: new Generator({ device: 'cpu' }),
    plugins: [before, ewc, after, ...more],
  });
  const sets = data.map((samples) => new TensorDataset(tensor(samples.map(([x]) => x), { dtype: 'float64' }), tensor(samples.map(([, y]) => y), { dtype: 'int64' })));
  await strategy.train(benchmarkFromDatasets({ train: sets }).trainStream, { shuffle: false });
  return { strategy, ewc, penalties, gradients };
}

/** The loss is float32: what is added to it is known up to its last digits. */
const closeInLoss = (actual: number, expected: number, what: string) => assert.ok(Math.abs(actual - expected) <= 1e-6 * Math.max(1, Math.abs(expected)), `${what}: ${actual}, expected ${expected}`);
const close = (actual: number, expected: number, what: string) => assert.ok(Math.abs(actual - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `${what}: ${actual}, expected ${expected}`);
const flat = (tensors: ReadonlyMap<string, Tensor>) => [...tensors.values()].flatMap((each) => each.toNumbers());
const allClose = (actual: Vector, expected: Vector, what: string) => expected.forEach((value, i) => close(actual[i]!, value, `${what}[${i}]`));

describe('EWCPlugin', () => {
  const pairs = data.map((samples) => batchesOf(samples, 2));
  const ofBatches = pairs.map((batches, k) => fisher(weights[k]!, batches));

  it('separate: charges for the distance to every past experience, kept as one quadratic', async () => {
    const { ewc, penalties, gradients } = await run({ ewcLambda: 3 });
    closeInLoss(penalties[0]!, 0, 'first');
    closeInLoss(penalties[1]!, 3 * distance(ofBatches[0]!, weights[1]!, weights[0]!), 'second');
    const both = distance(ofBatches[0]!, weights[2]!, weights[0]!) + distance(ofBatches[1]!, weights[2]!, weights[1]!);
    closeInLoss(penalties[2]!, 3 * both, 'third');
    const own = indices(2).map((n) => gradient(weights[2]!, data[2]![n]!, false));
    const expected = indices(size).map((i) => {
      const ofLoss = (own[0]![i]! + own[1]![i]!) / 2;
      return ofLoss + 6 * indices(2).reduce((sum, k) => sum + ofBatches[k]![i]! * (weights[2]![i]! - weights[k]![i]!), 0);
    });
    allClose(gradients[2]!, expected, 'gradient');
    allClose(flat(ewc.importance!), indices(size).map((i) => ofBatches.reduce((sum, omega) => sum + omega[i]!, 0)), 'importance');
  });

  it('online: charges for the distance to the latest parameters, and old importances decay', async () => {
    const { ewc, penalties } = await run({ ewcLambda: 3, mode: 'online', decayFactor: 0.7 });
    const decayed = ofBatches[1]!.map((value, i) => 0.7 * ofBatches[0]![i]! + value);
    closeInLoss(penalties[2]!, 3 * distance(decayed, weights[2]!, weights[1]!), 'third');
    allClose(flat(ewc.importance!), ofBatches[2]!.map((value, i) => 0.7 * decayed[i]! + value), 'importance');
    allClose(flat(ewc.params!), weights[2]!, 'anchor');
  });

  it('sample by sample, and with predicted labels, over the outputs seen so far', async () => {
    const alone = data.map((samples) => samples.map((sample) => [sample]));
    const { ewc: exact } = await run({ ewcLambda: 1, granularity: 'sample' });
    const sums = (of: Vector[]) => indices(size).map((i) => of.reduce((sum, omega) => sum + omega[i]!, 0));
    allClose(flat(exact.importance!), sums(alone.map((groups, k) => fisher(weights[k]!, groups))), 'true labels');
    const { ewc: predicted } = await run({ ewcLambda: 1, granularity: 'sample', labels: 'predicted' });
    allClose(flat(predicted.importance!), sums(alone.map((groups, k) => fisher(weights[k]!, groups, true))), 'predicted labels');
    const { ewc: ofBatch } = await run({ ewcLambda: 1, labels: 'predicted' });
    allClose(flat(ofBatch.importance!), sums(pairs.map((groups, k) => fisher(weights[k]!, groups, true))), 'predicted, of mini-batches');
    const { ewc: seen } = await run({ ewcLambda: 1, granularity: 'sample', labels: 'predicted', outputs: 'seen' });
    const columns = [[0, 1], [0, 1, 2], [0, 1, 2]];
    allClose(flat(seen.importance!), sums(alone.map((groups, k) => fisher(weights[k]!, groups, true, columns[k]))), 'seen');
  });

  it('keepImportanceData: lists what each experience has measured', async () => {
    const { ewc } = await run({ ewcLambda: 1, keepImportanceData: true });
    assert.deepEqual(ewc.history.map(({ experience }) => experience), [0, 1, 2]);
    ewc.history.forEach(({ importance }, k) => allClose(flat(importance), ofBatches[k]!, `experience ${k}`));
    const { ewc: without } = await run({ ewcLambda: 1 });
    assert.deepEqual(without.history, []);
  });

  it('goes on from its state to the same penalty, offset and all', async () => {
    const { ewc } = await run({ ewcLambda: 3 });
    const again = new EWCPlugin({ ewcLambda: 3 });
    again.loadStateDict(ewc.stateDict());
    assert.deepEqual(again.stateDict().offset, ewc.stateDict().offset);
    assert.ok(Object.keys(again.stateDict().offset!).length > 0);
    assert.throws(() => new EWCPlugin({ ewcLambda: 2 }).loadStateDict(ewc.stateDict()), { code: 'ERR_STATE_DICT', message: /ewcLambda 2, got 3/ });
    assert.throws(() => new EWCPlugin({ ewcLambda: 3, mode: 'online', decayFactor: 1 }).loadStateDict(ewc.stateDict()), { code: 'ERR_STATE_DICT', message: /mode "online", got "separate"/ });
  });

  it('leaves modes, and the numbers drawn, as they were', async () => {
    const modes: boolean[] = [];
    const later: Plugin = { afterTrainingExp: ({ model }) => void modes.push(model.training) };
    await run({ ewcLambda: 1, granularity: 'sample' }, [later]);
    assert.deepEqual(modes, [true, true, true]);
  });

  it('takes back what was measured of an experience that is begun anew', async () => {
    let fails = true;
    const failing: Plugin = {
      afterTrainingExp() {
        if (fails) throw new Error('disk full');
      },
    };
    const model = new nn.Linear(2, 2);
    const ewc = new EWCPlugin({ ewcLambda: 1 });
    const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0 }), trainMbSize: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins: [ewc, failing] });
    const set = new TensorDataset(tensor([[1, 2], [3, 4]]), tensor([0, 1], { dtype: 'int64' }));
    const [first, second] = benchmarkFromDatasets({ train: [set, set] }).trainStream.experiences;
    fails = false;
    await strategy.train(first!);
    const once = flat(ewc.importance!);
    fails = true;
    await assert.rejects(strategy.train(second!), { code: 'ERR_HOOK' });
    allClose(flat(ewc.importance!), once.map((value) => 2 * value), 'measured twice');
    fails = false;
    await strategy.train(second!, { restart: true });
    allClose(flat(ewc.importance!), once.map((value) => 2 * value), 'and not three times');
  });

  it('says what it cannot do', async () => {
    const code = 'ERR_INVALID_ARG_VALUE';
    assert.throws(() => new EWCPlugin({ ewcLambda: 1, mode: 'online' }), { code, message: /decayFactor with mode "online", got none/ });
    assert.throws(() => new EWCPlugin({ ewcLambda: 1, decayFactor: 0.5 }), { code, message: /no decayFactor with mode "separate", got 0.5/ });
    assert.throws(() => new EWCPlugin({ ewcLambda: -1 }), { code });
    assert.throws(() => new EWCPlugin({ ewcLambda: NaN }), { code });
    assert.throws(() => new EWCPlugin({} as EWCPluginOptions), { code: 'ERR_INVALID_ARG_TYPE', message: /ewcLambda/ });
    assert.throws(() => new EWCPlugin({ ewcLambda: 1, mode: 'both' as 'online' }), { code, message: /"separate" or "online"/ });
    assert.throws(() => new EWCPlugin({ ewcLambda: 1, alpha: 1 } as unknown as EWCPluginOptions), { code: 'ERR_UNKNOWN_OPTION' });
    const isNaNPass = (error: ContinualTorchError) => error.code === 'ERR_IMPORTANCE' && /EWCPlugin.afterTrainingExp.*mini-batch 0/.test(error.message);
    const poisoned: Plugin = { afterTrainingEpoch: ({ model }) => void model.parameters()[0]!.detach().fill_(NaN) };
    await assert.rejects(run({ ewcLambda: 1, labels: 'predicted' }, [poisoned]), isNaNPass);
  });

  it('joins a strategy of its name', async () => {
    const model = new nn.Linear(2, 2);
    const options = { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null, generator: new Generator({ device: 'cpu' }) };
    const strategy = new EWC({ ...options, ewcLambda: 2, mode: 'online', decayFactor: 0.5 });
    assert.equal(strategy.plugins.find((plugin) => plugin instanceof EWCPlugin)?.ewcLambda, 2);
    assert.throws(() => new EWC(options as never), { code: 'ERR_INVALID_ARG_TYPE', message: /EWC.*ewcLambda/ });
  });
});
