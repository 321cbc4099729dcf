import { native } from '../native/binding';
import { Tensor } from '../tensor/tensor';
import { type Inputs, requireOneInput } from './inputs';
import type { TensorDataset } from './tensor-dataset';
import { type AnyTransform, applyFunction, type TensorTransform, toNativeTransform } from './transform';

/** The dataset with these transforms after its own, for training and for evaluation; null: none. */
export function withFurtherTransforms(
  data: TensorDataset,
  train: AnyTransform | null,
  evaluation: AnyTransform | null,
): TensorDataset {
  if (train === null && evaluation === null) return data;
  return data.withTransform(
    composeTransforms(data.train().transform, train ?? {}),
    composeTransforms(data.eval().transform, evaluation ?? {}),
  );
}

/** Two transforms one after the other: described where a description can say it, so that the compute thread does it. */
export function composeTransforms(first: AnyTransform, second: AnyTransform): AnyTransform {
  if (isEmpty(first)) return second;
  if (isEmpty(second)) return first;
  if (typeof first !== 'function' && typeof second !== 'function' && fitTogether(first, second)) {
    const draws = (first.draws ?? 0) + (second.draws ?? 0);
    return { ...first, ...second, ...(draws > 0 && { draws }) };
  }
  return async (x: Inputs) => apply(second, await apply(first, x));
}

const isEmpty = (transform: AnyTransform) => typeof transform !== 'function' && stagesOf(transform).length === 0;

function stagesOf(transform: TensorTransform): (keyof TensorTransform)[] {
  return (Object.keys(transform) as (keyof TensorTransform)[]).filter((stage) => transform[stage]);
}

/** A description normalises last, pads before it permutes, and has a stage once; to turn into floats commutes with both. */
function fitTogether(first: TensorTransform, second: TensorTransform): boolean {
  const isInOrder = !first.normalize && !(first.permutation && second.pad);
  return isInOrder && stagesOf(second).every((stage) => stage === 'draws' || !first[stage]);
}

async function apply(transform: AnyTransform, x: Inputs): Promise<Inputs> {
  if (typeof transform === 'function') return applyFunction(transform, x);
  const input = requireOneInput('transform', x, 'give a function that transforms all inputs');
  return new Tensor(native.transformed(input.handle, toNativeTransform(transform)));
}
