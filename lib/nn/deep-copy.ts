import { ContinualTorchError } from '../errors';
import type { NativeModule, NativeTensor } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { keep } from '../tensor/tidy';
import { isModule, type ModuleNode } from './module-node';
import { stateOf } from './module-state';
import { asParameter, Parameter } from './parameter';

/** @internal Copies of native modules, and of tensors beside them, in their order; what is shared stays shared. */
export type CopyNatives = (modules: NativeModule[], tensors: NativeTensor[]) => { modules: NativeModule[]; tensors: NativeTensor[] };

/** @internal What a module and its fields are made of. */
export interface Parts {
  /** The module first. */
  modules: ModuleNode[];
  tensors: Tensor[];
  /** Modules in it whose class has a `clone` of its own. */
  cloning: ModuleNode[];
}

/** @internal Says how a module is made without the constructors of its class, and what `clone` is where no class has its own. */
export function copiesAre(of: (module: ModuleNode) => ModuleNode, clone: () => ModuleNode): void {
  emptyLike = of;
  plainClone = clone;
}
let emptyLike: (module: ModuleNode) => ModuleNode;
let plainClone: () => ModuleNode;

/** @internal Whether the class of a module says how it is cloned. */
export const clonesItself = (module: ModuleNode) => (module as unknown as { clone: unknown }).clone !== plainClone;

/** @internal Puts native modules together with the parts that there are now, and finds all parts. @throws ERR_BUSY */
export function partsOf(root: ModuleNode): Parts {
  const seen = new Set<object>();
  const parts: Parts = { modules: [], tensors: [], cloning: [] };
  const visit = (value: unknown, isSynced = false): void => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    if (value instanceof Tensor) {
      if (!value.isDisposed) parts.tensors.push(value);
    } else if (isModule(value)) {
      if (value !== root && clonesItself(value)) return void parts.cloning.push(value);
      parts.modules.push(value);
      const state = stateOf(value);
      if (!isSynced) state.sync(); // with all below it
      for (const child of state.givenChildren()) visit(child, true);
      for (const key of fieldsOf(value)) {
        const field = (value as unknown as Fields)[key];
        if (typeof field === 'object') visit(field, isModule(field));
      }
    } else for (const item of itemsOf(value)) visit(item);
  };
  visit(root);
  return parts;
}

type Fields = Record<PropertyKey, unknown>;

/** Own properties that hold values; `a module` stands in every one. */
function fieldsOf(module: ModuleNode): PropertyKey[] {
  const { exposed } = stateOf(module);
  return Reflect.ownKeys(module).filter((key) => key !== 'a module' && !exposed.has(key as string));
}

const isPlain = (value: object) => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** What plain data consists of. */
function itemsOf(value: object): Iterable<unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Array.prototype || prototype === Set.prototype) return value as Iterable<unknown>;
  if (prototype === Map.prototype) return [...(value as Map<unknown, unknown>)].flat<[unknown, unknown][], 1>();
  return isPlain(value) ? (Object.values(value) as unknown[]) : [];
}

/**
 * @internal Copies of modules, as Python's deepcopy makes them: each module and tensor once, so that what is shared stays
 * shared. Own fields are copied as far as they are plain data, modules and tensors; functions and other objects are taken as
 * they are. No constructor of a module's class runs.
 */
export class DeepCopy {
  readonly #copies = new Map<object, unknown>();
  readonly #parts: Parts;

  constructor(parts: Parts, copyNatives: CopyNatives) {
    this.#parts = parts;
    const { modules, tensors, cloning } = parts;
    const natives = copyNatives(modules.map((module) => stateOf(module).current!), tensors.map(({ handle }) => handle)); // prettier-ignore
    for (const module of cloning) this.#copies.set(module, cloned(module));
    tensors.forEach((tensor, i) => this.#copies.set(tensor, like(tensor, natives.tensors[i]!)));
    for (const module of modules) this.#copies.set(module, emptyLike(module));
    for (const module of modules) {
      // What stands for parts that are held elsewhere is the same in all modules.
      const copy = this.#copies.get(module) as object;
      for (const key of stateOf(module).exposed.keys()) Object.defineProperty(copy, key, Object.getOwnPropertyDescriptor(module, key)!);
    }
    this.copyFields();
    modules.forEach((module, i) => {
      stateOf(this.of(module)).adopt(stateOf(module), natives.modules[i]!, (part) => this.of(part), cloning.length > 0);
    });
  }

  /** The copy of a value. */
  of<T>(value: T): T {
    return this.#copied(value, new Map()) as T;
  }

  /** Gives the copies the fields that the modules have now. */
  copyFields(): void {
    const plain = new Map<object, unknown>();
    for (const module of this.#parts.modules) {
      const copy = this.#copies.get(module) as Fields;
      for (const key of fieldsOf(module)) {
        const property = Object.getOwnPropertyDescriptor(module, key)!;
        if ('value' in property) property.value = this.#copied(property.value, plain);
        if (!('value' in property) || copy[key] !== property.value || !Object.hasOwn(copy, key)) Object.defineProperty(copy, key, property);
      }
    }
  }

  /** @param plain copies of plain data */
  #copied(value: unknown, plain: Map<object, unknown>): unknown {
    if (typeof value !== 'object' || value === null) return value;
    const known = this.#copies.get(value) ?? plain.get(value);
    if (known !== undefined) return known;
    const hold = <T extends object>(copy: T): T => {
      plain.set(value, copy);
      return copy;
    };
    const copied = (item: unknown) => this.#copied(item, plain);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Array.prototype) {
      const items = hold(new Array<unknown>((value as unknown[]).length));
      (value as unknown[]).forEach((item, i) => (items[i] = copied(item)));
      return items;
    }
    if (prototype === Set.prototype) {
      const set = hold(new Set<unknown>());
      for (const item of value as Set<unknown>) set.add(copied(item));
      return set;
    }
    if (prototype === Map.prototype) {
      const map = hold(new Map<unknown, unknown>());
      for (const [key, item] of value as Map<unknown, unknown>) map.set(copied(key), copied(item));
      return map;
    }
    if (isPlain(value)) {
      const object = hold(Object.create(prototype as object | null) as Fields);
      for (const [key, item] of Object.entries(value)) object[key] = copied(item);
      return object;
    }
    const isData = value instanceof Date || value instanceof RegExp || value instanceof ArrayBuffer || ArrayBuffer.isView(value);
    return isData && !(ArrayBuffer.isView(value) && value.buffer instanceof SharedArrayBuffer) ? hold(structuredClone(value)) : value;
  }
}

function like(tensor: Tensor, handle: NativeTensor): Tensor {
  return tensor instanceof Parameter ? asParameter(handle) : keep(new Tensor(handle));
}

function cloned(module: ModuleNode): ModuleNode {
  const copy: unknown = (module as unknown as { clone(): unknown }).clone();
  if (isModule(copy)) return copy;
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `clone: expected clone of ${stateOf(module).className} to return a Module`);
}
