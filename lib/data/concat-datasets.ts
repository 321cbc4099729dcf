import { ContinualTorchError, describeValue } from '../errors';
import { noGrad } from '../tensor/grad-mode';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import { keep, tidy } from '../tensor/tidy';
import { type Inputs, kindOfInputs, mapInputs } from './inputs';
import { IterableDataset } from './iterable-dataset';
import { sharedTransforms, type SharedTransforms } from './shared-transforms';
import { TensorDataset } from './tensor-dataset';

/**
 * Datasets one behind the other, as one (`concat_datasets`): the samples in the order of the datasets and of each, in the dtype
 * in which they are stored, with their targets, a task label each, and the transforms that all of them have. Data without task
 * labels has 0 beside data with some.
 *
 * Selections of the same tensors (`subset`, experiences of `splitMNIST`) become one selection of these, and nothing is copied; else
 * the samples are, once. One dataset alone is returned as it is. Where transforms differ by their `permutation` and by nothing else
 * (experiences of `permutedMNIST`, `rotatedMNIST`), that one, and `pad` before it, is carried out when the samples are copied.
 *
 * @param datasets one or more, of the same inputs: one tensor, or as many in an array, or the same names
 * @returns in the group of the first: its training transform, or that of evaluation
 * @throws ERR_INVALID_ARG_TYPE for anything but TensorDatasets; ERR_INVALID_ARG_VALUE for none at all, and for other transforms;
 * ERR_INPUTS where inputs are others; ERR_SHAPE where their samples, or targets, have other dtypes, shapes or devices
 */
export function concatDatasets(datasets: readonly TensorDataset[]): TensorDataset {
  const given = requireDatasets(datasets);
  const first = given[0]!;
  if (given.length === 1) return first;
  requireSameInputs(given);
  const transforms = sharedTransforms('concatDatasets', given);
  const taskLabels = taskLabelsOf(given);
  const options = { transform: transforms.train, evalTransform: transforms.eval, taskLabels };
  const isSelection = !transforms.permutations && given.every((each) => isOfSameData(each, first));
  const whole = isSelection
    ? new TensorDataset(first.inputs as Tensor, first.y, { ...options, indices: indicesOf(given) })
    : new TensorDataset(copied(given, transforms) as Tensor, join(given, ({ y }) => y), options);
  return first.group === 'eval' ? whole.eval() : whole;
}

function requireDatasets(datasets: unknown): readonly TensorDataset[] {
  if (!Array.isArray(datasets)) {
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `concatDatasets: expected an array of TensorDatasets, got ${describeValue(datasets)}`);
  }
  if (datasets.length === 0) {
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', 'concatDatasets: expected at least one TensorDataset, got an empty array');
  }
  const given = [...(datasets as unknown[])]; // holes are items too
  const index = given.findIndex((each) => !(each instanceof TensorDataset));
  if (index < 0) return given as TensorDataset[];
  const why = given[index] instanceof IterableDataset ? ', whose samples do not lie in memory: give one source that reads all of them' : '';
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `concatDatasets: expected TensorDatasets, got ${describeValue(given[index])} at index ${index}${why}`,
  );
}

function requireSameInputs(datasets: readonly TensorDataset[]): void {
  const first = datasets[0]!;
  datasets.forEach((dataset, index) => {
    const [ours, theirs] = [kindOfInputs(first.inputs), kindOfInputs(dataset.inputs)];
    if (ours !== theirs) {
      throw new ContinualTorchError('ERR_INPUTS', `concatDatasets: expected x to be ${ours} as at index 0, got ${theirs} at index ${index}`);
    }
    requireSameSamples('y', first.y, dataset.y, index);
    mapInputs(first.inputs, (tensor, name) => {
      requireSameSamples(name === '' ? 'x' : `x.${name}`, tensor, inputOf(dataset.inputs, name), index);
      return tensor;
    });
  });
}

function requireSameSamples(what: string, expected: Tensor, got: Tensor, index: number): void {
  const kind = ({ dtype, shape, device }: Tensor) => `${dtype} [${['N', ...shape.slice(1)].join(', ')}] on ${device}`;
  if (kind(expected) === kind(got)) return;
  throw new ContinualTorchError(
    'ERR_SHAPE',
    `concatDatasets: expected ${what} to be ${kind(expected)} as at index 0, got ${kind(got)} at index ${index}`,
  );
}

/** The input of a name or place; '' is the only one. */
const inputOf = (inputs: Inputs, name: string): Tensor => (inputs instanceof Tensor ? inputs : (inputs as Record<string, Tensor>)[name]!);

function taskLabelsOf(datasets: readonly TensorDataset[]): number | number[] | null {
  const given = datasets.map(({ ownTaskLabels }) => ownTaskLabels);
  const [first] = given;
  if (!Array.isArray(first) && given.every((labels) => labels === first)) return first as number | null;
  return datasets.flatMap((dataset) => dataset.taskLabelOfEachSample());
}

function isOfSameData(one: TensorDataset, other: TensorDataset): boolean {
  let isSame = one.y.isSame(other.y);
  mapInputs(one.inputs, (tensor, name) => {
    isSame &&= tensor.isSame(inputOf(other.inputs, name));
    return tensor;
  });
  return isSame;
}

function indicesOf(datasets: readonly TensorDataset[]): Tensor {
  return tidy(() => {
    const each = datasets.map(({ indices, length }) => indices ?? (ops.aten.arange!(length, { dtype: 'int64', device: 'cpu' }) as Tensor));
    return keep(ops.aten.cat!(each) as Tensor);
  });
}

function copied(datasets: readonly TensorDataset[], { permutations, pad }: SharedTransforms): Inputs {
  const padded = (rows: Tensor) => (pad === 0 ? rows : rows.constantPadNd([pad, pad, pad, pad]));
  return mapInputs(datasets[0]!.inputs, (_, name) =>
    join(datasets, ({ inputs }) => inputOf(inputs, name), (rows, index) => permuted(padded(rows), permutations?.[index]), pad),
  );
}

/** What datasets select of a tensor each, one behind the other in a new one: beside that there is never more than one part. */
function join(
  datasets: readonly TensorDataset[],
  tensorOf: (dataset: TensorDataset) => Tensor,
  change = (rows: Tensor, _index: number): Tensor => rows,
  pad = 0,
): Tensor {
  const first = tensorOf(datasets[0]!);
  const count = datasets.reduce((sum, { length }) => sum + length, 0);
  return noGrad(() => {
    const sampleShape = first.shape.slice(1).map((size, d, { length }) => (d < length - 2 ? size : size + 2 * pad));
    const whole = ops.aten.empty!([count, ...sampleShape], { dtype: first.dtype, device: first.device }) as Tensor;
    let start = 0;
    datasets.forEach((dataset, index) =>
      tidy(() => {
        const { indices, length } = dataset;
        const stored = tensorOf(dataset);
        const rows = indices ? (ops.aten.index_select!(stored, 0, indices.to(stored.device)) as Tensor) : stored;
        ops.aten.copy_!(ops.aten.narrow!(whole, 0, start, length) as Tensor, change(rows, index));
        start += length;
      }),
    );
    return keep(whole);
  });
}

/** Each row with its features in another order; 0 where that is -1. */
function permuted(rows: Tensor, permutation: Tensor | undefined): Tensor {
  if (!permutation || rows.shape[0] === 0) return rows;
  const by = permutation.to(rows.device);
  const features = ops.aten.index_select!(rows.flatten(1), 1, by.clamp(0)) as Tensor;
  return features.maskedFill_(by.lt(0), 0).view(rows.shape);
}
