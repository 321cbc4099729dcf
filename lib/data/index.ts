export type { Dataset, MiniBatch, MiniBatchSource } from './dataset';
export { TensorDataset, type TensorDatasetOptions } from './tensor-dataset';
export { concatDatasets } from './concat-datasets';
export { IterableDataset, type IterableDatasetOptions, type Sample, type SampleSource } from './iterable-dataset';
export type { Inputs } from './inputs';
export type { InputValues, Values } from './values';
export type { TensorTransform, Transform, TransformFunction } from './transform';
export { DataLoader, type DataLoaderOptions, TaskBalancedDataLoader } from './data-loader';
export { readIdx } from './idx';
