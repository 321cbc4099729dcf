import { z } from 'zod';
import { l2Options, L2Plugin, type L2PluginOptions } from '../plugins/l2';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...l2Options });

/** Options of `L2`: those of a strategy, and those of `L2Plugin`. */
export type L2Options = SupervisedTemplateOptions & L2PluginOptions;

/** `SupervisedTemplate` with an `L2Plugin` behind the plugins given. */
export class L2 extends SupervisedTemplate {
  constructor(options: L2Options) {
    super(withPlugin('L2', schema, l2Options, options, (own) => new L2Plugin(own as L2PluginOptions)));
  }
}
