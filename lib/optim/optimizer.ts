import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeOptimizer, NativeTensor } from '../native/types';
import { Tensor } from '../tensor/tensor';

/** Updates parameters from their gradients. Parameters without a gradient are left alone, and their state too. */
export abstract class Optimizer {
  /** @internal */
  readonly handle: NativeOptimizer;

  /** @internal */
  constructor(
    kind: 'SGD' | 'Adam' | 'AdamW',
    parameters: Iterable<Tensor>,
    options: Record<string, number | boolean>,
  ) {
    this.handle = native.createOptimizer(kind, parameterHandles(kind, parameters), options);
  }

  /** One update, on the calling thread (a strategy makes its updates on the compute thread). */
  step(): void {
    this.handle.step();
  }

  /** Sets the gradient of every parameter to null. */
  zeroGrad(): void {
    this.handle.zeroGrad();
  }
}

function parameterHandles(kind: string, parameters: Iterable<Tensor>): NativeTensor[] {
  const given: unknown = parameters;
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given) || given instanceof Map) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `optim.${kind}: expected parameters as an array of tensors (model.parameters()), got ${describeValue(given)}`,
    );
  }
  const handles = [...parameters].map((parameter: unknown, i) => {
    if (parameter instanceof Tensor) return parameter.handle;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `optim.${kind}: expected parameters to be tensors, got ${describeValue(parameter)} at index ${i}`,
    );
  });
  if (handles.length === 0) {
    throw new ContinualTorchError('ERR_NO_PARAMETERS', `optim.${kind}: expected at least one parameter, got none`);
  }
  return handles;
}
