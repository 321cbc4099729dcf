import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { type Inputs, requireOneInput } from './inputs';
import type { TensorDataset } from './tensor-dataset';
import { type AnyTransform, applyFunction, type TensorTransform } from './transform';

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

/** A description normalises last, and a stage stands in it once; to permute and to turn into floats commute. */
function fitTogether(first: TensorTransform, second: TensorTransform): boolean {
  return !first.normalize && stagesOf(second).every((stage) => stage === 'draws' || !first[stage]);
}

async function apply(transform: AnyTransform, x: Inputs): Promise<Inputs> {
  if (typeof transform === 'function') return applyFunction(transform, x);
  return applyDescribed(transform, requireOneInput('transform', x, 'give a function that transforms all inputs'));
}

/** What native/core/data/minibatches.cpp does, for the part of a chain that has a function in it. */
function applyDescribed({ permutation, toFloat, normalize, draws }: TensorTransform, x: Tensor): Tensor {
  const { aten } = ops as { aten: Record<string, (...args: unknown[]) => Tensor> };
  const { shape } = x;
  if (draws) aten.uniform_!(aten.empty!([shape[0]!, draws], { dtype: 'float32', device: 'cpu' }));
  if (permutation) {
    const features = aten.flatten!(x, 1);
    const filled = aten.constant_pad_nd!(features, [0, 1]); // the feature that -1 means
    const taken = aten.remainder!(permutation.to({ device: x.device }), features.shape[1]! + 1);
    x = aten.view!(aten.index_select!(filled, 1, taken), shape);
  }
  if (toFloat) x = aten.div!(aten.to!(x, 'float32'), 255);
  if (normalize) x = aten.div!(aten.sub!(x, normalize.mean), normalize.std);
  return x;
}
