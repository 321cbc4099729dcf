import { z } from 'zod';
import { pluginSchema } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';
import { Module } from '../../nn/module';
import { deviceName, instanceOf } from '../../options';
import { getDefaultDevice } from '../../tensor/default-device';
import { cpuGenerator, type Generator } from '../../tensor/generator';
import type { Tensor } from '../../tensor/tensor';

/** The option schema, for templates that add options of their own. */
export const baseOptions = {
  model: instanceOf(Module, 'a Module (jit.load, nn, models)'),
  device: deviceName.default(getDefaultDevice),
  plugins: z.array(pluginSchema, 'an array of plugins').default([]),
  generator: cpuGenerator,
};
/** Options that every strategy has. */
export interface BaseTemplateOptions {
  /** What is trained. */
  model: Module<Tensor | Promise<Tensor>>;
  /** `"cpu"`, `"cuda"` or `"cuda:N"`. Default: the default device, `"cpu"` at first. */
  device?: string;
  /** Called in this order; the array is copied. Default none. */
  plugins?: Plugin[];
  /**
   * On the CPU. Shuffles, dropout and heads that grow draw from it, and so does everything that `train` and `eval` call (hooks,
   * a forward in TypeScript) where it is given no generator; the default generator does not move. Default null: the default one.
   */
  generator?: Generator | null;
}
