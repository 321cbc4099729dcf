import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, nonNegativeNumber, parseOptions } from '../options';
import type { Tensor } from '../tensor/tensor';
import { Optimizer } from './optimizer';

const schema = z.object({
  lr: nonNegativeNumber.default(1e-3),
  momentum: nonNegativeNumber.default(0),
  dampening: z.number('a number').default(0),
  weightDecay: nonNegativeNumber.default(0),
  nesterov: boolean.default(false),
  maximize: boolean.default(false),
});
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

/**
 * Stochastic gradient descent with PyTorch's conventions (`torch.optim.SGD`):
 * `g += weightDecay theta; v = momentum v + (1 - dampening) g; theta -= lr v` (Nesterov: `lr (g + momentum v)`).
 * @throws ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class SGD extends Optimizer {
  constructor(parameters: Iterable<Tensor>, options?: SGDOptions) {
    const parsed = parseOptions('optim.SGD', schema, options);
    if (parsed.nesterov && (parsed.momentum <= 0 || parsed.dampening !== 0)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `optim.SGD: expected momentum above 0 and dampening 0 with nesterov, got momentum ${parsed.momentum} and dampening ${parsed.dampening}`,
      );
    }
    super('SGD', parameters, parsed);
  }
}
