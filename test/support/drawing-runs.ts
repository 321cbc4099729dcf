// Runs of strategies that draw in every way: shuffles, dropout in TorchScript and in TypeScript, heads that grow, MAS, hooks.
import {
  benchmarkFromDatasets,
  DataLoader,
  Generator,
  MASPlugin,
  models,
  nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  type Tensor,
  torch,
} from '../../lib/index';
import { quietEvaluator } from './evaluators';
import { classes, features, numbersOf, smallDataset } from './small-runs';

/** Draws in TypeScript; its output layer grows. */
class Growing extends nn.Module {
  readonly hidden = new nn.Linear(features, 8);
  readonly dropout = new nn.Dropout(0.3);
  readonly classifier = new models.IncrementalClassifier(8);

  override forward(x: Tensor): Tensor {
    const hidden = this.dropout.forward(this.hidden.forward(x));
    return this.classifier.forward(this.training ? hidden.add(torch.randnLike(hidden)) : hidden);
  }
}

const makers = {
  scripted: () => new models.SimpleMLP({ inputSize: features, hiddenSize: 8, hiddenLayers: 2, numClasses: classes }),
  growing: () =>
    new nn.Sequential(
      new nn.Linear(features, 8),
      new nn.AlphaDropout(0.2),
      new nn.ReLU(),
      new models.IncrementalClassifier(8),
    ),
  typescript: () => new Growing(),
};

export type DrawingModel = keyof typeof makers;
export const drawingModels = Object.keys(makers) as DrawingModel[];

/** Draws in hooks, before and after what it waits for. */
const drawingHooks = (drawn: number[]): Plugin => ({
  beforeTrainingEpoch: () => void drawn.push(torch.rand([1]).item<number>()),
  async afterTrainingExp(strategy: SupervisedTemplate) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    drawn.push(torch.rand([1]).item<number>());
    for await (const [x] of new DataLoader(strategy.experience!.dataset, { batchSize: 3, shuffle: true })) {
      drawn.push(x.sum().item<number>());
    }
  },
});

export interface DrawingRunOptions {
  model: DrawingModel;
  /** Of the strategy. */
  generator?: Generator;
  /** Between building and training. */
  beforeTraining?: () => void;
}

/** Trains and evaluates on three experiences; everything that came of it. */
export async function drawingRun({ model: kind, generator, beforeTraining }: DrawingRunOptions): Promise<unknown> {
  const plain = [0, 1, 2].map((i) => smallDataset(10, [i, i + 1], i));
  const noisy = (x: Tensor) => x.add(torch.randLike(x).mul(0.1));
  const datasets = kind === 'typescript' ? plain.map((dataset) => dataset.withTransform(noisy)) : plain;
  const model = makers[kind]();
  const drawn: number[] = [];
  const mas = new MASPlugin({ lambdaReg: 0.1 });
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
    trainMbSize: 4,
    trainEpochs: 3,
    evalMbSize: 8,
    plugins: [mas, drawingHooks(drawn)],
    evaluator: quietEvaluator(),
    generator,
  });
  beforeTraining?.();
  const { trainStream } = benchmarkFromDatasets({ train: datasets });
  const metrics: unknown[] = [];
  for (const experience of trainStream) {
    await strategy.train(experience);
    metrics.push(await strategy.eval(trainStream));
  }
  return JSON.parse(JSON.stringify({ state: numbersOf(model.stateDict()), importance: numbersOf(mas.importance!), drawn, metrics }));
}
