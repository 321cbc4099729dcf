export { SupervisedTemplate, type SupervisedTemplateOptions } from './templates/supervised';
export { BaseTemplate, type BaseTemplateOptions, type Experiences, type TrainOptions } from './templates/base';
export {
  BaseSGDTemplate,
  type BaseSGDTemplateOptions,
  type Criterion,
  type MiniBatchSource,
  type PassProgress,
} from './templates/base-sgd';
export { Naive } from './supervised/naive';
export { MAS, type MASOptions } from './supervised/mas';
export { hookNames, SupervisedPlugin, type Hook, type HookName, type Plugin } from './plugins/plugin';
export { MASPlugin, type MASPluginOptions } from './plugins/mas';
export { Clock } from './plugins/clock';
export { PeriodicEval, type PevalMode } from './plugins/periodic-eval';
export { EarlyStoppingPlugin, type EarlyStoppingPluginOptions } from './plugins/early-stopping';
export { LRSchedulerPlugin, type LRSchedulerPluginOptions } from './plugins/lr-scheduler';
