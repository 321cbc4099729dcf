import { z } from 'zod';
import { boolean, nonNegativeNumber, parseOptions } from '../options';
import { Optimizer } from './optimizer';
import type { OptimizedParameters, OptimizerKind } from './param-group';

const schema = z.object({
  lr: nonNegativeNumber.default(1e-2),
  alpha: nonNegativeNumber.default(0.99),
  eps: nonNegativeNumber.default(1e-8),
  weightDecay: nonNegativeNumber.default(0),
  momentum: nonNegativeNumber.default(0),
  centered: boolean.default(false),
  maximize: boolean.default(false),
});

/** Options of `optim.RMSprop`. */
export interface RMSpropOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number;
  /** Decay of the running mean of the squared gradient. Default 0.99. */
  alpha?: number;
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty: weightDecay * theta is added to the gradient. Default 0. */
  weightDecay?: number;
  /** Default 0. */
  momentum?: number;
  /** Divides by the deviation from the running mean of the gradient instead of its magnitude. Default false. */
  centered?: boolean;
  /** Ascends instead of descending. Default false. */
  maximize?: boolean;
}

const kind: OptimizerKind<Required<RMSpropOptions>> = {
  name: 'RMSprop',
  native: 'RMSprop',
  parse: (operation, given) => parseOptions(operation, schema, given),
  toNative: (options) => ({ ...options }),
};

/**
 * RMSprop (Hinton; centred: Graves, arXiv 1308.0850) with PyTorch's conventions (`torch.optim.RMSprop`):
 * `g += weightDecay theta; s = alpha s + (1 - alpha) g^2; u = g / (sqrt(s) + eps); theta -= lr u`. Centred, the square of
 * the running mean of `g` is taken from `s` under the root; with momentum `b = momentum b + u; theta -= lr b`. Parameter
 * groups as for `SGD`.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class RMSprop extends Optimizer<Required<RMSpropOptions>> {
  /** @param options defaults of the groups, or the options of all parameters */
  constructor(parameters: OptimizedParameters<RMSpropOptions>, options?: RMSpropOptions) {
    super(kind, parameters, options);
  }
}
