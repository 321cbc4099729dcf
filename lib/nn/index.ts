export { Module } from './module';
export { Linear, type LinearOptions } from './linear';
export { ReLU } from './relu';
export { Dropout } from './dropout';
export { Flatten, type FlattenOptions } from './flatten';
export { Sequential } from './sequential';
export { CrossEntropyLoss, type CrossEntropyLossOptions } from './cross-entropy-loss';
