import { inspect } from 'node:util';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeModule, NativeTensor } from '../native/types';
import { boolean, deviceName, parseArgument, parseOptions } from '../options';
import { isDtype } from '../tensor/dtype';
import type { DType } from '../tensor/element-types';
import { Tensor } from '../tensor/tensor';
import { keep } from '../tensor/tidy';
import { floatingPointDtype } from './factory';
import { ModuleParts } from './module-parts';
import { asParameter, Parameter } from './parameter';
import { describeModule } from './repr';
import { fromNative, type ScriptValue, toNative } from './script-value';
import { type IncompatibleKeys, loadState, type StateDict } from './state-dict';

/** A device name, a floating-point dtype, or both. */
export type Target = string | { device?: string; dtype?: DType };

const targetSchema = z.object({ device: deviceName.optional(), dtype: floatingPointDtype.optional() });
const targetType = z.record(z.string(), z.unknown(), 'a device, a dtype, or { device, dtype }');
const bufferSchema = z.object({ persistent: boolean.default(true) });
const loadSchema = z.object({ strict: boolean.default(true) });

/** Methods `forward` that do nothing but run the TorchScript of their module. */
const scriptedForwards = new WeakSet<object>();

/**
 * A PyTorch model or layer. Models come from `jit.load`, or are written as in PyTorch: a class that extends `nn.Module`,
 * whose properties that are modules are its children, whose properties that are `nn.Parameter`s are its parameters, and
 * whose `forward` is TypeScript.
 *
 * ```ts
 * class Net extends nn.Module {
 *   fc1 = new nn.Linear(784, 512);
 *   fc2 = new nn.Linear(512, 10);
 *
 *   override forward(x: Tensor): Tensor {
 *     return this.fc2.forward(torch.relu(this.fc1.forward(x)));
 *   }
 * }
 * ```
 *
 * Layers and models of this package, and what `jit.load` gives, are TorchScript underneath: a strategy runs them on the
 * compute thread, and Python opens what `jit.save` writes. A `forward` in TypeScript runs on the JavaScript thread.
 *
 * While a job works with a model (training, evaluation, `jit.save`), everything here throws `ERR_BUSY`; inside a hook of a
 * strategy no job is under way.
 */
export class Module {
  #native: NativeModule | null;
  readonly #isScript: boolean;
  readonly #parts: ModuleParts;
  readonly #extraRepr: string;
  /** The parts that the native module has got from this object, as a list of names and objects. */
  #synced: unknown[] = [];
  #visiting = false;

  /** @internal Layers pass the native module that holds their parameters and runs their forward. */
  constructor(handle?: NativeModule, children: Record<string, Module> = {}, extraRepr = '') {
    this.#native = handle ?? null;
    this.#isScript = handle !== undefined;
    this.#parts = new ModuleParts(this, children);
    this.#extraRepr = extraRepr;
  }

  /** @internal The native module, with the parameters, buffers and children that this object has now. */
  get handle(): NativeModule {
    if (this.#visiting) {
      throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${this.#name}: expected modules in a tree, got one inside itself`);
    }
    this.#visiting = true;
    try {
      for (const child of this.#parts.given()) void child.handle;
      const { parameters, buffers, children } = this.#parts.added();
      const handles = (tensors: [string, Tensor][]) =>
        tensors.map(([name, tensor]): [string, NativeTensor] => [name, tensor.handle]);
      const natives = children.map(([name, child]): [string, NativeModule] => [name, child.handle]);
      const parts = [...parameters, ...buffers, ...children].flat();
      if (this.#native === null) {
        const className = this.#name.replace(/\W/g, '_');
        this.#native = createModule('Script', className, natives, handles(parameters), handles(buffers), '');
      } else if (parts.length !== this.#synced.length || parts.some((part, i) => part !== this.#synced[i])) {
        const before = this.#synced.filter((part): part is string => typeof part === 'string');
        this.#native.replaceParts(before, natives, handles(parameters), handles(buffers));
      }
      this.#synced = parts;
      return this.#native;
    } finally {
      this.#visiting = false;
    }
  }

  /** @internal Whether C++ can run all of its forward on the compute thread. */
  get isScripted(): boolean {
    return this.#isScript && this.#hasScriptedTree;
  }

  /** Modules without a forward of their own, a list for example, are as good as what they hold. */
  get #hasScriptedTree(): boolean {
    return scriptedForwards.has(this.forward) && this.children().every((child) => child.#hasScriptedTree);
  }

  /** The name of its class. */
  get #name(): string {
    return this.constructor.name || 'Module';
  }

  /**
   * The output for some inputs, recorded for backward. A subclass says which. A model of `jit.load` takes and returns what
   * its TorchScript says: a list or tuple as an array, a dict as a Map (a plain object is taken too), None as null. Inputs
   * with a default may be left out; a plain object in last place that is no input itself holds keyword inputs, as in
   * `model.forward(x, { scale: 2 })`. Task labels (int64 `[B]`) as a second tensor are left aside by a model of one input.
   * @throws ERR_FORWARD where the class has no `forward`; ERR_BUSY, ERR_NO_TASK_LABELS, ERR_TORCH; ERR_INVALID_ARG_TYPE
   * with the method's signature where the inputs do not fit
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a subclass takes and returns what it likes
  forward(...inputs: any[]): any {
    return this.runNative(...(inputs as ScriptValue[]));
  }

  /** @internal Runs the TorchScript of this module. */
  protected runNative(...inputs: ScriptValue[]): unknown {
    return fromNative(this.#scripted.forward(...inputs.map(toNative)));
  }

  /** @internal The same where one tensor becomes one tensor: goes straight through, because models call every layer so. */
  protected runLayer(input: Tensor): Tensor {
    return new Tensor(this.#scripted.forward(input.handle) as NativeTensor);
  }

  /** The native module, which has a forward in TorchScript. */
  get #scripted(): NativeModule {
    if (this.#native !== null && this.#isScript) return this.#native;
    throw new ContinualTorchError(
      'ERR_FORWARD',
      `${this.#name}.forward: expected the class to have a method "forward" of its own, found none`,
    );
  }

  /** @internal A parameter or buffer of the native module; null where it does without. */
  protected nativeTensor(name: string): NativeTensor | null {
    return this.#native!.tensor(name);
  }

  /** @internal Another parameter takes the place of one of the native module. */
  protected setNativeParameter(name: string, value: unknown): void {
    if (!(value instanceof Parameter)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `${this.#name}: expected ${name} to be an nn.Parameter, got ${describeValue(value)}`,
      );
    }
    this.#native!.setTensor(name, value.handle);
  }

  /** Whether `forward` takes the task label of each sample: multi-task models do. */
  get takesTaskLabels(): boolean {
    return this.#isScript && scriptedForwards.has(this.forward) && this.#native!.takesTaskLabels();
  }

  /** The modules that this one is made of, by name; one that is there twice stands once, under its first name. */
  namedChildren(): Map<string, Module> {
    const seen = new Set<Module>();
    return new Map(this.#parts.children().filter(([, child]) => !seen.has(child) && seen.add(child)));
  }

  /** The modules that this one is made of. */
  children(): Module[] {
    return [...this.namedChildren().values()];
  }

  /** This module (under "") and all below it, by their path; one that is there twice stands once. */
  namedModules(): Map<string, Module> {
    const found = new Map<string, Module>();
    const seen = new Set<Module>();
    const visit = (module: Module, path: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.set(path, module);
      for (const [name, child] of module.namedChildren()) visit(child, path === '' ? name : `${path}.${name}`);
    };
    visit(this, '');
    return found;
  }

  /** This module and all below it. */
  modules(): Module[] {
    return [...this.namedModules().values()];
  }

  /** Name and tensor of every parameter in PyTorch's order; one that is shared stands once, under its first name. */
  namedParameters(): Map<string, Parameter> {
    return new Map(this.handle.namedParameters().map(([name, tensor]) => [name, asParameter(tensor)]));
  }

  /** The parameters, in the order of `namedParameters`. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** Name and tensor of every buffer (BatchNorm's running statistics, for example). */
  namedBuffers(): Map<string, Tensor> {
    return new Map(this.handle.namedBuffers().map(([name, tensor]) => [name, new Tensor(tensor)]));
  }

  /** The buffers, in the order of `namedBuffers`. */
  buffers(): Tensor[] {
    return [...this.namedBuffers().values()];
  }

  /** The module at a path, `layers.0` for example; "" is this one. @throws ERR_INVALID_ARG_VALUE */
  getSubmodule(target: string): Module {
    return this.#found('getSubmodule', 'a module', target, this.namedModules().get(target));
  }

  /** The parameter at a path, `fc1.weight` for example. @throws ERR_INVALID_ARG_VALUE */
  getParameter(target: string): Parameter {
    const entry = this.handle.state(true).find(([name, , isBuffer]) => name === target && !isBuffer);
    return this.#found('getParameter', 'a parameter', target, entry && asParameter(entry[1]));
  }

  /** The buffer at a path, `bn1.running_mean` for example. @throws ERR_INVALID_ARG_VALUE */
  getBuffer(target: string): Tensor {
    const entry = this.handle.state(true).find(([name, , isBuffer]) => name === target && isBuffer);
    return this.#found('getBuffer', 'a buffer', target, entry && new Tensor(entry[1]));
  }

  /** What was looked for. @throws ERR_INVALID_ARG_VALUE where it is not there */
  #found<T>(operation: string, what: string, target: unknown, found: T | undefined): T {
    if (found !== undefined) return found;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected the path of ${what} in ${this.#name}, got ${describeValue(target)}`,
    );
  }

  /** Makes a parameter a property of this module; null is one that it does without. @throws ERR_INVALID_ARG_TYPE, _VALUE */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#parts.register('registerParameter', name, parameter, Parameter, 'an nn.Parameter');
  }

  /**
   * Makes a tensor that is not trained a property of this module; null is one that it does without.
   * @param options `persistent` (default true): whether it stands in the state dict
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
   */
  registerBuffer(name: string, tensor: Tensor | null, options?: { persistent?: boolean }): void {
    const { persistent } = parseOptions('registerBuffer', bufferSchema, options);
    this.#parts.register('registerBuffer', name, tensor, Tensor, 'a Tensor');
    this.#parts.setBuffer(name, persistent);
    if (tensor) keep(tensor);
  }

  /** Makes a module a child of this one, as setting a property does. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  registerModule(name: string, module: Module | null): void {
    this.#parts.register('registerModule', name, module, Module, 'a Module');
  }

  /** As `registerModule`. */
  addModule(name: string, module: Module | null): void {
    this.registerModule(name, module);
  }

  /**
   * Parameters and persistent buffers by name, in PyTorch's order: the tensors themselves, not copies. A tensor that is
   * shared stands under each of its names.
   */
  stateDict(): Map<string, Tensor> {
    const entries = this.handle.state(true);
    const leftOut = this.#transientBuffers();
    return new Map(entries.flatMap(([name, tensor]) => (leftOut.has(name) ? [] : [[name, new Tensor(tensor)]])));
  }

  /** The names of all buffers that are not in the state dict. */
  #transientBuffers(): Set<string> {
    const names = new Set<string>();
    const visit = (module: Module, prefix: string): void => {
      for (const name of module.#parts.transientBuffers()) names.add(prefix + name);
      for (const [name, child] of module.#parts.children()) visit(child, `${prefix}${name}.`);
    };
    visit(this, '');
    return names;
  }

  /**
   * Copies the values of a state dict into this module's tensors: all, or none where one does not fit.
   * @param stateDict a Map or plain object; values of another dtype or device are converted
   * @param options `strict` (default true): whether its names must be those of this module
   * @throws ERR_STATE_DICT with PyTorch's message: missing or unexpected keys, sizes that do not match
   */
  loadStateDict(stateDict: StateDict, options?: { strict?: boolean }): IncompatibleKeys {
    const { strict } = parseOptions('loadStateDict', loadSchema, options);
    return loadState(this.#name, this.stateDict(), stateDict, strict);
  }

  /** Train mode for the whole tree: dropout is active, BatchNorm uses and updates batch statistics. */
  train(mode = true): this {
    parseArgument('train', 'mode', boolean, mode);
    this.handle.train(mode);
    for (const [, child] of this.#parts.added().children) child.train(mode);
    return this;
  }

  /** Eval mode for the whole tree. */
  eval(): this {
    return this.train(false);
  }

  /** Whether this module is in train mode. */
  get training(): boolean {
    return this.#native === null || this.#native.isTraining();
  }

  /** Calls `fn` on every module of the tree, children before the module that they are in. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * Moves parameters, their gradients and buffers to a device, or turns those that hold floating-point numbers into another
   * dtype of that kind. The tensors stay the same objects.
   * @param target `"cpu"`, `"cuda"`, `"cuda:N"`, `"float64"`, ..., or `{ device, dtype }`
   * @throws ERR_DEVICE, ERR_BUSY, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  to(target: Target): this {
    const named = typeof target !== 'string' ? target : isDtype(target) ? { dtype: target } : { device: target };
    const { device, dtype } = parseOptions('to', targetSchema, parseArgument('to', 'target', targetType, named));
    this.handle.to(device ?? null, dtype ?? null);
    return this;
  }

  /** Turns floating-point parameters and buffers into float32. */
  float(): this {
    return this.to('float32');
  }

  /** Turns floating-point parameters and buffers into float64. */
  double(): this {
    return this.to('float64');
  }

  /** Turns floating-point parameters and buffers into float16. */
  half(): this {
    return this.to('float16');
  }

  /** Turns floating-point parameters and buffers into bfloat16. */
  bfloat16(): this {
    return this.to('bfloat16');
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    this.handle.zeroGrad();
  }

  /** Says of all parameters whether operators on them are recorded for backward. */
  requiresGrad_(on = true): this {
    parseArgument('requiresGrad_', 'on', boolean, on);
    for (const parameter of this.parameters()) parameter.requiresGrad_(on);
    return this;
  }

  /** What stands in the parentheses behind the name of this module where it is printed. */
  extraRepr(): string {
    return this.#extraRepr;
  }

  /** The module tree as PyTorch prints it. */
  toString(): string {
    const children = this.#parts.children().map(([name, child]): [string, string] => [name, child.toString()]);
    return describeModule(this.#name, this.extraRepr(), children);
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** @internal Says that this method `forward` runs the TorchScript of its module and does nothing else. */
export function runsTorchScript(forward: (...inputs: never[]) => unknown): void {
  scriptedForwards.add(forward);
}
runsTorchScript(Module.prototype.forward);

/** @internal Creates a native module. */
export const createModule = native.createModule;
