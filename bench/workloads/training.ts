/** One training of a model with this package, as its README shows it. */
import { benchmarkFromDatasets, MASPlugin, optim, type nn, SupervisedTemplate, type TensorDataset } from 'continual-torch';
import { device, randomDataset } from './workload';

type TrainStream = ReturnType<typeof benchmarkFromDatasets<{ train: TensorDataset[] }>>['trainStream'];

/** Two experiences of random data. */
export function randomStream(samples: number, shape: readonly number[]): TrainStream {
  return benchmarkFromDatasets({ train: [randomDataset(samples, shape), randomDataset(samples, shape)] }).trainStream;
}

/**
 * Trains on each experience, with MAS unless `lambdaReg` is null.
 * @returns the seconds of it, and of the importance passes in it
 */
export async function train(
  model: nn.Module,
  stream: TrainStream,
  { trainMbSize, lambdaReg }: { trainMbSize: number; lambdaReg: number | null },
): Promise<{ seconds: number; importanceSeconds: number }> {
  let importanceMs = 0;
  let began = 0;
  // Hooks outside of the iteration, on both sides of the one that measures importances.
  const before = { afterTrainingExp: () => void (began = performance.now()) };
  const behind = { afterTrainingExp: () => void (importanceMs += performance.now() - began) };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
    trainMbSize,
    device,
    plugins: lambdaReg === null ? [] : [before, new MASPlugin({ lambdaReg, alpha: 0.5 }), behind],
    evaluator: null,
  });
  const start = performance.now();
  for (const experience of stream) await strategy.train(experience);
  return { seconds: (performance.now() - start) / 1000, importanceSeconds: importanceMs / 1000 };
}
