import type { Work } from '../latency';
import type { Complex } from '../tensor/complex';
import type { Tensor } from '../tensor/tensor';
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

/** Values that are looked at between two turns of the event loop. */
const portion = 2 ** 14;

/**
 * The value that a pickle built, with a tensor in place of each storage. Refuses classes, functions and storages that are
 * no part of a tensor, and what is nested too deeply or in itself.
 * @throws Error
 */
export function* loadedValue(value: unknown): Work<Loaded> {
  const whole = [value];
  yield* new Inspection().depthOf(whole, maxDepth + 1);
  return whole[0] as Loaded;
}

class Inspection {
  /** How deep each container is; one that is being looked at, without end. */
  private readonly known = new Map<object, number>();
  private looked = 0;

  /** How deep a container is, in which tensors come in the place of storages. */
  *depthOf(container: object, depthLeft: number): Work<number> {
    const depth = this.known.get(container);
    if (depth !== undefined && depth <= depthLeft) return depth;
    if (depth !== undefined || depthLeft === 0) throw new Error(`is nested more than ${maxDepth} deep, or in itself`);
    this.known.set(container, Infinity);
    let deepest = 0;
    for (const [key, item] of (container as Map<unknown, unknown>).entries()) {
      if (key instanceof PickledStorage) throw new Error('holds a storage as a key');
      if (item instanceof PickledStorage) put(container, key, item.tensor());
      else if (isContainer(item)) deepest = Math.max(deepest, 1 + (yield* this.depthOf(item, depthLeft - 1)));
      if (isContainer(key)) deepest = Math.max(deepest, 1 + (yield* this.depthOf(key, depthLeft - 1)));
      if (++this.looked % portion === 0) yield;
    }
    this.known.set(container, deepest);
    return deepest;
  }
}

function put(container: object, key: unknown, tensor: Tensor): void {
  if (container instanceof Map) container.set(key, tensor);
  else (container as unknown[])[key as number] = tensor;
}

/** Whether a value has others in it. @throws Error where it is no data */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) return true;
  if (value instanceof PickledGlobal) throw new Error(`holds ${value.name} itself, expected tensors and plain data`);
  if (value instanceof StorageClass) throw new Error('holds a storage that is no tensor');
  return false;
}
