import { z } from 'zod';
import { MASPlugin } from '../plugins/mas';
import { masOptions, type MASPluginOptions } from '../plugins/mas-options';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...masOptions });

/** Options of `MAS`: those of a strategy, and those of `MASPlugin`. */
export type MASOptions = SupervisedTemplateOptions & MASPluginOptions;

/** `SupervisedTemplate` with a `MASPlugin` behind the plugins given. */
export class MAS extends SupervisedTemplate {
  constructor(options: MASOptions) {
    super(withPlugin('MAS', schema, masOptions, options, (own) => new MASPlugin(own)));
  }
}
