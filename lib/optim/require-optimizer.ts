import { instanceOf, parseArgument } from '../options';
import { Optimizer } from './optimizer';

const schema = instanceOf(Optimizer, 'an Optimizer (optim.SGD, optim.Adam, optim.AdamW)');

/** Checks an argument that is an optimizer. @throws ERR_INVALID_ARG_TYPE */
export function requireOptimizer(operation: string, optimizer: unknown): Optimizer {
  return parseArgument(operation, 'optimizer', schema, optimizer);
}
