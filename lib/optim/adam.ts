import { z } from 'zod';
import { belowOne, boolean, nonNegativeNumber, parseOptions } from '../options';
import type { Tensor } from '../tensor/tensor';
import { Optimizer } from './optimizer';

const schema = (weightDecay: number) =>
  z.object({
    lr: nonNegativeNumber.default(1e-3),
    betas: z.tuple([belowOne, belowOne], 'two numbers in [0, 1)').default([0.9, 0.999]),
    eps: nonNegativeNumber.default(1e-8),
    weightDecay: nonNegativeNumber.default(weightDecay),
    amsgrad: boolean.default(false),
    maximize: boolean.default(false),
  });
const adamSchema = schema(0);
const adamWSchema = schema(1e-2);

export interface AdamOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Decay of the running means of gradient and squared gradient. Default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** Default 0 for Adam, 1e-2 for AdamW. */
  weightDecay?: number;
  /** Divides by the largest second moment so far. Default false. */
  amsgrad?: boolean;
  /** Ascends instead of descending. Default false. */
  maximize?: boolean;
}

function nativeOptions({ betas, ...options }: z.output<typeof adamSchema>) {
  return { ...options, beta1: betas[0], beta2: betas[1] };
}

/**
 * Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) with PyTorch's conventions (`torch.optim.Adam`): weight decay is
 * added to the gradient; AMSGrad is Reddi et al., arXiv 1904.09237.
 * @throws ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class Adam extends Optimizer {
  constructor(parameters: Iterable<Tensor>, options?: AdamOptions) {
    super('Adam', parameters, nativeOptions(parseOptions('optim.Adam', adamSchema, options)));
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2; `torch.optim.AdamW`):
 * `theta -= lr weightDecay theta` before the update.
 * @throws ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class AdamW extends Optimizer {
  constructor(parameters: Iterable<Tensor>, options?: AdamOptions) {
    super('AdamW', parameters, nativeOptions(parseOptions('optim.AdamW', adamWSchema, options)));
  }
}
