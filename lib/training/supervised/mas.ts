import { z } from 'zod';
import { parseOptions } from '../../options';
import { MASPlugin } from '../plugins/mas';
import { masOptions, type MASPluginOptions } from '../plugins/mas-options';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';

const schema = z.object({ ...supervisedOptions, ...masOptions });

/** Options of `MAS`: those of a strategy, and those of `MASPlugin`. */
export type MASOptions = SupervisedTemplateOptions & MASPluginOptions;

/** `SupervisedTemplate` with a `MASPlugin` behind the plugins given. */
export class MAS extends SupervisedTemplate {
  constructor(options: MASOptions) {
    const parsed = parseOptions('MAS', schema, options);
    const [own, others] = [true, false].map((isOwn) => Object.fromEntries(Object.entries(parsed).filter(([name]) => name in masOptions === isOwn)));
    super({ ...(others as unknown as SupervisedTemplateOptions), plugins: [...parsed.plugins, new MASPlugin(own)] });
  }
}
