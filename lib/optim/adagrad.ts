import { z } from 'zod';
import { boolean, nonNegativeNumber, parseOptions } from '../options';
import { Optimizer } from './optimizer';
import type { OptimizedParameters, OptimizerKind } from './param-group';

const schema = z.object({
  lr: nonNegativeNumber.default(1e-2),
  lrDecay: nonNegativeNumber.default(0),
  weightDecay: nonNegativeNumber.default(0),
  initialAccumulatorValue: nonNegativeNumber.default(0),
  eps: nonNegativeNumber.default(1e-10),
  maximize: boolean.default(false),
});

/** Options of `optim.Adagrad`. */
export interface AdagradOptions {
  /** Learning rate. Default 1e-2. */
  lr?: number;
  /** The learning rate of update t (from 0) is lr / (1 + t lrDecay). Default 0. */
  lrDecay?: number;
  /** L2 penalty: weightDecay * theta is added to the gradient. Default 0. */
  weightDecay?: number;
  /** What the sum of squared gradients begins with. Default 0. */
  initialAccumulatorValue?: number;
  /** Added to the denominator. Default 1e-10. */
  eps?: number;
  /** Ascends instead of descending. Default false. */
  maximize?: boolean;
}

const kind: OptimizerKind<Required<AdagradOptions>> = {
  name: 'Adagrad',
  native: 'Adagrad',
  parse: (operation, given) => parseOptions(operation, schema, given),
  toNative: (options) => ({ ...options }),
};

/**
 * Adagrad (Duchi et al., 2011) with PyTorch's conventions (`torch.optim.Adagrad`):
 * `g += weightDecay theta; s += g^2; theta -= lr / (1 + t lrDecay) g / (sqrt(s) + eps)`. A group has an
 * `initialAccumulatorValue` of its own (PyTorch leaves it aside there). Parameter groups as for `SGD`.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class Adagrad extends Optimizer<Required<AdagradOptions>> {
  /** @param options defaults of the groups, or the options of all parameters */
  constructor(parameters: OptimizedParameters<AdagradOptions>, options?: AdagradOptions) {
    super(kind, parameters, options);
  }
}
