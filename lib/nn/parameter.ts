import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { boolean, parseOptions } from '../options';
import { Tensor } from '../tensor/tensor';
import { keep } from '../tensor/tidy';

const schema = z.object({ requiresGrad: boolean.default(true) });

/** Options of `nn.Parameter`. */
export interface ParameterOptions {
  /** Default true. */
  requiresGrad?: boolean;
}

/**
 * A tensor that a module trains (`torch.nn.Parameter`): as a property of a module it stands among its parameters. It
 * shares the memory of `data`, and is a leaf of its own for backward.
 * @throws ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; ERR_TORCH where `data` does not hold floating-point numbers
 */
export class Parameter extends Tensor {
  constructor(data: Tensor, options?: ParameterOptions) {
    const { requiresGrad } = parseOptions('nn.Parameter', schema, options);
    if (!(data instanceof Tensor)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `nn.Parameter: expected data to be a Tensor, got ${describeValue(data)}`,
      );
    }
    super(native.newParameter(data.handle, requiresGrad));
    keep(this);
  }
}

/** @internal A parameter that native code holds, as an object of JavaScript: the tensor itself. */
export function asParameter(handle: NativeTensor): Parameter {
  const parameter: unknown = Reflect.construct(Tensor, [handle], Parameter);
  return keep(parameter as Parameter);
}
