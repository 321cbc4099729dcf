export { Benchmark, Experience, Stream, type ExperienceData } from './stream';
export { benchmarkFromDatasets } from './benchmark-from-datasets';
export { ncBenchmark, type NCBenchmarkOptions } from './nc-benchmark';
export { splitMNIST, type SplitMNISTOptions } from './split-mnist';
export { permutedMNIST, type PermutedMNISTOptions } from './permuted-mnist';
