import { ContinualTorchError, describeValue } from '../errors';
import type { NativeInputs } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { callUserAtOnce } from '../user-function';

/**
 * What a model is called with: one tensor; an array of tensors, for the inputs of `forward` in their order; or a plain object
 * of tensors, for those of these names.
 */
export type Inputs = Tensor | readonly Tensor[] | { readonly [name: string]: Tensor };

/** @internal Inputs, or what becomes inputs, as [name, tensor] pairs; null: it is one. */
export function severalOf<T>(x: T | readonly T[] | { readonly [name: string]: T }): [string, T][] | null {
  if (Array.isArray(x)) return [...(x as readonly T[])].map((value, i) => [String(i), value]); // holes are items too
  return isNamed(x) ? (Object.entries(x as { readonly [name: string]: T })) : null;
}

/** Whether it is a plain object with something in it. */
function isNamed(x: unknown): boolean {
  if (typeof x !== 'object' || x === null) return false;
  const prototype: unknown = Object.getPrototypeOf(x);
  const isPlain = prototype === null || Object.getPrototypeOf(prototype) === null;
  return isPlain && Object.keys(x).length > 0;
}

/** @internal The same inputs, each changed. */
export function mapInputs<T>(x: T | readonly T[] | { readonly [name: string]: T }, change: (value: T, name: string) => Tensor): Inputs {
  const several = severalOf(x);
  if (!several) return change(x as T, '');
  const changed = several.map(([name, value]): [string, Tensor] => [name, change(value, name)]);
  return Array.isArray(x) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
}

/** @internal @param expectation what the message begins with, "x: expected" for example @throws ERR_INVALID_ARG_TYPE unless it is a tensor, or several */
export function requireInputs(expectation: string, x: unknown): Inputs {
  const several = callUserAtOnce('ERR_INVALID_ARG_VALUE', `${expectation} inputs that can be read`, () =>
    x instanceof Tensor ? null : severalOf(x),
  );
  if (x instanceof Tensor) return x;
  const odd = several?.find(([, value]) => !(value instanceof Tensor));
  if (several && several.length > 0 && !odd) {
    // Copied: the program may change its own.
    const tensors = several as [string, Tensor][];
    return Array.isArray(x) ? tensors.map(([, tensor]) => tensor) : Object.fromEntries(tensors);
  }
  const place = odd && (Array.isArray(x) ? ` at index ${odd[0]}` : ` as ${JSON.stringify(odd[0])}`);
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${expectation} a Tensor, an array of Tensors or an object of Tensors, got ${describeValue(odd ? odd[1] : x)}${place ?? ''}`,
  );
}

/** @internal The inputs where there is one. @throws ERR_INPUTS where there are several */
export function requireOneInput(operation: string, x: Inputs, instead: string): Tensor {
  if (x instanceof Tensor) return x;
  throw new ContinualTorchError('ERR_INPUTS', `${operation}: expected data whose x is one tensor, got ${kindOfInputs(x)}: ${instead}`);
}

/** @internal Whether each is a tensor of as many samples. */
export function haveLength(x: Inputs, length: number | undefined): boolean {
  const tensors = x instanceof Tensor ? [x] : Object.values(x);
  return length !== undefined && tensors.every(({ shape }) => shape[0] === length);
}

/** @internal For messages: of what inputs it consists; inputs of one kind are put together alike. */
export function kindOfInputs(x: unknown): string {
  const several = severalOf(x);
  if (!several) return 'one tensor';
  return Array.isArray(x) ? `an array of ${several.length} inputs` : `{ ${several.map(([name]) => name).sort().join(', ')} }`;
}

/** @internal For messages: each input through `describe`, those by name in the order of their names. */
export function describeInputs(x: Inputs, describe: (tensor: Tensor) => string): string {
  if (x instanceof Tensor) return describe(x);
  if (Array.isArray(x)) return `[${(x as readonly Tensor[]).map(describe).join(', ')}]`;
  return `{ ${Object.entries(x).map(([name, tensor]) => `${name}: ${describe(tensor)}`).sort().join(', ')} }`; // prettier-ignore
}

/** @internal */
export function toNativeInputs(x: Inputs): NativeInputs {
  if (x instanceof Tensor) return x.handle;
  if (Array.isArray(x)) return (x as readonly Tensor[]).map(({ handle }) => handle);
  return { names: Object.keys(x), tensors: Object.values(x).map(({ handle }) => handle) };
}

/** @internal */
export function fromNativeInputs(native: NativeInputs): Inputs {
  if (Array.isArray(native)) return native.map((handle) => new Tensor(handle));
  if (!('names' in native && 'tensors' in native)) return new Tensor(native);
  return Object.fromEntries(native.names.map((name, i) => [name, new Tensor(native.tensors[i]!)]));
}
