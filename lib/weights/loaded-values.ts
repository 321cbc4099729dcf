import { Complex } from '../tensor/complex';
import { Tensor } from '../tensor/tensor';
import { PickledStorage, StorageClass } from './rebuild-dense';
import { PickledGlobal } from './unpickler';

/**
 * What a file of `torch.save` holds: dicts as Maps, sets as Sets, tuples as arrays, None as null, bytes as Uint8Array,
 * storages as one-dimensional tensors, dtypes, layouts and devices by their names.
 */
export type Loaded =
  | Tensor
  | Map<Loaded, Loaded>
  | Set<Loaded>
  | Loaded[]
  | Uint8Array
  | Complex
  | string
  | number
  | bigint
  | boolean
  | null;

/** Nesting that callers can follow with functions that call themselves. */
const maxDepth = 1000;

/**
 * The value that a pickle built, with a tensor in place of each storage. Refuses classes, functions and storages that are
 * no part of a tensor, and what is nested too deeply or in itself.
 * @throws Error
 */
export function loadedValue(value: unknown): Loaded {
  requireData(value, maxDepth, new Map());
  return dataOf(value) as Loaded;
}

const dataOf = (value: unknown) => (value instanceof PickledStorage ? value.tensor() : value);

const isWhole = (value: object) =>
  value instanceof Tensor || value instanceof PickledStorage || value instanceof Uint8Array || value instanceof Complex;

/** @returns how deep the value is */
function requireData(value: unknown, depthLeft: number, known: Map<object, number>): number {
  if (typeof value !== 'object' || value === null || isWhole(value)) return 0;
  if (value instanceof PickledGlobal) throw new Error(`holds ${value.name} itself, expected tensors and plain data`);
  if (value instanceof StorageClass) throw new Error('holds a storage that is no tensor');
  const depth = known.get(value);
  if (depth !== undefined && depth <= depthLeft) return depth;
  if (depth !== undefined || depthLeft === 0) throw new Error(`is nested more than ${maxDepth} deep, or in itself`);
  known.set(value, Infinity);
  let deepest = 0;
  const look = (item: unknown) => {
    deepest = Math.max(deepest, 1 + requireData(item, depthLeft - 1, known));
  };
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      look(value[i]);
      value[i] = dataOf(value[i]);
    }
  } else if (value instanceof Set) {
    for (const item of value) look(requireKey(item));
  } else {
    const dict = value as Map<unknown, unknown>;
    for (const [key, item] of dict) {
      look(requireKey(key));
      look(item);
      if (item instanceof PickledStorage) dict.set(key, item.tensor());
    }
  }
  known.set(value, deepest);
  return deepest;
}

function requireKey(key: unknown): unknown {
  if (key instanceof PickledStorage) throw new Error('holds a storage as a key');
  return key;
}
