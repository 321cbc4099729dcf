/** What the sweep learns: streams of five experiences. */
import { benchmarkFromDatasets, Generator, permutedMNIST, rotatedMNIST, splitMNIST, type Stream, TensorDataset, torch } from 'continual-torch';

/** What a method learns, and what it is judged by. */
export interface Streams {
  trainStream: Stream;
  testStream: Stream;
}

const nExperiences = 5;
const from = (seed: number) => new Generator().manualSeed(seed);

/** Of every experience 2000 samples to learn and 1000 to test with, taken at random. */
async function fewer(benchmark: Promise<Streams>, seed: number): Promise<Streams> {
  const { trainStream, testStream } = await benchmark;
  const generator = from(seed);
  const some = (stream: Stream, count: number) =>
    [...stream].map(({ dataset }) => dataset.subset((torch.randperm(dataset.length, { generator }).toArray() as number[]).slice(0, count)));
  return benchmarkFromDatasets({ train: some(trainStream, 2000), test: some(testStream, 1000) });
}

export const permuted = (seed: number): Promise<Streams> => permutedMNIST({ nExperiences, seed });

/** Two digits an experience; which experience an image is of is told. */
export const splitByTask = (seed: number): Promise<Streams> => splitMNIST({ nExperiences, seed, returnTaskId: true });

export const fewPermuted = (seed: number): Promise<Streams> => fewer(permuted(seed), seed);

export const fewSplitByTask = (seed: number): Promise<Streams> => fewer(splitByTask(seed), seed);

export const fewRotated = (seed: number): Promise<Streams> =>
  fewer(rotatedMNIST({ nExperiences, rotationsList: [0, 20, 40, 60, 80] }), seed);

/** Three smooth functions of twenty numbers, learned in five places far from each other. */
export function regression(seed: number): Streams {
  const generator = from(seed);
  const normal = (...shape: number[]) => torch.randn(shape, { generator });
  const [first, second] = [normal(20, 64).div(6), normal(64, 3).div(3)];
  const centres = normal(nExperiences, 20).mul(2);
  const some = (count: number) =>
    Array.from({ length: nExperiences }, (_, k) => {
      const x = normal(count, 20).add(centres.select(0, k));
      return new TensorDataset(x, x.matmul(first).tanh().matmul(second));
    });
  return benchmarkFromDatasets({ train: some(2000), test: some(1000) });
}
