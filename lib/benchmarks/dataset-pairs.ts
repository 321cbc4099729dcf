import { isDeepStrictEqual } from 'node:util';
import { setOrder } from '../data/python-set';
import { type Inputs, mapInputs } from '../data/inputs';
import { sampleKindOf, TensorDataset } from '../data/tensor-dataset';
import type { AnyTransform } from '../data/transform';
import { ContinualTorchError, describeValue } from '../errors';
import { instanceOf, parseArgument } from '../options';
import { ops } from '../tensor/operators';
import { cpuTensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';
import { ClassifiedData } from './classified-data';

/** Data to train on, and data of the same kind to test with. */
export interface DatasetPair {
  train: ClassifiedData;
  test: ClassifiedData;
}

/** One dataset, or several. */
export type OneOrSeveral = TensorDataset | readonly TensorDataset[];

const datasetSchema = instanceOf(TensorDataset, 'a TensorDataset');

/**
 * A training and a test dataset, or as many of one as of the other. Classes of several pairs are told apart: those of the
 * first pair are called 0, 1, ..., those of the second go on from there; within a pair they are in the order in which Python
 * walks the set of its training labels.
 * @throws ERR_INVALID_ARG_TYPE; ERR_LENGTH_MISMATCH where there are more of one kind than of the other, or none;
 * ERR_INVALID_ARG_VALUE for labels that are no classes, and where one of several tests has classes that its training lacks
 */
export function datasetPairs(operation: string, train: OneOrSeveral, test: OneOrSeveral): DatasetPair[] {
  if (!Array.isArray(train) && !Array.isArray(test)) {
    const classified = (name: string, data: unknown) =>
      ClassifiedData.of(operation, name, parseArgument(operation, name, datasetSchema, data));
    return [{ train: classified('train', train), test: classified('test', test) }];
  }
  const trains = requireList(operation, 'train', train);
  const tests = requireList(operation, 'test', test);
  if (trains.length !== tests.length || trains.length === 0) {
    throw new ContinualTorchError(
      'ERR_LENGTH_MISMATCH',
      `${operation}: expected as many training as test datasets, and at least one, got ${trains.length} and ${tests.length}`,
    );
  }
  let next = 0;
  return trains.map((data, i) => {
    const pair = {
      train: ClassifiedData.of(operation, `train[${i}]`, data),
      test: ClassifiedData.of(operation, `test[${i}]`, tests[i]!),
    };
    const names = new Map(setOrder(pair.train.classes).map((label) => [label, next++]));
    const unknown = pair.test.classes.find((label) => !names.has(label));
    if (unknown !== undefined) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${operation}: expected test[${i}] to have no other classes than train[${i}], got ${unknown}`,
      );
    }
    return { train: pair.train.renamed(names), test: pair.test.renamed(names) };
  });
}

function requireList(operation: string, name: string, list: OneOrSeveral): TensorDataset[] {
  // Copied, because `every` does not see holes.
  const isList = Array.isArray(list) && Array.from(list as TensorDataset[]).every((each) => each instanceof TensorDataset);
  if (isList) return list as TensorDataset[];
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected train and test to be two TensorDataset or two arrays of them, got ${describeValue(list)} as ${name}`,
  );
}

/** The samples of all pairs one after the other, copied. @throws ERR_INVALID_ARG_VALUE where they do not fit together */
export function concatenated(operation: string, pairs: readonly DatasetPair[]): DatasetPair {
  if (pairs.length === 1) return pairs[0]!;
  const concatenation = (name: 'train' | 'test') =>
    ClassifiedData.of(
      operation,
      name,
      concatenate(
        operation,
        pairs.map((pair) => pair[name]),
      ),
    );
  return { train: concatenation('train'), test: concatenation('test') };
}

function concatenate(operation: string, parts: ClassifiedData[]): TensorDataset {
  const datasets = parts.map(({ data }) => data);
  const [first] = datasets as [TensorDataset];
  const transforms = (data: TensorDataset): [AnyTransform, AnyTransform] => [data.train().transform, data.eval().transform];
  const odd = datasets.find(
    (data) =>
      sampleKindOf(data) !== sampleKindOf(first) || !transforms(data).every((each, i) => sameTransform(each, transforms(first)[i]!)),
  );
  if (odd) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected datasets with the same transforms and samples ${sampleKindOf(first)}, got ${sampleKindOf(odd) === sampleKindOf(first) ? 'another transform' : sampleKindOf(odd)}`,
    );
  }
  const inputs = mapInputs(first.inputs, (_, name) => {
    const samples = datasets.map(({ inputs, indices }) => {
      const input = inputNamed(inputs, name);
      return indices ? (ops.aten.index_select!(input, 0, indices) as Tensor) : input;
    });
    return ops.aten.cat!(samples) as Tensor;
  });
  const labels = parts.flatMap((part) => part.labels());
  const [transform, evalTransform] = transforms(first);
  return new TensorDataset(
    inputs,
    cpuTensor(labels, { dtype: 'int64', shape: [labels.length] }),
    {
      transform,
      evalTransform,
    },
  );
}

const inputNamed = (x: Inputs, name: string) => (x instanceof Tensor ? x : (x as { readonly [name: string]: Tensor })[name]!);

/** Permutations are the same only where they are one tensor: their values are not looked at. */
function sameTransform(a: AnyTransform, b: AnyTransform): boolean {
  if (typeof a === 'function' || typeof b === 'function') return a === b;
  const { permutation, ...rest } = a;
  const { permutation: other, ...others } = b;
  return permutation === other && isDeepStrictEqual(rest, others);
}
