export { Benchmark, Experience, type ExperienceData, type NamedStreams, Stream } from './stream';
export { benchmarkFromDatasets, type StreamsOf } from './benchmark-from-datasets';
export {
  NCBenchmark,
  ncBenchmark,
  type BenchmarkTransforms,
  type ClassSplitOptions,
  type NCBenchmarkOptions,
  type NCReproducibilityData,
} from './nc-benchmark';
export type { OneOrSeveral } from './dataset-pairs';
export { loadMNIST, type MNISTOptions } from './mnist';
export { splitMNIST, type SplitMNISTOptions } from './split-mnist';
export { splitFMNIST, type SplitFMNISTOptions } from './split-fmnist';
export { permutedMNIST, type PermutedMNISTOptions } from './permuted-mnist';
export { rotatedMNIST, type RotatedMNISTOptions } from './rotated-mnist';
export { NIBenchmark, niBenchmark, type NIBenchmarkOptions, type NIReproducibilityData } from './ni-benchmark';
export { classIncrementalBenchmark, type ClassIncrementalBenchmarkOptions } from './class-incremental-benchmark';
export { newInstancesBenchmark, type NewInstancesBenchmarkOptions } from './new-instances-benchmark';
export { taskIncrementalBenchmark, type TaskIncrementalBenchmarkOptions } from './task-incremental-benchmark';
export { withTaskLabels } from './with-task-labels';
export { withClassesTimeline } from './with-classes-timeline';
