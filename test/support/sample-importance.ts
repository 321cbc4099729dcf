// Importances of single samples, beside the definition: one sample at a time.
import assert from 'node:assert/strict';
import {
  benchmarkFromDatasets,
  ImportancePass,
  type Inputs,
  nn,
  noGrad,
  optim,
  QuadraticPenalty,
  SupervisedTemplate,
  Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';

export interface Measured {
  importance: Map<string, Tensor>;
  /** Whether mini-batches were measured as they are, and not one sample at a time. */
  isTogether: boolean;
}

export interface MeasureRun {
  batchSize?: number;
  granularity?: 'batch' | 'sample';
  mode?: 'train' | 'eval';
}

/** What an importance pass over `x` says, nothing having been trained. */
export async function measure(model: nn.Module, x: Inputs, { batchSize = 3, granularity = 'sample', mode = 'eval' }: MeasureRun = {}): Promise<Measured> {
  const first = x instanceof Tensor ? x : Object.values(x)[0]!;
  const dataset = new TensorDataset(x, tensor(new Array<number>(first.shape[0]!).fill(0), { dtype: 'int64' }));
  const penalty = new QuadraticPenalty();
  const pass = new ImportancePass('mas', { alpha: 0.5, granularity }, penalty);
  let forwards = 0;
  class Counting extends SupervisedTemplate {
    override forward() {
      forwards++;
      return super.forward();
    }
  }
  const strategy = new Counting({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: batchSize,
    evaluator: null,
    plugins: [
      {
        beforeTrainingEpoch: async (s) => {
          await pass.measure(s, { isFirst: true, mode });
          s.stopTraining();
        },
      },
    ],
  });
  await strategy.train(benchmarkFromDatasets({ train: [dataset] }).trainStream);
  // Its mini-batches, and the few samples of the first one together and alone.
  const count = first.shape[0]!;
  const together = Math.ceil(count / batchSize) + 1 + Math.min(batchSize, count, 2);
  return { importance: penalty.importance!, isTogether: forwards === together };
}

/** 1/N sum_k |d ||F(x_k)||^2 / d theta|, from mini-batches of one sample. */
export async function oneByOne(model: nn.Module, x: Inputs): Promise<Map<string, Tensor>> {
  return (await measure(model, x, { batchSize: 1, granularity: 'batch' })).importance;
}

/** Element by element to 1e-5 of the largest importance of the parameter. */
export function assertSameImportance(actual: Map<string, Tensor>, expected: Map<string, Tensor>, relative = 1e-5): void {
  assert.deepEqual([...actual.keys()], [...expected.keys()]);
  for (const [name, omega] of expected) {
    const [a, e] = [actual.get(name)!, omega];
    assert.deepEqual([a.shape, a.dtype], [e.shape, e.dtype], name);
    const [numbers, wanted] = [a.toNumbers(), e.toNumbers()];
    const largest = wanted.reduce((most, value) => Math.max(most, value), 0);
    const wrong = wanted.findIndex((value, i) => !(Math.abs(numbers[i]! - value) <= relative * largest));
    assert.ok(wrong < 0, `${name}[${wrong}]: expected ${wanted[wrong]}, got ${numbers[wrong]}`);
  }
}

/** Numbers in [-1, 1] without a pattern. */
export function numbers(...shape: number[]): Tensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(Float32Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 0.37 * (i % 7))), { shape });
}

/** Parameters that are no special case: zeros as of biases, ones as of norms would hide faults. */
export function scramble<M extends nn.Module>(model: M): M {
  noGrad(() => {
    model.parameters().forEach((theta, at) => theta.add_(numbers(...theta.shape).to(theta).mul(0.2 + 0.01 * at)));
    for (const buffer of model.buffers()) if (/float/.test(buffer.dtype)) buffer.add_(numbers(...buffer.shape).to(buffer).square().mul(0.3));
  });
  return model;
}
