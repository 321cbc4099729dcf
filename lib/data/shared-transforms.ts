import { ContinualTorchError } from '../errors';
import { Tensor } from '../tensor/tensor';
import { ops } from '../tensor/operators';
import type { TensorDataset } from './tensor-dataset';
import type { AnyTransform } from './transform';

/** The transforms of several datasets together. */
export interface SharedTransforms {
  train: AnyTransform;
  eval: AnyTransform;
  /** By dataset: what is to be carried out in the data itself, of training and of evaluation alike; null: nothing. */
  permutations: (Tensor | undefined)[] | null;
  /** What is to be carried out before these. */
  pad: number;
}

/**
 * The transforms that datasets have in common. A permutation, with `pad` the first stage of a transform, may be a dataset's own: then
 * neither is left in the transform.
 * @throws ERR_INVALID_ARG_VALUE where they differ by more
 */
export function sharedTransforms(operation: string, datasets: readonly TensorDataset[]): SharedTransforms {
  const all = datasets.map(({ transforms }) => transforms);
  const first = all[0]!;
  if (all.every((each) => isSame(each.train, first.train) && isSame(each.eval, first.eval))) return { ...first, permutations: null, pad: 0 };
  const apart = all.map((each) => ({ train: withoutPermutation(each.train), eval: withoutPermutation(each.eval) }));
  const wrong = all.findIndex(
    (each, i) =>
      !isSamePermutation(permutationOf(each.train), permutationOf(each.eval)) ||
      padOf(each.train) !== padOf(each.eval) ||
      !isSame(apart[i]!.train, apart[0]!.train) ||
      !isSame(apart[i]!.eval, apart[0]!.eval),
  );
  if (wrong < 0) {
    const [train, evaluation] = [withoutPad(apart[0]!.train), withoutPad(apart[0]!.eval)];
    return { train, eval: evaluation, permutations: all.map((each) => permutationOf(each.train)), pad: padOf(first.train) };
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected datasets of the same transforms, or of some that differ by their permutation alone, which is that of ` +
      `evaluation too, got others at index ${wrong}: give each the same with withTransform`,
  );
}

const permutationOf = (transform: AnyTransform): Tensor | undefined =>
  typeof transform === 'function' ? undefined : (transform).permutation;

const padOf = (transform: AnyTransform): number => (typeof transform === 'function' ? 0 : (transform.pad ?? 0));

function withoutPad(transform: AnyTransform): AnyTransform {
  if (typeof transform === 'function') return transform;
  const { pad: _, ...rest } = transform;
  return rest;
}

function withoutPermutation(transform: AnyTransform): AnyTransform {
  if (typeof transform === 'function') return transform;
  const { permutation: _, ...rest } = transform;
  return rest;
}

function isSame(one: AnyTransform, other: AnyTransform): boolean {
  if (typeof one === 'function' || typeof other === 'function') return one === other;
  const [a, b] = [one, other];
  return (
    isSamePermutation(a.permutation, b.permutation) &&
    padOf(a) === padOf(b) &&
    (a.toFloat ?? false) === (b.toFloat ?? false) &&
    (a.draws ?? 0) === (b.draws ?? 0) &&
    a.normalize?.mean === b.normalize?.mean &&
    a.normalize?.std === b.normalize?.std
  );
}

function isSamePermutation(one: Tensor | undefined, other: Tensor | undefined): boolean {
  if (!one || !other) return one === other;
  return one === other || (ops.aten.equal!(one, other) as boolean);
}
