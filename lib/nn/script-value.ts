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

/** @internal */
export function toNative(value: ScriptValue): NativeScriptValue {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Tensor) return value.handle;
  if (Array.isArray(value)) return value.map(toNative);
  const isMap = value instanceof Map;
  const entries = (isMap ? [...value] : Object.entries(value)) as [ScriptValue, ScriptValue][];
  return { pairs: entries.map(([key, item]): [NativeScriptValue, NativeScriptValue] => [toNative(key), toNative(item)]), isMap };
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
