import { ContinualTorchError, describeValue } from '../../errors';
import { MASPlugin, type MASPluginOptions } from '../plugins/mas';
import { SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';

export type MASOptions = SupervisedTemplateOptions & MASPluginOptions;

/** `SupervisedTemplate` with a `MASPlugin` behind the plugins given. */
export class MAS extends SupervisedTemplate {
  constructor(options: MASOptions) {
    if (typeof options !== 'object' || options === null) {
      throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `MAS: expected options, got ${describeValue(options)}`);
    }
    const { lambdaReg, alpha, verbose, plugins = [], ...rest } = options;
    const mas = new MASPlugin({ lambdaReg, alpha, verbose });
    super({ ...rest, plugins: Array.isArray(plugins) ? [...plugins, mas] : plugins });
  }
}
