/** Continual learning for Node.js on libtorch. */
import { native } from './native/binding';

export * as benchmarks from './benchmarks/index';
export * as evaluation from './evaluation/index';
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
export { ContinualTorchError, errorCodes, type ErrorCode } from './errors';
export { manualSeed } from './random';
export { isGradEnabled, noGrad } from './tensor/grad-mode';
export { memory } from './tensor/memory';
export { ops, type Operator, type OperatorArgument, type OperatorKeywords } from './tensor/operators';
export { Tensor, tensor, type TensorOptions } from './tensor/tensor';
export type { DType, TypedArray } from './native/types';

/** The version of the libtorch in use, `"2.13.0"` for example. */
export const torchVersion: string = native.torchVersion;

/** CUDA as far as the libtorch in use has it. */
export const cuda = {
  isAvailable: (): boolean => native.cudaDeviceCount() > 0,
  deviceCount: (): number => native.cudaDeviceCount(),
};
