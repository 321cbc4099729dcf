/** Ten small tasks that differ in stream, model, optimizer and output, and MNIST's usual ones as a whole. */
import { models, nn, optim, type Tensor } from 'continual-torch';
import { fewPermuted, fewRotated, fewSplitByTask, permuted, regression, splitByTask, type Streams } from './streams';

export interface Task {
  name: string;
  streams: (seed: number) => Streams | Promise<Streams>;
  newModel: () => nn.Module;
  newOptimizer: (model: nn.Module) => optim.Optimizer;
  /** What docs/lambda.md says, for normalised importances. */
  ruleOfThumb: { gradient: number; proximal: number };
  epochs: number;
  isRegression?: boolean;
}

const mlp = (...sizes: number[]) => {
  const layers = sizes.slice(1).flatMap((size, i) => [new nn.Linear(sizes[i]!, size), new nn.ReLU()]);
  return new nn.Sequential(new nn.Flatten(), ...layers.slice(0, -1));
};

const convolutions = () => [
  ...[new nn.Conv2d(1, 16, 5, { stride: 2 }), new nn.ReLU(), new nn.Conv2d(16, 32, 3, { stride: 2 }), new nn.ReLU(), new nn.Flatten()],
  ...[new nn.Linear(32 * 5 * 5, 64), new nn.ReLU()],
];

class ConvolutionsWithHeads extends models.MultiTaskModule {
  features = new nn.Sequential(...convolutions());
  classifier = new models.MultiHeadClassifier(64);

  override forward(x: Tensor, taskLabels: Tensor): Tensor {
    return this.classifier.forward(this.features.forward(x), taskLabels);
  }
}

/** Reads an image from the top to the bottom, two rows at a time. */
class Reader extends nn.Module {
  head = new nn.Linear(64, 10);

  constructor(readonly recurrent: nn.GRU | nn.LSTM) {
    super();
  }

  override forward(x: Tensor): Tensor {
    const [outputs] = this.recurrent.forward(x.reshape([-1, 14, 56])) as [Tensor, unknown];
    return this.head.forward(outputs.select(1, -1));
  }
}

class Transformer extends nn.Module {
  embedding = new nn.Linear(56, 64);
  positions = new nn.Parameter(nn.init.normal_(new nn.Linear(64, 14).weight.detach(), { std: 0.1 }));
  encoder = new nn.TransformerEncoderLayer(64, 4, { dimFeedforward: 128, dropout: 0, batchFirst: true });
  head = new nn.Linear(64, 10);

  override forward(x: Tensor): Tensor {
    const rows = this.embedding.forward(x.reshape([-1, 14, 56])).add(this.positions);
    return this.head.forward(this.encoder.forward(rows).mean(1));
  }
}

const sgd = (lr: number, momentum: 0 | 0.9) => ({
  newOptimizer: (model: nn.Module) => new optim.SGD(model.parameters(), { lr, momentum }),
  ruleOfThumb: { gradient: 0.032, proximal: momentum === 0 ? 0.1 : 1 },
});
const adam = (lr: number) => ({
  newOptimizer: (model: nn.Module) => new optim.Adam(model.parameters(), { lr }),
  ruleOfThumb: { gradient: 0.032, proximal: 3.2 },
});

export const smallTasks: readonly Task[] = [
  { name: 'permuted, MLP, SGD', streams: fewPermuted, newModel: () => mlp(784, 256, 256, 10), ...sgd(0.05, 0), epochs: 5 },
  { name: 'permuted, MLP, Adam', streams: fewPermuted, newModel: () => mlp(784, 256, 256, 10), ...adam(0.001), epochs: 5 },
  { name: 'permuted, GRU, Adam', streams: fewPermuted, newModel: () => new Reader(new nn.GRU(56, 64, { batchFirst: true })), ...adam(0.002), epochs: 3 },
  { name: 'rotated, MLP, momentum', streams: fewRotated, newModel: () => mlp(784, 400, 10), ...sgd(0.01, 0.9), epochs: 3 },
  { name: 'rotated, CNN, momentum', streams: fewRotated, newModel: () => new nn.Sequential(...convolutions(), new nn.Linear(64, 10)), ...sgd(0.01, 0.9), epochs: 3 },
  { name: 'rotated, LSTM, momentum', streams: fewRotated, newModel: () => new Reader(new nn.LSTM(56, 64, { batchFirst: true })), ...sgd(0.05, 0.9), epochs: 3 },
  { name: 'rotated, transformer, Adam', streams: fewRotated, newModel: () => new Transformer(), ...adam(0.001), epochs: 3 },
  { name: 'split, MLP, momentum', streams: fewSplitByTask, newModel: () => new models.MTSimpleMLP({ hiddenSize: 256 }), ...sgd(0.01, 0.9), epochs: 3 },
  { name: 'split, CNN, Adam', streams: fewSplitByTask, newModel: () => new ConvolutionsWithHeads(), ...adam(0.001), epochs: 3 },
  {
    name: 'regression, MLP, Adam',
    streams: regression,
    newModel: () => new nn.Sequential(new nn.Linear(20, 128), new nn.Tanh(), new nn.Linear(128, 128), new nn.Tanh(), new nn.Linear(128, 3)),
    ...adam(0.001),
    epochs: 5,
    isRegression: true,
  },
];

export const mnistTasks: readonly Task[] = [
  { name: 'permuted MNIST', streams: permuted, newModel: () => mlp(784, 256, 256, 10), ...sgd(0.05, 0), epochs: 1 },
  { name: 'split MNIST', streams: splitByTask, newModel: () => new models.MTSimpleMLP({ hiddenSize: 256 }), ...sgd(0.01, 0.9), epochs: 1 },
];
