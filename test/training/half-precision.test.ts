// Training in half precision, and of models of several dtypes, under MAS.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  type DType,
  MASPlugin,
  nn,
  noGrad,
  optim,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { fixturePath, loadFixture } from '../support/fixtures';

type Distances = Record<string, Record<'bfloat16' | 'float16', Record<string, number>>>;
const recorded = JSON.parse(readFileSync(fixturePath('half-precision.json'), 'utf8')) as Distances;

// As in record_half_precision.py.
const samples = 48;
const shapes: Record<string, number[]> = { mlp: [12], cnn: [1, 8, 8] };
const build: Record<string, () => nn.Module> = {
  mlp: () => new nn.Sequential(new nn.Linear(12, 24), new nn.ReLU(), new nn.Linear(24, 6)),
  cnn: () =>
    new nn.Sequential(
      new nn.Conv2d(1, 6, 3),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Linear(54, 6),
    ),
};
const optimizers: Record<string, (model: nn.Module) => optim.Optimizer> = {
  SGD: (model) => new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
  Adam: (model) => new optim.Adam(model.parameters(), { lr: 0.005, betas: [0.9, 0.95], eps: 1e-3 }),
};

/** Numbers in [-1, 1), the same in every language. */
function numbers(): (shape: number[], scale?: number) => Tensor {
  let state = 1;
  return (shape, scale = 1) => {
    const count = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length: count }, () => {
      state = (state * 75 + 74) % 65537;
      return scale * (state / 32768 - 1);
    });
    return tensor(values, { shape });
  };
}

function fill(model: nn.Module, take: (shape: number[], scale?: number) => Tensor): void {
  noGrad(() => {
    for (const parameter of model.parameters()) {
      const { shape } = parameter;
      const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
      parameter.copy_(take(shape, shape.length > 1 ? (1 / fanIn) ** 0.5 : 0.1));
    }
  });
}

/** Two experiences of three classes, around a centre each. */
function trainStream(take: (shape: number[], scale?: number) => Tensor, shape: number[], dtype: DType) {
  const centres = take([6, ...shape]);
  const datasets = [0, 1].map((k) => {
    const y = tensor(
      Array.from({ length: samples }, (_, i) => 3 * k + (i % 3)),
      { dtype: 'int64' },
    );
    return new TensorDataset(centres.indexSelect(0, y).add(take([samples, ...shape], 0.7)).to(dtype), y);
  });
  return benchmarkFromDatasets({ train: datasets }).trainStream;
}

async function train(model: nn.Module, optimizer: optim.Optimizer, stream: ReturnType<typeof trainStream>) {
  const mas = new MASPlugin({ lambdaReg: 0.1, alpha: 0.5 });
  const strategy = new SupervisedTemplate({
    model,
    optimizer,
    trainMbSize: 8,
    trainEpochs: 3,
    evaluator: null,
    plugins: [mas],
  });
  await strategy.train(stream, { shuffle: false });
  return mas;
}

const distance = (one: Tensor, other: Tensor) => one.detach().to('float64').sub(other.to('float64')).norm().item();

describe('training in half precision', () => {
  let expected: (name: string) => Tensor;
  before(async () => {
    expected = await loadFixture('half-precision');
  });

  for (const [run, ofDtype] of Object.entries(recorded)) {
    const [modelName, optimizerName] = run.split('-') as [string, string];
    for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
      it(`${run} in ${dtype} is as near to PyTorch's float32 as PyTorch's own loop`, async () => {
        const take = numbers();
        const model = build[modelName]!();
        fill(model, take);
        const stream = trainStream(take, shapes[modelName]!, dtype);
        model.to(dtype);
        const mas = await train(model, optimizers[optimizerName]!(model), stream);
        for (const kind of ['param', 'importance'] as const) {
          const [ours, theirs] = [[] as number[], [] as number[]];
          for (const [name, parameter] of model.namedParameters()) {
            const value = kind === 'param' ? parameter : mas.importance!.get(name)!;
            const key = `${kind}.${name}`;
            assert.equal(value.dtype, kind === 'param' ? dtype : 'float32', key);
            const right = expected(`${run}.${key}`);
            ours.push(distance(value, right));
            theirs.push(dtype === 'float32' ? 0.5e-5 * right.norm().item() : ofDtype[dtype][key]!);
          }
          // Of all together: how a few numbers of a bias round, one processor does otherwise than the next.
          const [actual, loop] = [Math.hypot(...ours), Math.hypot(...theirs)];
          assert.ok(actual <= 2 * loop, `${kind}: ${actual} from float32, PyTorch's loop ${loop}`);
        }
      });
    }
  }
});
