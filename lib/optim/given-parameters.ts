import { ContinualTorchError, describeValue } from '../errors';
import { Tensor } from '../tensor/tensor';

/** A parameter, alone or with its name: what `model.parameters()` and `model.namedParameters()` are made of. */
export type GivenParameter = Tensor | readonly [name: string, parameter: Tensor];

/** @internal What was given as an array of parameters, or of groups of them. @throws ERR_INVALID_ARG_TYPE */
export function toArray(operation: string, name: string, given: unknown): unknown[] {
  if (typeof given === 'object' && given !== null && Symbol.iterator in given && !(given instanceof Tensor)) {
    return [...(given as Iterable<unknown>)];
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected ${name} as an array of tensors (model.parameters()), got ${describeValue(given)}`,
  );
}

/** @internal Parameters that were given, with their names ("" without one). @throws ERR_INVALID_ARG_TYPE */
export function namedParameters(operation: string, name: string, items: unknown[]): [string, Tensor][] {
  return items.map((item, i) => {
    if (item instanceof Tensor) return ['', item];
    if (Array.isArray(item) && item.length === 2 && typeof item[0] === 'string' && item[1] instanceof Tensor) {
      return item as [string, Tensor];
    }
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected ${name} to be tensors, got ${describeValue(item)} at index ${i}`,
    );
  });
}
