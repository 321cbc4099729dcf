/** Initial values (`torch.nn.init`). */
export * as init from './init';
export { type AnyModule, Module, type Target } from './module';
export type { HasExtraState } from './extra-state';
export type { PredictOptions } from './predict';
export type { FactoryOptions } from './factory';
export { Parameter, type ParameterOptions } from './parameter';
export type { IncompatibleKeys, StateDict } from './state-dict';
export type { ScriptValue } from './script-value';
export { Layer } from './script-module';
export type { Dimensions, Size1d, Size2d, Size3d } from './sizes';
export { Bilinear, Linear, type LinearOptions } from './linear';
export * from './conv';
export * from './pooling';
export * from './normalization';
export * from './dropout';
export * from './activations';
export * from './shaping';
export * from './embedding';
export * from './recurrent';
export { type AttentionOptions, MultiheadAttention, type MultiheadAttentionOptions } from './attention';
export * from './transformer';
export { type NamedModules, Sequential } from './sequential';
export { ModuleDict, ModuleList, ParameterList } from './containers';
export * from './losses';
/** What is done to gradients (`torch.nn.utils`). */
export * as utils from './utils/index';
