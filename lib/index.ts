// The declarations speak of Buffer, streams and `inspect`; a compiler reads Node's types only where it is told to.
/// <reference types="node" preserve="true" />
/** Continual learning for Node.js on libtorch. */
import { loaded } from './native/binding';

/** Automatic mixed precision (`torch.amp`). */
export * as amp from './amp/index';
/** Benchmarks: streams of experiences. All of it is exported at the top too. */
export * as benchmarks from './benchmarks/index';
/** Metrics, and the plugin that measures them. All of it is exported at the top too. */
export * as evaluation from './training/evaluation';
/** Which GPUs there are (`torch.cuda`). */
export * as cuda from './cuda';
/** TorchScript (`torch.jit`). */
export * as jit from './jit/index';
/** Loggers. All of it is exported at the top too. */
export * as logging from './logging/index';
/** Models, and output layers that grow. */
export * as models from './models/index';
/** Layers, losses and initial values (`torch.nn`). */
export * as nn from './nn/index';
/** Optimizers and schedulers (`torch.optim`). */
export * as optim from './optim/index';

export * from './benchmarks/index';
export * from './hooks/index';
export * from './logging/index';
export * from './training/evaluation';
export * from './training/index';
export * from './data/index';
export { autocast, isAutocastEnabled, type AutocastOptions } from './amp/index';
export * from './weights/index';
export type { State, Stateful } from './state';
export { ContinualTorchError, errorCodes, type ErrorCode } from './errors';
export { manualSeed } from './random';
/** Gradients of single tensors (`torch.autograd`). */
export * as autograd from './tensor/autograd';
export { Complex } from './tensor/complex';
export { asTensor, tensor, type NestedNumbers, type TensorOptions } from './tensor/creation';
export { getDefaultDevice, setDefaultDevice } from './tensor/default-device';
export { Generator } from './tensor/generator';
export { enableGrad, isGradEnabled, noGrad } from './tensor/grad-mode';
export { slice, Slice, type TensorIndex } from './tensor/indexing';
export { memory, type MemoryCount } from './tensor/memory';
export type { Operator, OperatorArgument, OperatorKeywords, OperatorResult } from './tensor/operator-call';
export type { Integer, Layout, MemoryFormat, Scalar } from './tensor/operator-types';
export type { Namespace } from './tensor/namespaces';
export { ops } from './tensor/operators';
export type { TensorMethods, TorchFunctions } from './tensor/operators.generated';
export type { ToOptions } from './tensor/methods';
export { Tensor, type BackwardOptions, type NestedElements, type TensorElement } from './tensor/tensor';
export { keep, tidy } from './tensor/tidy';
export { getNumInteropThreads, getNumThreads, setNumInteropThreads, setNumThreads } from './threads';
export { torch } from './torch';
export type { DType, TypedArray } from './element-types';

/** The version of the libtorch in use, `"2.13.0"` for example. */
export const torchVersion: string = /^[\d.]+/.exec(loaded.candidate.place.version!)![0];
