/** Modules that hold modules or parameters under an index or a name; they have no forward. */
import { ContinualTorchError, describeValue } from '../errors';
import { Tensor } from '../tensor/tensor';
import { Module } from './module';
import { Parameter } from './parameter';
import { describeModule } from './repr';

function requireIterable(operation: string, items: unknown): asserts items is Iterable<unknown> {
  if (typeof items === 'object' && items !== null && Symbol.iterator in items) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected an array or another iterable, got ${describeValue(items)}`,
  );
}

/** Modules `0`, `1`, ... (`torch.nn.ModuleList`): `list[0]`, `list.at(-1)`, `for (const module of list)`. */
export class ModuleList<M extends Module = Module> extends Module {
  [index: number]: M;
  #length = 0;

  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  /** The number of modules. */
  get length(): number {
    return this.#length;
  }

  /** The module at an index, counted from the end where negative. */
  at(index: number): M | undefined {
    return this[index < 0 ? this.#length + index : index];
  }

  /** Adds a module at the end. @throws ERR_INVALID_ARG_TYPE */
  append(module: M): this {
    return this.extend([module]);
  }

  /** Adds modules at the end. @throws ERR_INVALID_ARG_TYPE */
  extend(modules: Iterable<M>): this {
    requireIterable('nn.ModuleList', modules);
    for (const module of modules) {
      this.registerModule(String(this.#length), module);
      this.#length++;
    }
    return this;
  }

  *[Symbol.iterator](): IterableIterator<M> {
    for (let i = 0; i < this.#length; i++) yield this[i]!;
  }

  /** As PyTorch prints it: neighbours that print alike stand once, as `(0-3): 4 x Linear(...)`. */
  override toString(): string {
    const groups: { first: number; count: number; text: string }[] = [];
    for (const [i, module] of [...this].entries()) {
      const text = module.toString();
      const last = groups.at(-1);
      if (last?.text === text) last.count++;
      else groups.push({ first: i, count: 1, text });
    }
    const lines = groups.map(({ first, count, text }): [string, string] =>
      count === 1 ? [`${first}`, text] : [`${first}-${first + count - 1}`, `${count} x ${text}`],
    );
    return describeModule('ModuleList', this.extraRepr(), lines);
  }
}

/** Modules by name (`torch.nn.ModuleDict`), in the order in which they came: `get`, `set`, `for (const [name, module] of dict)`. */
export class ModuleDict<M extends Module = Module> extends Module {
  readonly #names = new Set<string>();

  constructor(modules: Readonly<Record<string, M>> | ReadonlyMap<string, M> = {}) {
    super();
    if (typeof modules !== 'object' || modules === null || Array.isArray(modules)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `nn.ModuleDict: expected an object or a Map of modules, got ${describeValue(modules)}`,
      );
    }
    const entries = modules instanceof Map ? (modules as ReadonlyMap<string, M>) : Object.entries(modules as Record<string, M>);
    for (const [name, module] of entries) this.set(name, module);
  }

  /** The number of modules. */
  get size(): number {
    return this.#names.size;
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return this.#names.has(name);
  }

  /** The module of this name. */
  get(name: string): M | undefined {
    return this.#names.has(name) ? (this as unknown as Record<string, M>)[name] : undefined;
  }

  /** Puts a module under this name. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for the name of a method */
  set(name: string, module: M): this {
    if (this.#names.has(name) && module instanceof Module) (this as unknown as Record<string, M>)[name] = module;
    else this.registerModule(name, module);
    this.#names.add(name);
    return this;
  }

  /** Takes a module out. */
  delete(name: string): boolean {
    if (!this.#names.delete(name)) return false;
    return delete (this as unknown as Record<string, M>)[name];
  }

  /** The names. */
  keys(): IterableIterator<string> {
    return this.#names.keys();
  }

  *[Symbol.iterator](): IterableIterator<[string, M]> {
    for (const name of this.#names) yield [name, this.get(name)!];
  }
}

const asOwnParameter = (operation: string, value: unknown): Parameter => {
  if (value instanceof Parameter) return value;
  if (value instanceof Tensor) return new Parameter(value);
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected parameters or tensors, got ${describeValue(value)}`,
  );
};

/** Parameters `0`, `1`, ... (`torch.nn.ParameterList`); a tensor becomes a parameter. */
export class ParameterList extends Module {
  [index: number]: Parameter;
  #length = 0;

  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }

  /** The number of parameters. */
  get length(): number {
    return this.#length;
  }

  /** The parameter at an index, counted from the end where negative. */
  at(index: number): Parameter | undefined {
    return this[index < 0 ? this.#length + index : index];
  }

  /** Adds a parameter at the end. @throws ERR_INVALID_ARG_TYPE */
  append(parameter: Tensor): this {
    return this.extend([parameter]);
  }

  /** Adds parameters at the end. @throws ERR_INVALID_ARG_TYPE */
  extend(parameters: Iterable<Tensor>): this {
    requireIterable('nn.ParameterList', parameters);
    for (const parameter of parameters) {
      this.registerParameter(String(this.#length), asOwnParameter('nn.ParameterList', parameter));
      this.#length++;
    }
    return this;
  }

  *[Symbol.iterator](): IterableIterator<Parameter> {
    for (let i = 0; i < this.#length; i++) yield this[i]!;
  }
}
