// The declarations speak of Buffer, streams and `inspect`; a compiler reads Node's types only where it is told to.
/// <reference types="node" preserve="true" />
/** Continual learning for Node.js on libtorch. */
import { loaded } from './native/binding';

export * as amp from './amp/index';
export * as benchmarks from './benchmarks/index';
export * as evaluation from './evaluation/index';
export * as cuda from './cuda';
export * as jit from './jit/index';
export * as logging from './logging/index';
export * as models from './models/index';
export * as nn from './nn/index';
export * as optim from './optim/index';

export * from './benchmarks/index';
export * from './evaluation/index';
export * from './logging/index';
export * from './training/index';
export * from './data/index';
export { autocast, isAutocastEnabled, type AutocastOptions } from './amp/index';
export * from './weights/index';
export { ContinualTorchError, errorCodes, type ErrorCode } from './errors';
export { manualSeed } from './random';
export * as autograd from './tensor/autograd';
export { Complex } from './tensor/complex';
export { asTensor, tensor, type NestedNumbers, type TensorOptions } from './tensor/creation';
export { getDefaultDevice, setDefaultDevice } from './tensor/default-device';
export { Generator } from './tensor/generator';
export { enableGrad, isGradEnabled, noGrad } from './tensor/grad-mode';
export { slice, Slice, type TensorIndex } from './tensor/indexing';
export { memory } from './tensor/memory';
export type { Operator, OperatorArgument, OperatorKeywords } from './tensor/operator-call';
export type { Integer, Layout, MemoryFormat, Scalar } from './tensor/operator-types';
export { ops } from './tensor/operators';
export type { TensorMethods, TorchFunctions } from './tensor/operators.generated';
export { Tensor, type BackwardOptions, type NestedElements, type TensorElement, type ToOptions } from './tensor/tensor';
export { keep, tidy } from './tensor/tidy';
export { getNumInteropThreads, getNumThreads, setNumInteropThreads, setNumThreads } from './threads';
export { torch } from './torch';
export type { DType, TypedArray } from './tensor/element-types';

/** The version of the libtorch in use, `"2.13.0"` for example. */
export const torchVersion: string = /^[\d.]+/.exec(loaded.candidate.place.version!)![0];
