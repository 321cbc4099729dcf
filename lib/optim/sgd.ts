import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, nonNegativeNumber, parseOptions } from '../options';
import { Optimizer } from './optimizer';
import type { OptimizedParameters, OptimizerKind } from './param-group';

const schema = z.object({
  lr: nonNegativeNumber.default(1e-3),
  momentum: nonNegativeNumber.default(0),
  dampening: z.number('a number').default(0),
  weightDecay: nonNegativeNumber.default(0),
  nesterov: boolean.default(false),
  maximize: boolean.default(false),
});

/** Options of `optim.SGD`. */
export interface SGDOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Default 0. */
  momentum?: number;
  /** The gradient enters the momentum buffer times (1 - dampening), but for the first time. Default 0. */
  dampening?: number;
  /** L2 penalty: weightDecay * theta is added to the gradient. Default 0. */
  weightDecay?: number;
  /** Needs momentum and no dampening. Default false. */
  nesterov?: boolean;
  /** Ascends instead of descending. Default false. */
  maximize?: boolean;
}

const kind: OptimizerKind<Required<SGDOptions>> = {
  name: 'SGD',
  native: 'SGD',
  parse(operation, options) {
    const parsed = parseOptions(operation, schema, options);
    if (parsed.nesterov && (parsed.momentum <= 0 || parsed.dampening !== 0)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${operation}: expected momentum above 0 and dampening 0 with nesterov, got momentum ${parsed.momentum} and dampening ${parsed.dampening}`,
      );
    }
    return parsed;
  },
  toNative: (options) => ({ ...options }),
};

/**
 * Stochastic gradient descent with PyTorch's conventions (`torch.optim.SGD`):
 * `g += weightDecay theta; v = momentum v + (1 - dampening) g; theta -= lr v` (Nesterov: `lr (g + momentum v)`).
 *
 *     new optim.SGD(model.parameters(), { lr: 0.1 });
 *     new optim.SGD(model.namedParameters(), { lr: 0.1 }); // so that stateDict speaks in names
 *     new optim.SGD([{ params: features.parameters() }, { params: head.parameters(), lr: 0.1 }], { lr: 0.01 });
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE also for a parameter given twice; ERR_UNKNOWN_OPTION;
 * ERR_NO_PARAMETERS
 */
export class SGD extends Optimizer<Required<SGDOptions>> {
  /** @param options defaults of the groups, or the options of all parameters */
  constructor(parameters: OptimizedParameters<SGDOptions>, options?: SGDOptions) {
    super(kind, parameters, options);
  }
}
