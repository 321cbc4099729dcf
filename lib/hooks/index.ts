export { Phase } from '../native/types';
export type { NativePhase, NativePluginPhase } from '../native/types';
export { hookNames, type HookName } from './hook-names';
export { hasNativeTwin } from './native-twin';
export { SupervisedPlugin } from './plugin';
export type { Counters, Evaluator, Hook, Logger, PassProgress, Plugin, Strategy } from './strategy';
export type { AnyExperience, Experiences, TrainOptions } from './train-options';
