export { Phase, type PluginPhase } from '../phase';
export { hookNames, type HookName } from './hook-names';
export { hasNativeTwin } from './twins';
export { SupervisedPlugin } from './plugin';
export type { Counters, Evaluator, Hook, Logger, PassProgress, Plugin, Strategy } from './strategy';
export type { AnyExperience, Experiences, TrainOptions } from './train-options';
