import { inspect } from 'node:util';
import { z } from 'zod';
import type { Dataset } from '../data/dataset';
import type { Inputs } from '../data/inputs';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeModule } from '../native/types';
import { boolean, parseArgument, parseOptions } from '../options';
import { Tensor } from '../tensor/tensor';
import { keep } from '../tensor/tidy';
import { callUserAtOnce } from '../user-function';
import type { PartKind } from './exposed';
import { copiesAre, DeepCopy, partsOf } from './deep-copy';
import { modulesAre } from './module-node';
import { ModuleState, statesAre } from './module-state';
import { onPath } from './on-path';
import { asParameter, Parameter } from './parameter';
import { requireRegistrable } from './registrable';
import { type PredictOptions, predictions } from './predict';
import { describeModule } from './repr';
import { Script } from './script';
import type { ScriptValue } from './script-value';
import { runsTorchScript } from './scripted-forwards';
import { type IncompatibleKeys, loadState, type StateDict, transientBuffers } from './state-dict';
import { parseTarget, type Target } from './target';

/** @internal */
export { runsTorchScript } from './scripted-forwards';
export type { PredictOptions } from './predict';
export type { Target } from './target';

/** A module whose `forward` returns anything. */
export type AnyModule = Module<unknown>;

const bufferSchema = z.object({ persistent: boolean.default(true) });
const loadSchema = z.object({ strict: boolean.default(true) });

/** Called with a module: as a method's, its parameter is not compared strictly, so that it may be written for `nn.Module`. */
export type ModuleCallback = { call(module: AnyModule): void }['call'];

/** Seen by structuredClone and postMessage alone, which quote it: "... could not be cloned". */
const uncloneable = () => 'a Module (make another one and load the state dict of this one)';

/** A module of the same class, without what its constructor makes. */
let emptyLike: (module: AnyModule) => AnyModule;

/** @internal What a module is made of. */
export let stateOf: (module: AnyModule) => ModuleState<AnyModule>;

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
export class Module<Output = Tensor> {
  readonly #state: ModuleState<AnyModule>;
  readonly #extraRepr: string;

  static {
    stateOf = (module) => module.#state;
    emptyLike = (module) => Reflect.construct(Module, [module.#state, module.#extraRepr], module.constructor) as AnyModule;
  }

  /** @internal Layers pass the TorchScript that holds their parameters and is their forward, a copy the state of the original. */
  constructor(script?: unknown, extraRepr = '') {
    if (script !== undefined && !(script instanceof Script || script instanceof ModuleState)) {
      throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `nn.Module: expected no arguments, got ${describeValue(script)}`);
    }
    this.#state = script instanceof ModuleState ? (script as ModuleState<AnyModule>).forCopy(this) : new ModuleState(this, script ?? null);
    this.#extraRepr = extraRepr;
    Object.defineProperty(this, 'a module', { value: uncloneable, enumerable: true, configurable: true, writable: true });
  }

  /**
   * The output for some inputs, recorded for backward. A subclass says which. A model of `jit.load` takes and returns what
   * its TorchScript says: a list or tuple as an array, a dict as a Map (a plain object is taken too), None as null. Inputs
   * with a default may be left out; a plain object in last place that is no input itself holds keyword inputs, as in
   * `model.forward(x, { scale: 2 })`. Task labels (int64 `[B]`) as a second tensor are left aside by a model of one input.
   * @throws ERR_FORWARD where the class has no `forward`; ERR_BUSY, ERR_NO_TASK_LABELS, ERR_TORCH; ERR_INVALID_ARG_TYPE
   * with the method's signature where the inputs do not fit
   */
  forward(...inputs: unknown[]): Output {
    return runScript(this, ...(inputs as ScriptValue[])) as Output;
  }

  /** Whether `forward` takes the task label of each sample: multi-task models do, and TorchScript with an input `task_labels`. */
  get takesTaskLabels(): boolean {
    return this.#state.takesTaskLabels;
  }

  /** The modules that this one is made of, by name; one that is there twice stands once, under its first name. */
  namedChildren(): Map<string, AnyModule> {
    const seen = new Set<AnyModule | null>([null]);
    const isFirst = (child: AnyModule | null) => !seen.has(child) && seen.add(child);
    return new Map(this.#state.children().filter(([, child]) => isFirst(child)) as [string, AnyModule][]);
  }

  /** The modules that this one is made of. */
  children(): AnyModule[] {
    return [...this.namedChildren().values()];
  }

  /** This module (under "") and all below it, by their path; one that is there twice stands once. */
  namedModules(): Map<string, AnyModule> {
    const found = new Map<string, AnyModule>();
    const seen = new Set<AnyModule>();
    const visit = (module: AnyModule, path: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.set(path, module);
      for (const [name, child] of module.namedChildren()) visit(child, path === '' ? name : `${path}.${name}`);
    };
    visit(this, '');
    return found;
  }

  /** This module and all below it. */
  modules(): AnyModule[] {
    return [...this.namedModules().values()];
  }

  /** Name and tensor of every parameter in PyTorch's order; one that is shared stands once, under its first name. */
  namedParameters(): Map<string, Parameter> {
    return new Map(nativeModule(this).namedParameters().map(([name, tensor]) => [name, asParameter(tensor)]));
  }

  /** The parameters, in the order of `namedParameters`. */
  parameters(): Parameter[] {
    return [...this.namedParameters().values()];
  }

  /** Name and tensor of every buffer (BatchNorm's running statistics, for example). */
  namedBuffers(): Map<string, Tensor> {
    return new Map(nativeModule(this).namedBuffers().map(([name, tensor]) => [name, new Tensor(tensor)]));
  }

  /** The buffers, in the order of `namedBuffers`. */
  buffers(): Tensor[] {
    return [...this.namedBuffers().values()];
  }

  /** The module at a path, `layers.0` for example; "" is this one. @throws ERR_INVALID_ARG_VALUE */
  getSubmodule(target: string): AnyModule {
    return this.#found('getSubmodule', 'a module', target, this.namedModules().get(target));
  }

  /** The parameter at a path, `fc1.weight` for example. @throws ERR_INVALID_ARG_VALUE */
  getParameter(target: string): Parameter {
    const entry = nativeModule(this).state(true).find(([name, , isBuffer]) => name === target && !isBuffer);
    return this.#found('getParameter', 'a parameter', target, entry && asParameter(entry[1]));
  }

  /** The buffer at a path, `bn1.running_mean` for example. @throws ERR_INVALID_ARG_VALUE */
  getBuffer(target: string): Tensor {
    const entry = nativeModule(this).state(true).find(([name, , isBuffer]) => name === target && isBuffer);
    return this.#found('getBuffer', 'a buffer', target, entry && new Tensor(entry[1]));
  }

  /** What was looked for. @throws ERR_INVALID_ARG_VALUE where it is not there */
  #found<T>(operation: string, what: string, target: unknown, found: T | undefined): T {
    if (found !== undefined) return found;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected the path of ${what} in ${this.#state.className}, got ${describeValue(target)}`,
    );
  }

  /** Makes a parameter a property of this module, in the place of one of this name; null is one that it does without. @throws ERR_INVALID_ARG_TYPE, _VALUE */
  registerParameter(name: string, parameter: Parameter | null): void {
    this.#register('registerParameter', name, parameter, 'parameter');
  }

  /**
   * Makes a tensor that is not trained a property of this module, in the place of a buffer of this name; null is one that it does without.
   * @param options `persistent` (default true): whether it stands in the state dict
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
   */
  registerBuffer(name: string, tensor: Tensor | null, options?: { persistent?: boolean }): void {
    const { persistent } = parseOptions('registerBuffer', bufferSchema, options);
    this.#state.buffers.set(this.#register('registerBuffer', name, tensor, 'buffer'), persistent);
    if (tensor) keep(tensor);
  }

  /** Makes a module a child of this one, as setting a property does. @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  registerModule(name: string, module: AnyModule | null): void {
    this.#register('registerModule', name, module, 'module');
  }

  /** As `registerModule`. */
  addModule(name: string, module: AnyModule | null): void {
    this.registerModule(name, module);
  }

  /** Makes a part, or null, a property under a name that is free or has such a part; gives the name of the part. */
  #register(operation: string, name: string, value: unknown, kind: PartKind): string {
    const part = typeof name === 'string' ? this.#state.partOf(name) : null;
    const isSame = part?.[1] === kind;
    const [type, expected] = { parameter: [Parameter, 'an nn.Parameter'], buffer: [Tensor, 'a Tensor'], module: [Module, 'a Module'] }[kind] as [typeof Tensor, string]; // prettier-ignore
    requireRegistrable(operation, this, name, value, type, expected, isSame);
    if (isSame) (this as unknown as Record<string, unknown>)[part[0]] = value;
    else Object.defineProperty(this, name, { value, writable: true, enumerable: true, configurable: true });
    this.#state.registered.set(name, kind);
    return isSame ? part[2] : name;
  }

  /**
   * Parameters and persistent buffers by name, in PyTorch's order: the tensors themselves, not copies. A tensor that is
   * shared stands under each of its names.
   */
  stateDict(): Map<string, Tensor> {
    const leftOut = transientBuffers(this);
    return new Map(nativeModule(this).state(true).flatMap(([name, tensor]) => (leftOut.has(name) ? [] : [[name, new Tensor(tensor)]])));
  }

  /**
   * Copies the values of a state dict into this module's tensors: all, or none where one does not fit.
   * @param stateDict a Map or plain object; values of another dtype or device are converted
   * @param options `strict` (default true): whether its names must be those of this module
   * @throws ERR_STATE_DICT with PyTorch's message: missing or unexpected keys, sizes that do not match
   */
  loadStateDict(stateDict: StateDict, options?: { strict?: boolean }): IncompatibleKeys {
    const { strict } = parseOptions('loadStateDict', loadSchema, options);
    nativeModule(this).checkIdle('loadStateDict');
    return loadState(this, this.stateDict(), stateDict, strict);
  }

  /**
   * A copy with parameters, buffers and modules of its own, as Python's `copy.deepcopy` makes it: in the same modes, what is
   * shared in the tree shared in the copy, gradients of parameters left behind. Other fields are copied as far as they are
   * plain data (arrays, plain objects, Maps, Sets, typed arrays, Dates) and hold modules and tensors; a function or another
   * object is taken as it is: an arrow function that says `this` goes on with the original, so make it a method. No
   * constructor runs, so a class with private fields (`#x`) gives a copy without them, whose methods then fail: write
   * `private x`, or a `clone` of its own, which is asked in a tree too. A tensor that was computed becomes one without a graph.
   * @throws ERR_BUSY while a job works with it
   */
  clone(): this {
    const parts = partsOf(this);
    nativeModule(this).checkReadable('clone');
    return new DeepCopy(parts, (modules, tensors) => native.cloneModules(modules, tensors)).of(this);
  }

  /**
   * What `forward` gives in eval mode, without gradients, off the JavaScript thread: for many samples in mini-batches, whose
   * outputs come as one. Neither mode nor gradients of the model change. Calls may overlap: they are answered in their order,
   * and training goes on meanwhile, on a thread of its own. A model whose forward is TypeScript runs on the JavaScript
   * thread, where other work has its turn between two mini-batches.
   *
   * ```ts
   * const scores = await model.predict(images);
   * const all = await model.predict(testSet, { batchSize: 128 });
   * ```
   * @param data inputs `[B, ...]`, as forward takes them: a tensor, an array or an object of tensors; or a dataset, whose
   * samples are transformed for evaluation
   * @returns a tensor with a row for each sample; of a tuple, list or dict of such an array or a Map of them
   * @throws ERR_BUSY while a strategy trains or evaluates the model, but in its hooks (`strategy.snapshot()` gives one that
   * predicts at any time); ERR_FORWARD, ERR_INPUTS, ERR_NO_TASK_LABELS; ERR_MODEL_OUTPUT for outputs that cannot be put
   * together; ERR_DATA_SOURCE; ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
   */
  predict(data: Inputs | Dataset, options?: PredictOptions): Promise<Awaited<Output>> {
    return predictions(this, data, options) as Promise<Awaited<Output>>;
  }

  /** Train mode for the whole tree: dropout is active, BatchNorm uses and updates batch statistics. */
  train(mode = true): this {
    parseArgument('train', 'mode', boolean, mode);
    return onPath(this, () => {
      this.#state.setMode(mode);
      for (const [, child] of this.#state.children()) child?.train(mode);
      return this;
    }, this); // prettier-ignore
  }

  /** Eval mode for the whole tree. */
  eval(): this {
    return this.train(false);
  }

  /** Whether this module is in train mode. */
  get training(): boolean {
    return this.#state.current?.isTraining() ?? true;
  }

  /** Calls `fn` on every module of the tree, children before the module that they are in. @throws ERR_CALLBACK */
  apply(fn: ModuleCallback): this {
    return onPath(this, () => {
      for (const child of this.children()) child.apply(fn);
      callUserAtOnce('ERR_CALLBACK', 'apply: the function failed', () => fn(this));
      return this;
    }, this); // prettier-ignore
  }

  /**
   * Moves parameters, their gradients and buffers to a device, or turns those that hold floating-point numbers into another
   * dtype of that kind. The tensors stay the same objects.
   * @param target `"cpu"`, `"cuda"`, `"cuda:N"`, `"float64"`, ..., or `{ device, dtype }`
   * @throws ERR_DEVICE, ERR_BUSY, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
   */
  to(target: Target): this {
    const { device, dtype } = parseTarget(target);
    nativeModule(this).to(device ?? null, dtype ?? null);
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
    nativeModule(this).zeroGrad();
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
    return onPath(this, () => this.#printed(), `${this.#state.className}(...)`);
  }

  /** As `toString`, of a module that is not inside itself. */
  #printed(): string {
    const children = this.#state
      .children()
      .filter(([name, child]) => child !== null || !this.#state.isOptional(name))
      .map(([name, child]): [string, string] => [name, child === null ? 'None' : child.toString()]);
    return describeModule(this.#state.className, this.extraRepr(), children);
  }

  /** In JSON a module is what `toString` says; its values are those of `stateDict`. */
  toJSON(): string {
    return this.toString();
  }

  /** What `console.log` shows: as `toString`. */
  [inspect.custom](): string {
    return this.toString();
  }
}
modulesAre(Module);
copiesAre((module) => emptyLike(module as AnyModule), Module.prototype.clone);
statesAre(stateOf);
runsTorchScript(Module.prototype.forward);

/** @internal The native module, with the parameters, buffers and children that the module has now. @throws ERR_BUSY */
export const nativeModule = (module: AnyModule): NativeModule => stateOf(module).sync();

/** @internal Runs the TorchScript of a module, or what does the same in TypeScript. */
export const runScript = (module: AnyModule, ...inputs: ScriptValue[]): unknown => stateOf(module).run(inputs);

/** @internal The same where one tensor becomes one tensor. */
export const runLayer = (module: AnyModule, input: Tensor): Tensor => stateOf(module).runLayer(input);

/** @internal What `forward` gives for a mini-batch, as a strategy calls it. */
export const forwardBatch = (module: AnyModule, x: Inputs, taskId: Tensor): unknown => stateOf(module).runBatch(x, taskId);

/** @internal Whether C++ can run all of its forward on the compute thread. */
export const isScripted = (module: AnyModule): boolean => stateOf(module).isScripted;
