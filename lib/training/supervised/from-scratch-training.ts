import { z } from 'zod';
import { positiveInteger } from '../../options';
import { fromScratchTrainingOptions, FromScratchTrainingPlugin, type FromScratchTrainingPluginOptions } from '../plugins/from-scratch-training';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, evalMbSize: positiveInteger.nullable().default(null), ...fromScratchTrainingOptions });

/** Options of `FromScratchTraining`: those of a strategy, and those of `FromScratchTrainingPlugin`. */
export type FromScratchTrainingOptions = SupervisedTemplateOptions & FromScratchTrainingPluginOptions;

/** `SupervisedTemplate` with a `FromScratchTrainingPlugin` behind the plugins given: each experience is learned from the initial weights. */
export class FromScratchTraining extends SupervisedTemplate {
  constructor(options: FromScratchTrainingOptions) {
    super(withPlugin('FromScratchTraining', schema, fromScratchTrainingOptions, options, (own) => new FromScratchTrainingPlugin(own)));
  }
}
