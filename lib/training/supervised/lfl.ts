import { z } from 'zod';
import { lflOptions, LFLPlugin, type LFLPluginOptions } from '../plugins/lfl';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...lflOptions });

/** Options of `LFL`: those of a strategy, and those of `LFLPlugin`. */
export type LFLOptions = SupervisedTemplateOptions & LFLPluginOptions;

/** `SupervisedTemplate` with an `LFLPlugin` behind the plugins given. */
export class LFL extends SupervisedTemplate {
  constructor(options: LFLOptions) {
    super(withPlugin('LFL', schema, lflOptions, options, (own) => new LFLPlugin(own as LFLPluginOptions)));
  }
}
