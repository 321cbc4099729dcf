import { z } from 'zod';
import { lwfOptions, LwFPlugin, type LwFPluginOptions } from '../plugins/lwf';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...lwfOptions });

/** Options of `LwF`: those of a strategy, and those of `LwFPlugin`. */
export type LwFOptions = SupervisedTemplateOptions & LwFPluginOptions;

/** `SupervisedTemplate` with an `LwFPlugin` behind the plugins given. */
export class LwF extends SupervisedTemplate {
  constructor(options: LwFOptions) {
    super(withPlugin('LwF', schema, lwfOptions, options, (own) => new LwFPlugin(own as LwFPluginOptions)));
  }
}
