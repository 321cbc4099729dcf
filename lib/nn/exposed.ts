/** Properties of a module that stand for parts which it holds elsewhere. */
import { type AnyModule, stateOf } from './module';

/** What a part of a module is. */
export type PartKind = 'parameter' | 'buffer' | 'module';

/** One pair of functions for all modules that have such a part. */
const descriptors = new Map<string, PropertyDescriptor>();

/** @internal Defines the property. It may be deleted and defined over, which is noticed when the module is looked through. */
export function expose(module: AnyModule, property: string, kind: PartKind, name: string): void {
  const key = `${kind} ${name}`;
  let descriptor = descriptors.get(key);
  if (!descriptor) {
    descriptor = {
      get(this: AnyModule) {
        return stateOf(this).get(kind, name);
      },
      set(this: AnyModule, value: unknown) {
        stateOf(this).set(kind, name, value);
      },
      configurable: true,
      enumerable: false,
    };
    descriptors.set(key, descriptor);
  }
  Object.defineProperty(module, property, descriptor);
}
