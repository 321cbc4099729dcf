import { native } from '../native/binding';
import type { NativeModule, NativeTensor } from '../native/types';
import type { Tensor } from '../tensor/tensor';
import type { ModuleNode } from './module-node';

type Named<T> = Readonly<Record<string, T>>;
type Children = ReadonlyMap<string, ModuleNode | null>;
type Attribute = readonly [kind: 'bool' | 'int' | 'float' | 'int[]', value: number | boolean | readonly number[]];

/** @internal What a module in TorchScript is made of. */
export interface ScriptParts<M = never> {
  /** null: there may be one later. */
  children?: Named<ModuleNode | null> | Children;
  /** null: this module does without it, so that `self.bias` is None. */
  parameters?: Named<Tensor | null>;
  buffers?: Named<Tensor | null>;
  attributes?: Named<Attribute>;
  /**
   * Methods: one or more `def`s, each with `self` first, whose attributes all parts are. A function where they depend on
   * what the children are.
   */
  source: string | { over(children: Children): string }['over'];
  /**
   * The method `forward` in TypeScript, with the same inputs, for a module with children: runs where the methods do not
   * compile over them, because one is written in TypeScript for example.
   */
  forward?: (self: M, ...inputs: never[]) => unknown;
  /** Whether the methods use parts of the children but never their forward, which may then be anything. */
  readsChildren?: boolean;
  /** The property under which a part is found. Default: `weight_ih` as `weightIh`. */
  property?: (name: string) => string;
  /** Throws for a child that cannot take the place of another. */
  check?(name: string, child: ModuleNode): void;
}

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** @internal The TorchScript of a layer or model, and how it is put together. */
export class Script {
  /** Its children by name. */
  readonly children: Children;
  /** The names of its parameters. */
  readonly parameters: readonly string[];
  /** The names of its buffers. */
  readonly buffers: readonly string[];
  /** Its forward in TypeScript; null where there is none. */
  readonly forward: ((self: never, ...inputs: never[]) => unknown) | null;
  /** The property under which a part is found. */
  readonly property: (name: string) => string;
  /** Throws for a child that cannot take the place of another. */
  readonly check: (name: string, child: ModuleNode) => void;
  /** Whether its TorchScript depends on its children. */
  readonly readsChildren: boolean;
  readonly #className: string;
  /** null: TorchScript of a file or a trace. */
  readonly #parts: ScriptParts | null;
  readonly #loaded: NativeModule | null;

  constructor(className: string, parts: ScriptParts | null, loaded: NativeModule | null) {
    const children = parts?.children ?? {};
    this.children = children instanceof Map ? (children as Children) : new Map(Object.entries(children));
    this.parameters = Object.keys(parts?.parameters ?? {});
    this.buffers = Object.keys(parts?.buffers ?? {});
    this.forward = parts?.forward ?? null;
    this.readsChildren = parts?.readsChildren ?? false;
    this.property = parts?.property ?? (parts ? camelCase : (name) => name);
    this.check = parts?.check ?? (() => {});
    this.#className = className;
    this.#parts = parts;
    this.#loaded = loaded;
  }

  /** Whether it is what a file or a trace says. */
  get isLoaded(): boolean {
    return this.#loaded !== null;
  }

  /** The methods over these children; null: they are what they are. */
  source(children: Children): string | null {
    if (!this.#parts) return null;
    const { source } = this.#parts;
    return typeof source === 'string' ? source : source(children);
  }

  /** The native module. */
  create(children: [string, NativeModule | null][], source: string): NativeModule {
    if (this.#loaded) return this.#loaded;
    const { parameters, buffers, attributes = {} } = this.#parts!;
    const handles = (named: Named<Tensor | null> = {}) =>
      Object.entries(named).map(([name, tensor]): [string, NativeTensor | null] => [name, tensor && tensor.handle]);
    const values = Object.entries(attributes).map(([name, [kind, value]]): [string, ...Attribute] => [name, kind, value]);
    return native.createModule(this.#className, children, handles(parameters), handles(buffers), values, source);
  }
}

/** @internal The TorchScript of a layer or model. */
export function scriptModule<M>(className: string, parts: ScriptParts<M>): Script {
  return new Script(className, parts, null);
}

/** @internal What `jit.load` and `jit.trace` give. */
export function loadedModule(module: NativeModule): Script {
  return new Script('ScriptModule', null, module);
}

/** @internal The TorchScript of a method `forward` with one statement, `return EXPRESSION` of `input`. */
export const returns = (expression: string) => `def forward(self, input: Tensor) -> Tensor:\n  return ${expression}\n`;
