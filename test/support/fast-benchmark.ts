// The data that the reference's own tests use, made here: ten classes, of other sizes, and a benchmark of five experiences.
import {
  DataLoader,
  type Dataset,
  type Experience,
  Generator,
  type MiniBatch,
  ncBenchmark,
  type NCBenchmarkOptions,
  TensorDataset,
  torch,
} from '../../lib/index';

/** Samples of so many features around the middle of their class; class c has `perClass + c % 3` of them. */
export function classified({ perClass = 10, classes = 10, features = 6, seed = 1 } = {}): TensorDataset {
  const labels = Array.from({ length: classes }, (_, c) => Array<number>(perClass + (c % 3)).fill(c)).flat();
  const generator = new Generator();
  generator.manualSeed(seed);
  const shuffled = torch.randperm(labels.length, { generator }).toNumbers().map((i) => labels[i]!); // prettier-ignore
  const noise = torch.randn([labels.length, features], { generator });
  const middles = torch.tensor(shuffled.map((label) => Array.from({ length: features }, (_, d) => 3 * Math.cos(label * (d + 1)))));
  return new TensorDataset(noise.mul(0.3).add(middles), shuffled);
}

/** Five experiences of two classes each. */
export function fastBenchmark(options: Partial<NCBenchmarkOptions> = {}) {
  return ncBenchmark(classified(), classified({ perClass: 4, seed: 2 }), { nExperiences: 5, seed: 1234, ...options });
}

/** The first mini-batch of the data. */
export async function firstBatch(dataset: Dataset, batchSize = 5): Promise<MiniBatch> {
  for await (const batch of new DataLoader(dataset, { batchSize })) return batch;
  throw new Error('no data');
}

/** The classes of each experience of a stream. */
export function classesOf(stream: Iterable<Experience>): number[][] {
  return [...stream].map(({ classesInThisExperience }) => [...classesInThisExperience]);
}

/** Ascending, each once. */
export const sorted = (numbers: Iterable<number>): number[] => [...new Set(numbers)].sort((a, b) => a - b);
