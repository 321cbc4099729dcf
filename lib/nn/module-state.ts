import { type Inputs, toNativeInputs } from '../data/inputs';
import { ContinualTorchError } from '../errors';
import { native as addon } from '../native/binding';
import type { NativeModule, NativeTensor } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { exposedPartsAre, type PartKind } from './exposed';
import { type Child, HeldParts } from './held-parts';
import { isModule, type ModuleNode } from './module-node';
import { Parameter } from './parameter';
import type { Script } from './script';
import { fromNative, type ScriptValue, toNative } from './script-value';
import { isScriptedForward } from './scripted-forwards';

/** What the properties of a module add to it, in their order. */
interface Added<M> {
  parameters: [string, Parameter][];
  buffers: [string, Tensor][];
  children: [string, M][];
}

/**
 * How often parts of modules have been replaced. A module in TorchScript that has seen fewer of these changes looks
 * through its tree before it runs again.
 */
let changes = 0;

/** Modules that are being looked through: one that is met again is inside itself, and left out there. */
const underWay = new Set<ModuleState>();

/** @internal What a module is made of. */
export let stateOf: (module: ModuleNode) => ModuleState;

/** @internal Says where the state of a module is found. */
export function statesAre(of: (module: never) => ModuleState): void {
  stateOf = of as typeof stateOf;
  exposedPartsAre(of);
}

/**
 * @internal What a module is made of, and the native module with the same parts.
 *
 * A module that is written in TypeScript has its parts as properties, which are looked through whenever the native module
 * is asked for. Those of a module in TorchScript are held here and in the native module, and properties stand for them
 * (`expose`): what is assigned is a part at once, and the methods are compiled over it. Where they do not compile, because a
 * child is written in TypeScript for example, `Script.forward` does the same.
 */
export class ModuleState<M extends ModuleNode = ModuleNode> extends HeldParts<M> {
  /** How often it has been put together. */
  private revision = 0;
  private isCompiled = false;
  private compileError: unknown = null;
  private seen = -1;
  /** What the native module was put together from, and the names of these parts. */
  private composed: readonly unknown[] = [];
  private composedNames: string[] = [];
  /** How many calls of `forward` in TypeScript are under way. */
  private depth = 0;

  /** @param isCopied whether `adopt` is to say what it is made of */
  constructor(module: M, script: Script | null, isCopied = false) {
    super(module, script);
    if (!script || isCopied) return;
    for (const [name, child] of script.children) this.hold('module', name, child as M | null);
    for (const name of script.parameters) this.hold('parameter', name);
    for (const name of script.buffers) this.hold('buffer', name);
    const native = this.sync();
    if (script.isLoaded) for (const [name, kind] of native.partNames()) this.hold(kind, name);
  }

  /** Of a copy of the module, which is to `adopt` copies of the parts. */
  forCopy(module: M): ModuleState<M> {
    return new ModuleState(module, this.script, true);
  }

  /**
   * Becomes what `source` is, over copies of its parts, without compiling anything.
   * @param isOther whether some of them are others than the native module has
   */
  adopt(source: ModuleState<M>, native: NativeModule, copyOf: <T>(part: T) => T, isOther: boolean): void {
    for (const [name, child] of source.given) this.given.set(name, copyOf(child));
    for (const [property, part] of source.exposed) this.exposed.set(property, part);
    for (const [name, isPersistent] of source.buffers) this.buffers.set(name, isPersistent);
    for (const [name, kind] of source.registered) this.registered.set(name, kind);
    this.listBase = source.listBase;
    this.native = native;
    this.isCompiled = source.isCompiled;
    this.compileError = source.compileError;
    this.revision = source.revision;
    this.composed = isOther ? [] : source.composed.map(copyOf);
    this.composedNames = source.composedNames;
  }

  /** The native module, with the parts that the module has now. @throws ERR_BUSY */
  sync(): NativeModule {
    underWay.add(this);
    try {
      this.lookAtProperties();
      const added = this.added();
      const children: Child<M>[] = [];
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
  children(): Child<M>[] {
    this.lookAtProperties();
    return [...this.given, ...this.added().children];
  }

  /** Holds a buffer more. */
  addBuffer(name: string, tensor: Tensor): void {
    this.hold('buffer', name);
    this.pending.set(name, ['buffer', tensor.handle]);
    changes++;
    this.sync();
  }

  protected override changed(): void {
    changes++;
  }

  protected override apply(undo: () => unknown): void {
    changes++;
    if (underWay.has(this)) return;
    try {
      this.keepUp();
    } catch (error) {
      undo();
      throw error;
    }
  }

  /** What the properties are now. @throws ERR_INVALID_ARG_VALUE for a name with a dot */
  private added(): Added<M> {
    const added: Added<M> = { parameters: [], buffers: [], children: [] };
    for (const [name, value] of Object.entries(this.module) as [string, unknown][]) {
      if (value instanceof Parameter) added.parameters.push([name, value]);
      else if (value instanceof Tensor && this.buffers.has(name)) added.buffers.push([name, value]);
      else if (isModule(value)) added.children.push([name, value as M]);
      else continue;
      if (!name.includes('.')) continue;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${this.className}: expected a name without a dot, got "${name}"`,
      );
    }
    return added;
  }

  private compose(children: Child<M>[], added: Added<M>): void {
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
  private sourceOver(children: Child<M>[]): string | null {
    if (!this.script) return '';
    if (this.script.isLoaded) return null;
    const given = new Map(children.filter(([name]) => this.given.has(name)));
    const isWhole =
      this.script.readsChildren ||
      [...given.values()].every((child) => child === null || stateOf(child).isWhole(new Set([this])));
    return isWhole && given.size === this.given.size ? this.script.source(given) : '';
  }

  private put(children: Child<M>[], added: Added<M>, source: string | null): void {
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
