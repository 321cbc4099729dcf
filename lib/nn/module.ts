import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeModule } from '../native/types';
import { boolean, deviceName, parseArgument } from '../options';
import { Tensor } from '../tensor/tensor';

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

  /** @internal */
  constructor(handle: NativeModule) {
    this.handle = handle;
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

  /**
   * The model's output, computed on the calling thread and recorded for backward.
   * @param input shape `[B, ...]`, on the model's device
   * @throws ERR_BUSY, ERR_MODEL_OUTPUT, ERR_TORCH
   */
  forward(input: Tensor): Tensor {
    if (!(input instanceof Tensor)) {
      throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `forward: expected a Tensor, got ${describeValue(input)}`);
    }
    return new Tensor(this.handle.forward(input.handle));
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

/** @internal The handles of children, checked. */
export function childHandles(operation: string, children: Module[]): NativeModule[] {
  return children.map((child, i) => {
    if (child instanceof Module) return child.handle;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected modules, got ${describeValue(child)} at index ${i}`,
    );
  });
}

/** @internal Creates the native module of a layer. */
export const createModule = native.createModule;
