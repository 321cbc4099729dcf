import type { z } from 'zod';
import { parseOptions } from '../options';
import { BaseLRScheduler, type schedulerOptions } from './base-lr-scheduler';
import type { Optimizer } from './optimizer';

/** A schedule that its options describe: they become its properties, which the class declares. */
export abstract class FormulaLRScheduler extends BaseLRScheduler {
  constructor(name: string, schema: z.ZodObject<typeof schedulerOptions>, optimizer: Optimizer, options: unknown) {
    const operation = `optim.${name}`;
    const { lastEpoch, ...own } = parseOptions(operation, schema, options);
    super(operation, optimizer, { lastEpoch });
    Object.assign(this, own);
    this.begin();
  }
}
