import { z } from 'zod';
import { nonNegativeNumber, parseArgument, parseOptions, positiveInteger, unitInterval } from '../options';
import { createModule, Module } from './module';

const schema = z.object({ eps: nonNegativeNumber.default(1e-5), momentum: unitInterval.default(0.1) });
export interface BatchNorm2dOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Weight of a mini-batch in the running statistics, in [0, 1]. Default 0.1. */
  momentum?: number;
}

/**
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias` for each channel (`torch.nn.BatchNorm2d`): input and output
 * `[B, numFeatures, H, W]`. In train mode mean and (biased) variance are the mini-batch's, which also move the buffers
 * `running_mean` and `running_var` (unbiased) by `momentum` and count in `num_batches_tracked`; in eval mode they are those
 * buffers. Parameters `weight` (ones) and `bias` (zeros), [numFeatures].
 */
export class BatchNorm2d extends Module {
  constructor(numFeatures: number, options?: BatchNorm2dOptions) {
    const features = parseArgument('nn.BatchNorm2d', 'numFeatures', positiveInteger, numFeatures);
    const { eps, momentum } = parseOptions('nn.BatchNorm2d', schema, options);
    super(createModule('BatchNorm2d', features, eps, momentum));
  }
}
