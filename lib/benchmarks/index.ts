export { Experience, Stream, type ExperienceData } from './stream';
export { Benchmark, type NamedStreams } from './benchmark';
export { benchmarkFromDatasets } from './benchmark-from-datasets';
export {
  NCBenchmark,
  ncBenchmark,
  type BenchmarkTransforms,
  type ClassSplitOptions,
  type NCBenchmarkOptions,
  type NCReproducibilityData,
} from './nc-benchmark';
export type { OneOrSeveral } from './dataset-pairs';
export type { MNISTOptions } from './mnist';
export { splitMNIST, type SplitMNISTOptions } from './split-mnist';
export { splitFMNIST, type SplitFMNISTOptions } from './split-fmnist';
export { permutedMNIST, type PermutedMNISTOptions } from './permuted-mnist';
export { rotatedMNIST, type RotatedMNISTOptions } from './rotated-mnist';
