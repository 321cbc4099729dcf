import { z } from 'zod';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { createModule, Module } from './module';

const schema = z.object({ bias: boolean.default(true) });
export type LinearOptions = z.input<typeof schema>;

/**
 * `y = x W^T + b`: input `[..., inFeatures]`, output `[..., outFeatures]`.
 * Parameters `weight` [outFeatures, inFeatures] and `bias` [outFeatures], both drawn from U(-k, k), k = 1/sqrt(inFeatures),
 * weight first (`torch.nn.Linear`).
 */
export class Linear extends Module {
  constructor(inFeatures: number, outFeatures: number, options?: LinearOptions) {
    const { bias } = parseOptions('nn.Linear', schema, options);
    super(
      createModule(
        'Linear',
        parseArgument('nn.Linear', 'inFeatures', positiveInteger, inFeatures),
        parseArgument('nn.Linear', 'outFeatures', positiveInteger, outFeatures),
        bias,
      ),
    );
  }
}
