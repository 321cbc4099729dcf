import { z } from 'zod';
import { ewcOptions, EWCPlugin, type EWCPluginOptions } from '../plugins/ewc';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...ewcOptions });

/** Options of `EWC`: those of a strategy, and those of `EWCPlugin`. */
export type EWCOptions = SupervisedTemplateOptions & EWCPluginOptions;

/** `SupervisedTemplate` with an `EWCPlugin` behind the plugins given. */
export class EWC extends SupervisedTemplate {
  constructor(options: EWCOptions) {
    super(withPlugin('EWC', schema, ewcOptions, options, (own) => new EWCPlugin(own as EWCPluginOptions)));
  }
}
