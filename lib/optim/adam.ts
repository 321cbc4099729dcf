import { z } from 'zod';
import { belowOne, boolean, nonNegativeNumber, parseOptions } from '../options';
import { Optimizer } from './optimizer';
import type { OptimizedParameters, OptimizerKind } from './param-group';

const schema = (weightDecay: number) =>
  z.object({
    lr: nonNegativeNumber.default(1e-3),
    betas: z.tuple([belowOne, belowOne], 'two numbers in [0, 1)').default([0.9, 0.999]).readonly(),
    eps: nonNegativeNumber.default(1e-8),
    weightDecay: nonNegativeNumber.default(weightDecay),
    amsgrad: boolean.default(false),
    maximize: boolean.default(false),
  });
const adamSchema = schema(0).extend({ decoupledWeightDecay: boolean.default(false) });
const adamWSchema = schema(1e-2);

/** Options of `optim.AdamW`. */
export interface AdamWOptions {
  /** Learning rate. Default 1e-3. */
  lr?: number;
  /** Decay of the running means of gradient and squared gradient. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** Default 0 for Adam, 1e-2 for AdamW. */
  weightDecay?: number;
  /** Divides by the largest second moment so far. Default false. */
  amsgrad?: boolean;
  /** Ascends instead of descending. Default false. */
  maximize?: boolean;
}

/** Options of `optim.Adam`. */
export interface AdamOptions extends AdamWOptions {
  /** Weight decay as AdamW has it. Default false. */
  decoupledWeightDecay?: boolean;
}

const withBetas = <O extends Required<AdamWOptions>>({ betas, ...rest }: O) => ({
  ...rest,
  beta1: betas[0],
  beta2: betas[1],
});

const adam: OptimizerKind<Required<AdamOptions>> = {
  name: 'Adam',
  native: 'Adam',
  parse: (operation, given) => parseOptions(operation, adamSchema, given),
  toNative: withBetas,
};

const decoupled = { decoupledWeightDecay: true };
const adamW: OptimizerKind<Required<AdamWOptions>> = {
  name: 'AdamW',
  native: 'Adam',
  fixed: decoupled,
  parse: (operation, given) => parseOptions(operation, adamWSchema, given),
  toNative: (options) => ({ ...withBetas(options), ...decoupled }),
};

/**
 * Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1) with PyTorch's conventions (`torch.optim.Adam`): weight decay is
 * added to the gradient; AMSGrad is Reddi et al., arXiv 1904.09237. Parameter groups as for `SGD`.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class Adam extends Optimizer<Required<AdamOptions>> {
  /** @param options defaults of the groups, or the options of all parameters */
  constructor(parameters: OptimizedParameters<AdamOptions>, options?: AdamOptions) {
    super(adam, parameters, options);
  }
}

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2; `torch.optim.AdamW`):
 * `theta -= lr weightDecay theta` before the update. Parameter groups as for `SGD`.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_NO_PARAMETERS
 */
export class AdamW extends Optimizer<Required<AdamWOptions>> {
  /** @param options defaults of the groups, or the options of all parameters */
  constructor(parameters: OptimizedParameters<AdamWOptions>, options?: AdamWOptions) {
    super(adamW, parameters, options);
  }
}
