import { z } from 'zod';
import { rwalkOptions, RWalkPlugin, type RWalkPluginOptions } from '../plugins/rwalk';
import { supervisedOptions, SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';
import { withPlugin } from './with-plugin';

const schema = z.object({ ...supervisedOptions, ...rwalkOptions });

/** Options of `RWalk`: those of a strategy, and those of `RWalkPlugin`. */
export type RWalkOptions = SupervisedTemplateOptions & RWalkPluginOptions;

/** `SupervisedTemplate` with an `RWalkPlugin` behind the plugins given. */
export class RWalk extends SupervisedTemplate {
  constructor(options: RWalkOptions) {
    super(withPlugin('RWalk', schema, rwalkOptions, options, (own) => new RWalkPlugin(own as RWalkPluginOptions)));
  }
}
