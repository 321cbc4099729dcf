// Trains a convolutional and a linear model under MAS, and prints what has become of them and which ways were taken.
import { benchmarkFromDatasets, manualSeed, MASPlugin, Naive, nn, optim, TensorDataset, torch } from '../../../lib';
import { native } from '../../../lib/native/binding';

async function train(model: nn.Module, shape: number[]): Promise<number[]> {
  manualSeed(5);
  const data = () => new TensorDataset(torch.randn([24, ...shape]), torch.randint(4, [24]), { taskLabels: 0 });
  const { trainStream } = benchmarkFromDatasets({ train: [data(), data()] });
  const strategy = new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
    criterion: new nn.CrossEntropyLoss(),
    trainMbSize: 8,
    trainEpochs: 2,
    evaluator: null,
    plugins: [new MASPlugin({ lambdaReg: 1, alpha: 0.5 })],
  });
  for (const experience of trainStream) await strategy.train(experience);
  return [...model.parameters()].map((parameter) => parameter.detach().norm().item<number>());
}

async function main(): Promise<void> {
  manualSeed(4);
  const images = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }), new nn.ReLU(), new nn.Dropout(0.25), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(128, 4),
  );
  const vectors = new nn.Sequential(new nn.Linear(300, 700), new nn.ReLU(), new nn.Linear(700, 4));
  const norms = [...(await train(images, [3, 8, 8])), ...(await train(vectors, [300]))];
  console.log(JSON.stringify({ norms, overrides: native.overrides(), vectors: native.vectorWidth }));
}

void main();
