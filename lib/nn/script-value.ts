import { ContinualTorchError, describeValue } from '../errors';
import type { NativeDict, NativeScriptValue, NativeTensor } from '../native/types';
import { Complex } from '../tensor/complex';
import { Tensor } from '../tensor/tensor';

/**
 * What a method in TorchScript takes: a tensor, a number, boolean or string; an array for a list or a tuple; a Map or a
 * plain object for a dict, a plain object or an array for a named tuple; null for None.
 */
export type ScriptValue =
  | Tensor
  | number
  | bigint
  | boolean
  | string
  | null
  | undefined
  | readonly ScriptValue[]
  | ReadonlyMap<ScriptValue, ScriptValue>
  | { readonly [key: string]: ScriptValue };

/** Far deeper than the types of TorchScript are nested. */
const deepest = 100;

/** @internal @throws ERR_INVALID_ARG_TYPE for what no TorchScript takes: another object, or an array that holds itself */
export function toNative(value: ScriptValue): NativeScriptValue {
  return converted(value, 0);
}

function converted(value: ScriptValue, depth: number): NativeScriptValue {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Tensor) return value.handle;
  if (depth === deepest) throw refused(`values nested at most ${deepest} deep`, value);
  if (Array.isArray(value)) return value.map((item: ScriptValue) => converted(item, depth + 1));
  const isMap = value instanceof Map;
  if (!isMap && !isPlain(value)) throw refused('tensors, numbers, strings, booleans, arrays, Maps and plain objects', value);
  const entries = (isMap ? [...value] : Object.entries(value)) as [ScriptValue, ScriptValue][];
  const pairs = entries.map(([key, item]): [NativeScriptValue, NativeScriptValue] => [
    converted(key, depth + 1),
    converted(item, depth + 1),
  ]);
  return { pairs, isMap };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function refused(expected: string, value: unknown): ContinualTorchError {
  return new ContinualTorchError('ERR_INVALID_ARG_TYPE', `forward: expected ${expected}, got ${describeValue(value)}`);
}

/** @internal A list or tuple comes as an array, a dict as a Map, None as null. */
export function fromNative(value: NativeScriptValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(fromNative);
  if (value instanceof Float64Array) return new Complex(value[0]!, value[1]!);
  const { pairs } = value as NativeDict;
  if (pairs) return new Map(pairs.map(([key, item]) => [fromNative(key), fromNative(item)]));
  return new Tensor(value as NativeTensor);
}
