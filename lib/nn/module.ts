import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeModule, NativeTensor } from '../native/types';
import { boolean, deviceName, parseArgument } from '../options';
import { Tensor } from '../tensor/tensor';
import { fromNative, type ScriptValue, toNative } from './script-value';

/**
 * A PyTorch model or layer. Instances come from `jit.load` and from the layers in `nn`; each is TorchScript underneath,
 * so that Python opens what `jit.save` writes.
 *
 * While a job works with a model (training, evaluation, `jit.save`), everything here throws `ERR_BUSY`; inside a hook of a
 * strategy no job is under way.
 */
export class Module {
  /** @internal */
  readonly handle: NativeModule;

  private readonly children: ReadonlyMap<string, Module>;

  /** @internal */
  constructor(handle: NativeModule, children: Record<string, Module> = {}) {
    this.handle = handle;
    this.children = new Map(Object.entries(children));
  }

  /** The modules that this one is made of, by name; none for a single layer and for a model of `jit.load`. */
  namedChildren(): Map<string, Module> {
    return new Map(this.children);
  }

  /** Name and tensor of every parameter in PyTorch's order; one that is shared stands once, under its first name. */
  namedParameters(): Map<string, Tensor> {
    return new Map(this.handle.namedParameters().map(([name, tensor]) => [name, new Tensor(tensor)]));
  }

  /** The parameters, in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Name and tensor of every buffer (BatchNorm's running statistics, for example). */
  namedBuffers(): Map<string, Tensor> {
    return new Map(this.handle.namedBuffers().map(([name, tensor]) => [name, new Tensor(tensor)]));
  }

  /** Parameters and buffers by name: the tensors themselves, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /** Whether `forward` takes the task label of each sample: multi-task models do. */
  get takesTaskLabels(): boolean {
    return this.handle.takesTaskLabels();
  }

  /**
   * The model's output, computed on the calling thread and recorded for backward.
   * @param input shape `[B, ...]`, on the model's device
   * @param taskLabels int64 `[B]` for a model that takes them; one of a single input leaves them aside
   * @throws ERR_BUSY, ERR_NO_TASK_LABELS, ERR_TORCH; ERR_INVALID_ARG_TYPE with the method's signature where the inputs do
   * not fit
   */
  forward(input: Tensor, taskLabels?: Tensor): Tensor;
  /**
   * Whatever the model takes and returns: a list or tuple as an array, a dict as a Map (a plain object is taken too), None as
   * null. Inputs with a default may be left out; a plain object in last place that is no input itself holds keyword inputs,
   * as in `model.forward(x, { scale: 2 })`.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the model, not TypeScript, knows what comes back
  forward(...inputs: ScriptValue[]): any;
  /**
   *
   */
  forward(...inputs: ScriptValue[]): unknown {
    // One tensor in, one tensor out goes straight through: a model in TypeScript calls every layer like this.
    if (inputs.length === 1 && inputs[0] instanceof Tensor) return fromNative(this.handle.forward(inputs[0].handle));
    return fromNative(this.handle.forward(...inputs.map(toNative)));
  }

  /** Train mode for the whole tree: dropout is active, BatchNorm uses and updates batch statistics. */
  train(mode = true): this {
    this.handle.train(parseArgument('train', 'mode', boolean, mode));
    return this;
  }

  /** Eval mode for the whole tree. */
  eval(): this {
    return this.train(false);
  }

  /** Whether the outermost module is in train mode. */
  get training(): boolean {
    return this.handle.isTraining();
  }

  /** Moves parameters and buffers to `"cpu"`, `"cuda"` or `"cuda:N"`. @throws ERR_DEVICE, ERR_BUSY */
  to(device: string): this {
    this.handle.to(parseArgument('to', 'device', deviceName, device));
    return this;
  }
}

/** @internal */
export function requireTensor(operation: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `${operation}: expected a Tensor, got ${describeValue(value)}`);
}

/** @internal Creates the native module of a layer. */
export const createModule = native.createModule;

/** @internal What a module in TorchScript is made of. */
export interface ScriptParts {
  children?: Record<string, Module>;
  /** null: this module does without it, so that `self.bias` is None. */
  parameters?: Record<string, Tensor | null>;
  buffers?: Record<string, Tensor | null>;
  /** Methods: one or more `def`s, each with `self` first. Children, parameters and buffers are attributes of `self`. */
  source: string;
}

/** @internal Creates the native module of a layer or model from its parts. */
export function scriptModule(className: string, parts: ScriptParts): NativeModule {
  const entries = <T>(named: Record<string, T>) => Object.entries(named);
  const handles = (named: Record<string, Tensor | null>) =>
    entries(named).map(([name, tensor]): [string, NativeTensor | null] => [name, tensor && tensor.handle]);
  return createModule(
    'Script',
    className,
    entries(parts.children ?? {}).map(([name, child]): [string, NativeModule] => [name, child.handle]),
    handles(parts.parameters ?? {}),
    handles(parts.buffers ?? {}),
    parts.source,
  );
}

/** @internal Creates the native module of a model made of modules. */
export function composeModule(className: string, children: Record<string, Module>, source: string): NativeModule {
  return scriptModule(className, { children, source });
}
