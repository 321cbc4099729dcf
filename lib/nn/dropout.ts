import { parseArgument, unitInterval } from '../options';
import { createModule, Module } from './module';

/**
 * In train mode sets each element to 0 with probability `p` and scales the rest by 1/(1 - p); the identity in eval mode
 * (`torch.nn.Dropout`). Random numbers come from libtorch's default generator.
 */
export class Dropout extends Module {
  /** @param p in [0, 1], default 0.5 */
  constructor(p = 0.5) {
    super(createModule('Dropout', parseArgument('nn.Dropout', 'p', unitInterval, p)));
  }
}
