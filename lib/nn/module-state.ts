import { type Inputs, toNativeInputs } from '../data/inputs';
import { ContinualTorchError, describeValue } from '../errors';
import { native as addon } from '../native/binding';
import type { NativeModule, NativeTensor } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { expose, exposePlace, type PartKind } from './exposed';
import { type AnyModule, Module, stateOf } from './module';
import { asParameter, Parameter } from './parameter';
import { requireRegistrable } from './registrable';
import type { Script } from './script';
import { fromNative, type ScriptValue, toNative } from './script-value';
import { isScriptedForward } from './scripted-forwards';

type Child = [name: string, module: AnyModule | null];

const isNumber = (name: string) => /^\d+$/.test(name);

/** What the properties of a module add to it, in their order. */
interface Added {
  parameters: [string, Parameter][];
  buffers: [string, Tensor][];
  children: [string, AnyModule][];
}

/**
 * How often parts of modules have been replaced. A module in TorchScript that has seen fewer of these changes looks
 * through its tree before it runs again.
 */
let changes = 0;

/** Modules that are being looked through: one that is met again is inside itself, and left out there. */
const underWay = new Set<ModuleState>();

/**
 * @internal What a module is made of, and the native module with the same parts.
 *
 * A module that is written in TypeScript has its parts as properties, which are looked through whenever the native module
 * is asked for. Those of a module in TorchScript are held here and in the native module, and properties stand for them
 * (`expose`): what is assigned is a part at once, and the methods are compiled over it. Where they do not compile, because a
 * child is written in TypeScript for example, `Script.forward` does the same.
 */
export class ModuleState {
  private native: NativeModule | null = null;
  /** How often it has been put together. */
  private revision = 0;
  private isCompiled = false;
  private compileError: unknown = null;
  private seen = -1;
  /** What the native module was put together from, and the names of these parts. */
  private composed: readonly unknown[] = [];
  private composedNames: string[] = [];
  /** The children that are held here. */
  private readonly given = new Map<string, AnyModule | null>();
  private readonly exposed = new Map<string, [kind: PartKind, name: string]>();
  /** Tensors that the native module does not have yet, or is to do without; undefined: that are none of its any more. */
  private readonly pending = new Map<string, [kind: PartKind, handle: NativeTensor | null | undefined]>();
  /** Names of registered buffers; whether they stand in the state dict. */
  readonly buffers = new Map<string, boolean>();
  /** What the names of registered parts were registered for. */
  readonly registered = new Map<string, PartKind>();
  /** The prototype of the lists of this class, where the children are numbered; null: they are not. */
  private listBase: object | null = null;
  /** How many calls of `forward` in TypeScript are under way. */
  private depth = 0;

  constructor(
    private readonly module: AnyModule,
    private readonly script: Script | null,
  ) {
    if (!script) return;
    for (const [name, child] of script.children) this.hold('module', name, child);
    for (const name of script.parameters) this.hold('parameter', name);
    for (const name of script.buffers) this.hold('buffer', name);
    const native = this.sync();
    if (script.isLoaded) for (const [name, kind] of native.partNames()) this.hold(kind, name);
  }

  /**
   *
   */
  get className(): string {
    return this.module.constructor.name || 'Module';
  }

  /** The native module, with the parts that the module has now. @throws ERR_BUSY */
  sync(): NativeModule {
    underWay.add(this);
    try {
      this.lookAtProperties();
      const added = this.added();
      const children: Child[] = [];
      const leftOut: unknown[] = [];
      for (const [name, child] of [...this.given, ...added.children]) {
        const state = child && stateOf(child);
        if (state && underWay.has(state)) {
          leftOut.push(name, child);
          continue;
        }
        state?.sync();
        children.push([name, child]);
      }
      const parts = [
        ...children.flatMap(([name, child]) => [name, child, child && stateOf(child).revision]),
        ...added.parameters.flat(),
        ...added.buffers.flat(),
        ...leftOut,
      ];
      const isSame = parts.length === this.composed.length && parts.every((part, i) => part === this.composed[i]);
      if (!this.native || !isSame || this.pending.size > 0) {
        this.compose(children, added);
        this.composed = parts;
      }
      return this.native!;
    } finally {
      underWay.delete(this);
    }
  }

  /** Follows what has become of the tree, if anything has since this was last asked. */
  keepUp(): void {
    if (this.seen === changes) return;
    this.sync();
    this.seen = changes;
  }

  /** The native module as it is; null before it has been asked for. */
  get current(): NativeModule | null {
    return this.native;
  }

  /** Runs `forward`. @throws ERR_FORWARD where there is none */
  run(inputs: readonly ScriptValue[]): unknown {
    const native = this.runnable();
    return native ? fromNative(native.forward(...inputs.map(toNative))) : this.runInTypeScript(inputs);
  }

  /** The same where one tensor becomes one tensor: goes straight through, because models call every layer so. */
  runLayer(input: Tensor): Tensor {
    const native = this.runnable();
    if (native && input instanceof Tensor) return new Tensor(native.forward(input.handle) as NativeTensor);
    return this.run([input]) as Tensor;
  }

  /** Runs `forward` on a mini-batch; task labels go to one that declares them. */
  runBatch(x: Inputs, taskId: Tensor): unknown {
    const { module } = this;
    const native = this.script && isScriptedForward(module.forward) ? this.runnable() : null;
    if (native) return fromNative(native.forwardBatch(toNativeInputs(x), taskId.handle));
    const inputs: unknown[] = Array.isArray(x) ? x : [x];
    return module.takesTaskLabels ? module.forward(...inputs, taskId) : module.forward(...inputs);
  }

  /** The native module, if the methods are compiled over the parts that there are now. */
  runnable(): NativeModule | null {
    if (this.listBase && this.lacksPlace()) this.lookAtProperties();
    if (this.seen !== changes) this.keepUp();
    return this.isCompiled ? this.native : null;
  }

  /** Whether `forward` in TorchScript takes the task label of each sample. */
  get takesTaskLabels(): boolean {
    return this.script !== null && isScriptedForward(this.module.forward) && this.runnable() !== null && this.native!.takesTaskLabels();
  }

  /** The class of a module of the tree that is inside itself; null where none is. */
  circle(path = new Set<ModuleState>()): string | null {
    if (path.has(this)) return this.className;
    path.add(this);
    for (const [, child] of this.children()) {
      const found = child && stateOf(child).circle(path);
      if (found) return found;
    }
    path.delete(this);
    return null;
  }

  /** Train or eval mode of this module, without those that `children` names. */
  setMode(isTraining: boolean): void {
    const native = this.sync();
    if (this.script?.isLoaded) native.train(isTraining);
    else native.setTraining(isTraining);
  }

  /** Whether C++ can run all of its forward on the compute thread. */
  get isScripted(): boolean {
    if (!this.script) return false;
    this.keepUp();
    return this.isWhole(new Set());
  }

  /** Modules without a forward of their own, a list for example, are as good as what they hold. */
  private isWhole(visited: Set<ModuleState>): boolean {
    if (visited.has(this)) return true;
    visited.add(this);
    if (!isScriptedForward(this.module.forward) || (this.script && !this.isCompiled)) return false;
    return this.children().every(([, child]) => child === null || stateOf(child).isWhole(visited));
  }

  /** The children by name; one that is there twice stands under each of its names. null: there may be one. */
  children(): Child[] {
    this.lookAtProperties();
    return [...this.given, ...this.added().children];
  }

  /** Those children that are held here. */
  held(): Child[] {
    this.lookAtProperties();
    return [...this.given];
  }

  /** From here on the children are found under their places as well, and move up where one is deleted. */
  beList(base: object): void {
    this.listBase = base;
    this.placeChildren();
  }

  /** The child at a place of a list. */
  at(index: number): AnyModule | null | undefined {
    this.lookAtProperties();
    return [...this.given.values()][index];
  }

  /** Another child takes a place of a list. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_BUSY */
  setAt(index: number, value: unknown): void {
    this.lookAtProperties();
    const name = [...this.given.keys()][index];
    if (name !== undefined) return this.set('module', name, value);
    Object.defineProperty(this.module, index, { value, writable: true, enumerable: true, configurable: true });
  }

  /** The name for what comes behind the children of a list: its place, or where that is taken the next number that is free. */
  nextName(): string {
    this.lookAtProperties();
    return this.freeName();
  }

  private freeName(): string {
    const { size } = this.given;
    if (!this.given.has(String(size))) return String(size);
    return String(Math.max(...[...this.given.keys()].filter(isNumber).map(Number)) + 1);
  }

  /** The property of the part that has this name, and what part it is. */
  partOf(name: string): [property: string, kind: PartKind, name: string] | null {
    this.lookAtProperties();
    for (const [property, [kind, part]] of this.exposed) if (part === name && !isNumber(property)) return [property, kind, part];
    const shown = this.exposed.get(name);
    if (shown) return [name, ...shown];
    const value: unknown = Object.getOwnPropertyDescriptor(this.module, name)?.value;
    if (value instanceof Module) return [name, 'module', name];
    if (value instanceof Parameter) return [name, 'parameter', name];
    if (value === null || value instanceof Tensor) {
      const kind = this.registered.get(name);
      if (kind && (value === null || kind === 'buffer')) return [name, kind, name];
    }
    return null;
  }

  /** Whether a child that is null was so from the start. */
  isOptional(name: string): boolean {
    return this.script?.children.get(name) === null;
  }

  /**
   *
   */
  get(kind: PartKind, name: string): AnyModule | Tensor | null | undefined {
    if (kind === 'module') {
      if (this.listBase) this.lookAtProperties();
      return this.given.get(name);
    }
    const tensor = this.native!.tensor(name);
    if (tensor === null) return null;
    return kind === 'parameter' ? asParameter(tensor) : new Tensor(tensor);
  }

  /** Another part takes the place of one. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_BUSY */
  set(kind: PartKind, name: string, value: unknown): void {
    this.check(kind, name, value);
    if (kind === 'module') this.setChild(name, value as AnyModule | null);
    else this.setTensor(kind, name, value as Tensor | null);
  }

  /** Holds a child under a name that is free, or in the place of the one that has it. */
  give(operation: string, name: unknown, child: unknown): void {
    this.lookAtProperties();
    if (typeof name === 'string' && this.given.has(name) && (child === null || child instanceof Module)) return this.setChild(name, child);
    requireRegistrable(operation, this.module, name, child, Module, 'a Module');
    this.hold('module', name as string, child as AnyModule | null);
    changes++;
  }

  /** Takes out a child that is held here. */
  take(name: string): boolean {
    if (!this.given.delete(name)) return false;
    const property = this.propertyOf(name);
    this.exposed.delete(property);
    delete (this.module as unknown as Record<string, unknown>)[property];
    changes++;
    return true;
  }

  /** Holds a buffer more. */
  addBuffer(name: string, tensor: Tensor): void {
    this.hold('buffer', name);
    this.pending.set(name, ['buffer', tensor.handle]);
    changes++;
    this.sync();
  }

  private hold(kind: PartKind, name: string, child: AnyModule | null = null): void {
    if (kind === 'module' && !this.script?.isLoaded) this.given.set(name, child);
    if (this.listBase) return this.place(name, this.given.size - 1);
    const property = this.propertyOf(name);
    if (!(property in (Object.getPrototypeOf(this.module) as object))) this.show(property, kind, name);
  }

  private show(property: string, kind: PartKind, name: string): void {
    this.exposed.set(property, [kind, name]);
    if (this.listBase && isNumber(property)) exposePlace(this.module, Number(property), this.listBase);
    else expose(this.module, property, kind, name);
  }

  /** Has a child found under its place, and under a name that is no number. */
  private place(name: string, index: number): void {
    if (!isNumber(name) && !(name in (Object.getPrototypeOf(this.module) as object))) this.show(name, 'module', name);
    this.show(String(index), 'module', name);
  }

  private placeChildren(): void {
    for (const property of this.exposed.keys()) delete (this.module as unknown as Record<string, unknown>)[property];
    this.exposed.clear();
    [...this.given.keys()].forEach((name, i) => this.place(name, i));
  }

  private lacksPlace(): boolean {
    for (const property of this.exposed.keys()) if (!Object.hasOwn(this.module, property)) return true;
    return false;
  }

  /** What has been deleted from a list is gone; one that went by its place leaves numbers behind, as in PyTorch. */
  private moveUp(isByPlace: boolean): void {
    if (isByPlace) {
      const children = [...this.given.values()];
      this.given.clear();
      children.forEach((child, i) => this.given.set(String(i), child));
    }
    this.placeChildren();
  }

  /** What has been put behind the last place of a list, as in `list[list.length] = module`, is in it. */
  private takeIn(): void {
    for (;;) {
      const value: unknown = Object.getOwnPropertyDescriptor(this.module, this.given.size)?.value;
      if (!(value instanceof Module)) return;
      const name = this.freeName();
      this.script?.check(name, value);
      this.hold('module', name, value);
      changes++;
    }
  }

  private propertyOf(name: string): string {
    if (this.listBase) return isNumber(name) ? String([...this.given.keys()].indexOf(name)) : name;
    return this.script ? this.script.property(name) : name;
  }

  private check(kind: PartKind, name: string, value: unknown): void {
    const isRight =
      value === null ||
      (kind === 'module' && value instanceof Module) ||
      (kind === 'parameter' && value instanceof Parameter) ||
      (kind === 'buffer' && value instanceof Tensor && !(value instanceof Parameter));
    const expected = { module: 'a Module or null', parameter: 'an nn.Parameter', buffer: 'a Tensor or null' }[kind];
    if (this.script?.isLoaded && (kind === 'module' || value === null)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${this.className}: expected "${name}" to stay what it is, because the TorchScript of a file or a trace is compiled for it; put the model into an nn.Module of your own, or an nn.Sequential`,
      );
    }
    if (!isRight) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `${this.className}: expected ${this.propertyOf(name)} to be ${expected}, got ${describeValue(value)}`,
      );
    }
    if (kind === 'module' && value !== null) this.script?.check(name, value as AnyModule);
  }

  private setChild(name: string, child: AnyModule | null): void {
    const before = this.given.get(name)!;
    if (child === before) return;
    this.given.set(name, child);
    this.apply(() => this.given.set(name, before));
  }

  private setTensor(kind: PartKind, name: string, value: Tensor | null): void {
    const has = !this.pending.has(name) && this.native!.tensor(name) !== null;
    if (has && value) return this.native!.setTensor(name, value.handle);
    if (!has && !value && !this.pending.has(name)) return;
    this.pending.set(name, [kind, value && value.handle]);
    this.apply(() => this.pending.delete(name));
  }

  /** Has a change take effect at once; one that cannot is undone. */
  private apply(undo: () => unknown): void {
    changes++;
    if (underWay.has(this)) return;
    try {
      this.keepUp();
    } catch (error) {
      undo();
      throw error;
    }
  }

  /** Properties that have been deleted, or defined over by a field of a subclass, since they were exposed. */
  private lookAtProperties(): void {
    let [isShorter, isByPlace] = [false, false];
    for (const [property, [kind, name]] of this.exposed) {
      const own = Object.getOwnPropertyDescriptor(this.module, property);
      if (own === undefined) {
        if (kind === 'module') {
          if (!this.given.delete(name)) continue;
          isShorter = true;
          isByPlace ||= isNumber(property);
          changes++;
        } else if (!this.script!.isLoaded && this.native!.tensor(name) !== null) this.pending.set(name, [kind, undefined]);
      } else if ('value' in own) {
        this.show(property, kind, name);
        if (own.value === undefined) continue;
        this.check(kind, name, own.value);
        if (kind === 'module') this.given.set(name, own.value as AnyModule | null);
        else this.pending.set(name, [kind, (own.value as Tensor | null)?.handle ?? null]);
        changes++;
      }
    }
    if (!this.listBase) return;
    if (isShorter) this.moveUp(isByPlace);
    this.takeIn();
  }

  /** What the properties are now. @throws ERR_INVALID_ARG_VALUE for a name with a dot */
  private added(): Added {
    const added: Added = { parameters: [], buffers: [], children: [] };
    for (const [name, value] of Object.entries(this.module) as [string, unknown][]) {
      if (value instanceof Parameter) added.parameters.push([name, value]);
      else if (value instanceof Tensor && this.buffers.has(name)) added.buffers.push([name, value]);
      else if (value instanceof Module) added.children.push([name, value]);
      else continue;
      if (!name.includes('.')) continue;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${this.className}: expected a name without a dot, got "${name}"`,
      );
    }
    return added;
  }

  private compose(children: Child[], added: Added): void {
    const source = this.sourceOver(children);
    const put = (text: string | null) => this.put(children, added, text);
    try {
      put(source);
      this.isCompiled = source !== '';
      this.compileError = null;
    } catch (error) {
      const isOfCompiler = error instanceof ContinualTorchError && error.code === 'ERR_TORCH';
      if (!source || !isOfCompiler || (!this.native && this.given.size === 0)) throw error;
      put('');
      this.isCompiled = false;
      this.compileError = error;
    }
    this.composedNames = [...children, ...added.parameters, ...added.buffers].map(([name]) => name);
    this.pending.clear();
    // Nothing has been compiled over a module that is new.
    if (this.revision++ > 0) changes++;
  }

  /** "": there is no TorchScript for these children; null: it stays what it is. */
  private sourceOver(children: Child[]): string | null {
    if (!this.script) return '';
    if (this.script.isLoaded) return null;
    const given = new Map(children.filter(([name]) => this.given.has(name)));
    const isWhole =
      this.script.readsChildren ||
      [...given.values()].every((child) => child === null || stateOf(child).isWhole(new Set([this])));
    return isWhole && given.size === this.given.size ? this.script.source(given) : '';
  }

  private put(children: Child[], added: Added, source: string | null): void {
    const natives = children.map(([name, child]): [string, NativeModule | null] => [name, child && stateOf(child).native]);
    const handles = (tensors: [string, Tensor][], kind: PartKind): [string, NativeTensor | null][] => [
      ...[...this.pending].flatMap(([name, [of, handle]]): [string, NativeTensor | null][] =>
        of === kind && handle !== undefined ? [[name, handle]] : [],
      ),
      ...tensors.map(([name, tensor]): [string, NativeTensor] => [name, tensor.handle]),
    ];
    const parameters = handles(added.parameters, 'parameter');
    const buffers = handles(added.buffers, 'buffer');
    if (this.native) {
      const gone = [...this.pending].flatMap(([name, [, handle]]) => (handle === undefined ? [name] : []));
      const stay = new Set(children.flatMap(([name]) => (this.given.has(name) && !this.listBase ? [name] : [])));
      const removed = [...this.composedNames.filter((name) => !stay.has(name)), ...gone];
      this.native.replaceParts(removed, natives, parameters, buffers, source);
    } else if (this.script) {
      this.native = this.script.create(natives, source ?? '');
    } else {
      this.native = addon.createModule(this.className.replace(/\W/g, '_'), natives, parameters, buffers, [], '');
    }
  }

  /** Whether modules whose forward is that of this package lead from this one back to it: calling it would never end. */
  private isInsideItself(from: ModuleState = this, visited = new Set<ModuleState>()): boolean {
    return from.children().some(([, child]) => {
      const state = child && stateOf(child);
      if (!state || visited.has(state) || !isScriptedForward(child.forward)) return false;
      visited.add(state);
      return state === this || this.isInsideItself(state, visited);
    });
  }

  private runInTypeScript(inputs: readonly ScriptValue[]): unknown {
    for (const [name, child] of this.given) {
      if (child !== null || this.isOptional(name)) continue;
      throw new ContinualTorchError(
        'ERR_FORWARD',
        `${this.className}.forward: expected a module as ${this.propertyOf(name)}, got null`,
      );
    }
    if (this.script?.forward) {
      if (this.depth > 0 && this.isInsideItself()) {
        throw new ContinualTorchError(
          'ERR_FORWARD',
          `${this.className}.forward: expected modules in a tree, got ${this.className}, which is inside itself`,
        );
      }
      this.depth++;
      try {
        return this.script.forward(this.module as never, ...(inputs as never[]));
      } finally {
        this.depth--;
      }
    }
    throw new ContinualTorchError(
      'ERR_FORWARD',
      this.script
        ? `${this.className}.forward: cannot be compiled over its parts: ${(this.compileError as Error | null)?.message}`
        : `${this.className}.forward: expected the class to have a method "forward" of its own, found none`,
      this.compileError ? { cause: this.compileError } : undefined,
    );
  }
}
