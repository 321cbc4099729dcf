/** Modules that hold modules or parameters under an index or a name; they have no forward. */
import { ContinualTorchError, describeValue } from '../errors';
import { Tensor } from '../tensor/tensor';
import { type AnyModule, Module, stateOf } from './module';
import { Parameter } from './parameter';
import { describeModule } from './repr';

function requireIterable(operation: string, items: unknown): asserts items is Iterable<unknown> {
  if (typeof items === 'object' && items !== null && Symbol.iterator in items) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected an array or another iterable, got ${describeValue(items)}`,
  );
}

/**
 * Modules `0`, `1`, ... (`torch.nn.ModuleList`): `list[0]`, `list[0] = module`, `list.at(-1)`, `for (const module of list)`.
 * `delete list[0]` has those behind it move up. It has no forward.
 */
export class ModuleList<M extends AnyModule = Module> extends Module<never> {
  [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    super();
    stateOf(this).beList(ModuleList.prototype);
    this.extend(modules);
  }

  /** The number of modules. */
  get length(): number {
    return stateOf(this).held().length;
  }

  /** The module at an index, counted from the end where negative. */
  at(index: number): M | undefined {
    return [...this].at(index);
  }

  /** Adds a module at the end. @throws ERR_INVALID_ARG_TYPE */
  append(module: M): this {
    return this.extend([module]);
  }

  /** Adds modules at the end. @throws ERR_INVALID_ARG_TYPE */
  extend(modules: Iterable<M>): this {
    requireIterable('nn.ModuleList', modules);
    for (const module of modules) stateOf(this).give('nn.ModuleList', stateOf(this).nextName(), module);
    return this;
  }

  /** The modules in their order. */
  [Symbol.iterator](): IterableIterator<M> {
    return stateOf(this).held().map(([, module]) => module as M)[Symbol.iterator](); // prettier-ignore
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

/**
 * Modules by name (`torch.nn.ModuleDict`), in the order in which they came: `get`, `set`, `for (const [name, module] of dict)`.
 * It has no forward.
 */
export class ModuleDict<M extends AnyModule = Module> extends Module<never> {
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
    return modulesOf<M>(this).size;
  }

  /** Whether there is a module of this name. */
  has(name: string): boolean {
    return modulesOf<M>(this).has(name);
  }

  /** The module of this name. */
  get(name: string): M | undefined {
    return modulesOf<M>(this).get(name);
  }

  /** Puts a module under this name. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for the name of a method */
  set(name: string, module: M): this {
    stateOf(this).give('nn.ModuleDict', name, module);
    return this;
  }

  /** Takes a module out. */
  delete(name: string): boolean {
    return stateOf(this).take(name);
  }

  /** The names. */
  keys(): IterableIterator<string> {
    return modulesOf<M>(this).keys();
  }

  /** Names and modules, in their order. */
  [Symbol.iterator](): IterableIterator<[string, M]> {
    return modulesOf<M>(this)[Symbol.iterator]();
  }
}

/** The modules by name. */
const modulesOf = <M>(dict: AnyModule): ReadonlyMap<string, M> => new Map(stateOf(dict).held() as [string, M][]);

const asOwnParameter = (operation: string, value: unknown): Parameter => {
  if (value instanceof Parameter) return value;
  if (value instanceof Tensor) return new Parameter(value);
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected parameters or tensors, got ${describeValue(value)}`,
  );
};

const count = Symbol('count');

/** Parameters `0`, `1`, ... (`torch.nn.ParameterList`); a tensor becomes a parameter. */
export class ParameterList extends Module<never> {
  [index: number]: Parameter;
  private [count] = 0;

  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.extend(parameters);
  }

  /** The number of parameters. */
  get length(): number {
    return this[count];
  }

  /** The parameter at an index, counted from the end where negative. */
  at(index: number): Parameter | undefined {
    return this[index < 0 ? this[count] + index : index];
  }

  /** Adds a parameter at the end. @throws ERR_INVALID_ARG_TYPE */
  append(parameter: Tensor): this {
    return this.extend([parameter]);
  }

  /** Adds parameters at the end. @throws ERR_INVALID_ARG_TYPE */
  extend(parameters: Iterable<Tensor>): this {
    requireIterable('nn.ParameterList', parameters);
    for (const parameter of parameters) {
      this.registerParameter(String(this[count]), asOwnParameter('nn.ParameterList', parameter));
      this[count]++;
    }
    return this;
  }

  /** The parameters in their order. */
  *[Symbol.iterator](): IterableIterator<Parameter> {
    for (let i = 0; i < this[count]; i++) yield this[i]!;
  }
}
