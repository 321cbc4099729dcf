import { z } from 'zod';
import { parseOptions } from '../../options';
import { masOptions, MASPlugin, type MASPluginOptions } from '../plugins/mas';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';

const schema = z.object({ ...supervisedOptions, ...masOptions });

/** Options of `MAS`: those of a strategy, and those of `MASPlugin`. */
export type MASOptions = SupervisedTemplateOptions & MASPluginOptions;

/** `SupervisedTemplate` with a `MASPlugin` behind the plugins given. */
export class MAS extends SupervisedTemplate {
  constructor(options: MASOptions) {
    const { lambdaReg, alpha, penaltyUpdate, verbose, plugins, ...rest } = parseOptions('MAS', schema, options);
    super({ ...rest, plugins: [...plugins, new MASPlugin({ lambdaReg, alpha, penaltyUpdate, verbose })] });
  }
}
