/** Properties of a module that stand for parts which it holds elsewhere. */

/** What a part of a module is. */
export type PartKind = 'parameter' | 'buffer' | 'module';

interface ExposedParts {
  get(kind: PartKind, name: string): unknown;
  set(kind: PartKind, name: string, value: unknown): void;
  /** Of a list. */
  at(index: number): unknown;
  setAt(index: number, value: unknown): void;
}

let partsOf: (module: never) => ExposedParts;

/** @internal Says where the parts of a module are found. */
export function exposedPartsAre(of: (module: never) => ExposedParts): void {
  partsOf = of;
}

/** One pair of functions for all modules that have such a part. */
const descriptors = new Map<string, PropertyDescriptor>();

/** @internal Defines the property. It may be deleted and defined over, which is noticed when the module is looked through. */
export function expose(module: object, property: string, kind: PartKind, name: string): void {
  const key = `${kind} ${name}`;
  let descriptor = descriptors.get(key);
  if (!descriptor) {
    descriptor = {
      get(this: never) {
        return partsOf(this).get(kind, name);
      },
      set(this: never, value: unknown) {
        partsOf(this).set(kind, name, value);
      },
      configurable: true,
      enumerable: false,
    };
    descriptors.set(key, descriptor);
  }
  Object.defineProperty(module, property, descriptor);
}

/** One pair of functions for each place, in all lists. */
const places: PropertyDescriptor[] = [];

function placeOf(index: number): PropertyDescriptor {
  return (places[index] ??= {
    get(this: never) {
      return partsOf(this).at(index);
    },
    set(this: never, value: unknown) {
      partsOf(this).setAt(index, value);
    },
    configurable: true,
    enumerable: false,
  });
}

/**
 * @internal Defines the property for what stands at a place of a list. `base` has it as well: a place that has been deleted
 * is asked for there, so that what comes behind moves up first.
 */
export function exposePlace(module: object, index: number, base: object): void {
  Object.defineProperty(module, index, placeOf(index));
  if (!Object.hasOwn(base, index)) Object.defineProperty(base, index, placeOf(index));
}
