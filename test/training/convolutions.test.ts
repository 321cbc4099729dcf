// A convolutional model runs with channels last in memory, its iterations joined: neither must show in what it learns.
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  getNumThreads,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  setNumThreads,
  SupervisedTemplate,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { relativeNorm } from '../support/assertions';
import { numbersOf } from '../support/small-runs';

const shape = [3, 12, 12];
const samples = 20;
const initialThreads = getNumThreads();

interface Settings {
  dtype?: 'float32' | 'float64';
  dropRate?: number;
  plugins?: Plugin[];
}

/** Images of a pattern that depends on the class, labelled with two classes. */
function experience(first: number, dtype: 'float32' | 'float64'): TensorDataset {
  const size = shape.reduce((product, length) => product * length);
  const targets = Array.from({ length: samples }, (_, i) => first + (i % 2));
  const pixels = targets.flatMap((target, n) =>
    Array.from({ length: size }, (_, i) => Math.sin((i + 1) * (0.31 + 0.17 * target) + n)),
  );
  return new TensorDataset(
    tensor(new Float32Array(pixels), { shape: [samples, ...shape] }).to({ dtype }),
    tensor(targets, { dtype: 'int64' }),
  );
}

/** Parameters and importances after two experiences of two epochs, the last mini-batch of each being smaller. */
async function trained({ dtype = 'float32', dropRate = 0.5, plugins = [] }: Settings): Promise<Record<string, number[]>> {
  manualSeed(5);
  const model = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Dropout(dropRate),
    new nn.Conv2d(8, 16, 3),
    new nn.ReLU(),
    new nn.Dropout(dropRate),
    new nn.Flatten(),
    new nn.Linear(16 * 4 * 4, 4),
  ).to({ dtype });
  const mas = new MASPlugin({ lambdaReg: 0.01 });
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
    trainMbSize: 6,
    trainEpochs: 2,
    evaluator: null,
    plugins: [mas, ...plugins],
  });
  const { trainStream } = benchmarkFromDatasets({ train: [experience(0, dtype), experience(2, dtype)] });
  await strategy.train(trainStream);
  const importances = [...mas.importance!].map(([name, values]) => [`importance of ${name}`, values] as const);
  const learned = numbersOf(new Map([...model.namedParameters(), ...importances]));
  for (const [name, values] of Object.entries(learned)) assert.ok(values.every((value) => Math.abs(value) < 1e3), name);
  return learned;
}

function farthest(actual: Record<string, number[]>, expected: Record<string, number[]>): number {
  assert.deepEqual(Object.keys(actual), Object.keys(expected));
  return Math.max(...Object.entries(expected).map(([name, values]) => relativeNorm(actual[name]!, values)));
}

describe('training of a convolutional model with dropout', () => {
  afterEach(() => setNumThreads(initialThreads));

  it('learns what it learns in float64, which keeps channels first, from the same random numbers', async () => {
    const precise = await trained({ dtype: 'float64' });
    // 16 updates of float32 sums in another order: some 1e-7 was seen.
    assert.ok(farthest(await trained({}), precise) < 1e-5);
    assert.ok(farthest(await trained({ dropRate: 0 }), precise) > 0.1, 'dropout changes nothing');
  });

  for (const threads of [1, 2]) {
    it(`gives the same bits with a listener between its phases and without; ${threads} threads`, async () => {
      setNumThreads(threads);
      const joined = await trained({});
      let calls = 0;
      const listener: Plugin = { afterForward: () => void calls++, beforeUpdate: () => void calls++ };
      assert.deepEqual(await trained({ plugins: [listener] }), joined);
      assert.equal(calls, 2 * 2 * 2 * 4);
    });
  }
});
