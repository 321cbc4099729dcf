export { Optimizer, type ParameterState } from './optimizer';
export type { OptimizerGroupState, OptimizerStateDict } from './state-dict';
export type { GivenParameter } from './given-parameters';
export type { CommonOptions, OptimizedParameters, ParamGroup, ParamGroupOptions } from './param-group';
export { SGD, type SGDOptions } from './sgd';
export { Adam, AdamW, type AdamOptions, type AdamWOptions } from './adam';
export { RMSprop, type RMSpropOptions } from './rmsprop';
export { Adagrad, type AdagradOptions } from './adagrad';
export type { LRScheduler } from './lr-scheduler';
export { StepLR, type StepLROptions } from './step-lr';
export { BaseLRScheduler, type LRSchedulerStateDict, type SchedulerOptions } from './base-lr-scheduler';
export { MultiStepLR, type MultiStepLROptions } from './multi-step-lr';
export { ExponentialLR, type ExponentialLROptions } from './exponential-lr';
export { CosineAnnealingLR, type CosineAnnealingLROptions } from './cosine-annealing-lr';
export { CosineAnnealingWarmRestarts, type CosineAnnealingWarmRestartsOptions } from './cosine-annealing-warm-restarts';
export { LinearLR, type LinearLROptions } from './linear-lr';
export { ConstantLR, type ConstantLROptions } from './constant-lr';
export { PolynomialLR, type PolynomialLROptions } from './polynomial-lr';
export { LambdaLR, type LRLambda } from './lambda-lr';
export { SequentialLR, type SequentialLROptions, type SequentialLRStateDict } from './sequential-lr';
export { OneCycleLR, type OneCycleLROptions } from './one-cycle-lr';
export {
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
  type ReduceLROnPlateauStateDict,
} from './reduce-lr-on-plateau';
