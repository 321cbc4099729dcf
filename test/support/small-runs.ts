// Data, models and strategies small enough to train in milliseconds.
import {
  benchmarkFromDatasets,
  type Benchmark,
  models,
  nn,
  ops,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';

export const features = 4;
export const classes = 4;

/** Numbers in [-1, 1] without any pattern that a test could depend on; `salt` tells data sets apart. */
function noise(count: number, salt: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * (salt + 1)));
}

/** Samples of 4 features, labelled with `labels` in turn. */
export function smallDataset(samples: number, labels: number[], salt = 0): TensorDataset {
  const targets = Array.from({ length: samples }, (_, i) => labels[i % labels.length]!);
  return new TensorDataset(
    tensor(new Float32Array(noise(samples * features, salt)), { shape: [samples, features] }),
    tensor(targets, { dtype: 'int64' }),
    { taskLabels: 0 },
  );
}

/** Streams `train`, `test` and `valid` of two experiences: classes 0 and 1, then 2 and 3. */
export function smallBenchmark({ train = 8, evaluation = 4 } = {}): Benchmark {
  const stream = (samples: number, salt: number) => [
    smallDataset(samples, [0, 1], salt),
    smallDataset(samples, [2, 3], salt + 1),
  ];
  return benchmarkFromDatasets({ train: stream(train, 0), test: stream(evaluation, 2), valid: stream(evaluation, 4) });
}

/** An MLP 4-5-4. */
export function smallModel(): nn.Module {
  return new nn.Sequential(new nn.Linear(features, 5), new nn.ReLU(), new nn.Linear(5, classes));
}

/** An MLP 4-8-4 with dropout. */
export function dropoutModel(): nn.Module {
  return new models.SimpleMLP({ inputSize: features, hiddenSize: 8, numClasses: classes, dropRate: 0.5 });
}

/** Copies of a map's tensors, as plain numbers. */
export function numbersOf(tensors: Map<string, Tensor>): Record<string, number[]> {
  return Object.fromEntries([...tensors].map(([name, value]) => [name, value.toNumbers()]));
}

/** Overwrites a parameter in place. */
export function setValues(parameter: Tensor, values: number[]): void {
  const { requiresGrad } = parameter;
  parameter.requiresGrad_(false);
  ops.aten.copy_!(parameter, tensor(new Float32Array(values), { shape: parameter.shape }));
  parameter.requiresGrad_(requiresGrad);
}
