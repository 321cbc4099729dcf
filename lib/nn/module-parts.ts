import { ContinualTorchError, describeValue } from '../errors';
import { Tensor } from '../tensor/tensor';
import { Module } from './module';
import { Parameter } from './parameter';

/** What the properties of a module make it of, in their order. */
export interface Parts {
  parameters: [string, Parameter][];
  buffers: [string, Tensor][];
  children: [string, Module][];
}

/** @internal The children that a module's native part came with, and what its properties add to them. */
export class ModuleParts {
  readonly #module: Module;
  readonly #given: ReadonlyMap<string, Module>;
  /** Names of registered buffers; whether they stand in the state dict. */
  readonly #buffers = new Map<string, boolean>();

  constructor(module: Module, given: Record<string, Module>) {
    this.#module = module;
    this.#given = new Map(Object.entries(given));
  }

  /** The children that came with the native part. */
  given(): Module[] {
    return [...this.#given.values()];
  }

  /** All children, those first; one that is there twice stands under each of its names. */
  children(): [string, Module][] {
    return [...this.#given, ...this.added().children];
  }

  /** What the properties are now. @throws ERR_INVALID_ARG_VALUE for a name with a dot, or one that TorchScript uses */
  added(): Parts {
    const className = this.#module.constructor.name || 'Module';
    const parts: Parts = { parameters: [], buffers: [], children: [] };
    for (const [name, value] of Object.entries(this.#module) as [string, unknown][]) {
      if (value instanceof Parameter) parts.parameters.push([name, value]);
      else if (value instanceof Tensor && this.#buffers.has(name)) parts.buffers.push([name, value]);
      else if (value instanceof Module && this.#given.get(name) !== value) parts.children.push([name, value]);
      else continue;
      if (!this.#given.has(name) && !name.includes('.')) continue;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        this.#given.has(name)
          ? `${className}: expected "${name}" to stay what it is, because its forward in TorchScript uses it; extend nn.Module to put another in its place`
          : `${className}: expected a name without a dot, got "${name}"`,
      );
    }
    return parts;
  }

  /** Makes a value of some class, or null, a property under a name that is free. */
  register(operation: string, name: unknown, value: unknown, type: abstract new (...args: never[]) => unknown, expected: string): void {
    const wrong = (code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE', message: string) =>
      new ContinualTorchError(code, `${operation}: expected ${message}`);
    if (typeof name !== 'string') throw wrong('ERR_INVALID_ARG_TYPE', `name to be a string, got ${describeValue(name)}`);
    if (name === '' || name.includes('.')) throw wrong('ERR_INVALID_ARG_VALUE', `a name without a dot, got "${name}"`);
    if (value !== null && !(value instanceof type)) {
      throw wrong('ERR_INVALID_ARG_TYPE', `${expected} or null, got ${describeValue(value)}`);
    }
    if (name in this.#module && (this.#module as unknown as Record<string, unknown>)[name] !== undefined) {
      throw wrong('ERR_INVALID_ARG_VALUE', `a name that is free, got "${name}": attribute '${name}' already exists`);
    }
    Object.defineProperty(this.#module, name, { value, writable: true, enumerable: true, configurable: true });
  }

  /** Says that the tensor under a name is a buffer, and whether it stands in the state dict. */
  setBuffer(name: string, isPersistent: boolean): void {
    this.#buffers.set(name, isPersistent);
  }

  /** The names of buffers of this module alone that are not in its state dict. */
  transientBuffers(): string[] {
    return [...this.#buffers].filter(([, isPersistent]) => !isPersistent).map(([name]) => name);
  }
}
