/** One training of a model with this package, as its README shows it. */
import {
  benchmarkFromDatasets,
  EWCPlugin,
  LwFPlugin,
  MASPlugin,
  type nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  SynapticIntelligencePlugin,
  type TensorDataset,
} from 'continual-torch';
import { device, randomDataset } from './workload';

type TrainStream = ReturnType<typeof benchmarkFromDatasets<{ train: TensorDataset[] }>>['trainStream'];

/** Two experiences of random data. */
export function randomStream(samples: number, shape: readonly number[]): TrainStream {
  return benchmarkFromDatasets({ train: [randomDataset(samples, shape), randomDataset(samples, shape)] }).trainStream;
}

/** What protects earlier experiences, by the weight of it. */
const methods = {
  naive: () => [],
  mas: (lambdaReg) => [new MASPlugin({ lambdaReg, alpha: 0.5 })],
  ewc: (ewcLambda) => [new EWCPlugin({ ewcLambda })],
  si: (siLambda) => [new SynapticIntelligencePlugin({ siLambda })],
  lwf: (alpha) => [new LwFPlugin({ alpha })],
} satisfies Record<string, (lambda: number) => Plugin[]>;

export type MethodName = keyof typeof methods;

/**
 * Trains on each experience.
 * @returns the seconds of it, and of what the method does behind the experiences
 */
export async function train(
  model: nn.Module,
  stream: TrainStream,
  { trainMbSize, method, lambda }: { trainMbSize: number; method: MethodName; lambda: number },
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
    plugins: method === 'naive' ? [] : [before, ...methods[method](lambda), behind],
    evaluator: null,
  });
  const start = performance.now();
  for (const experience of stream) await strategy.train(experience);
  return { seconds: (performance.now() - start) / 1000, importanceSeconds: importanceMs / 1000 };
}
