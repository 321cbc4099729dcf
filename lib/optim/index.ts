export { Optimizer, type ParameterState } from './optimizer';
export type { CommonOptions, OptimizedParameters, ParamGroup, ParamGroupOptions } from './param-group';
export { SGD, type SGDOptions } from './sgd';
export { Adam, AdamW, type AdamOptions } from './adam';
export type { LRScheduler } from './lr-scheduler';
export { StepLR, type StepLROptions } from './step-lr';
