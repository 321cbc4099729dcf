import { z } from 'zod';
import { synapticIntelligenceOptions, SynapticIntelligencePlugin, type SynapticIntelligencePluginOptions } from '../plugins/synaptic-intelligence';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...synapticIntelligenceOptions });

/** Options of `SynapticIntelligence`: those of a strategy, and those of `SynapticIntelligencePlugin`. */
export type SynapticIntelligenceOptions = SupervisedTemplateOptions & SynapticIntelligencePluginOptions;

/** `SupervisedTemplate` with a `SynapticIntelligencePlugin` behind the plugins given. */
export class SynapticIntelligence extends SupervisedTemplate {
  constructor(options: SynapticIntelligenceOptions) {
    super(withPlugin('SynapticIntelligence', schema, synapticIntelligenceOptions, options, (own) => new SynapticIntelligencePlugin(own as SynapticIntelligencePluginOptions)));
  }
}
