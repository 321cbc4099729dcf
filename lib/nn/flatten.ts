import { z } from 'zod';
import { integer, parseOptions } from '../options';
import { createModule, Module } from './module';

const schema = z.object({ startDim: integer.default(1), endDim: integer.default(-1) });
export type FlattenOptions = z.input<typeof schema>;

/** Joins dimensions `startDim` (default 1) to `endDim` (default -1, the last): `[B, ...]` to `[B, features]`. */
export class Flatten extends Module {
  constructor(options?: FlattenOptions) {
    const { startDim, endDim } = parseOptions('nn.Flatten', schema, options);
    super(createModule('Flatten', startDim, endDim));
  }
}
