// Prints, as JSON, by how much resident memory had grown within an iteration of large tensors, and after the training.
import '../../support/device';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { benchmarkFromDatasets, Naive, nn, optim, TensorDataset, torch } from '../../../lib/index';

const batchSize = 256;
const features = 16;
/** Outputs and gradients of a hidden layer take 64 MB each, its parameters 4 MB. */
const hidden = 65_536;
const classes = 2;

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    global.gc!();
    await nextTurn();
  }
}

async function main(): Promise<void> {
  const model = new nn.Sequential(new nn.Linear(features, hidden), new nn.ReLU(), new nn.Linear(hidden, classes));
  const samples = 4 * batchSize;
  const dataset = new TensorDataset(
    torch.randn([samples, features]),
    torch.randint(0, classes, [samples], { dtype: 'int64' }),
  );
  let within = 0;
  const strategy = new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 1e-3 }),
    trainMbSize: batchSize,
    evaluator: null,
    plugins: [{ afterBackward: () => void (within = Math.max(within, process.memoryUsage().rss)) }],
  });
  await settle();
  const before = process.memoryUsage().rss;
  await strategy.train(benchmarkFromDatasets({ train: [dataset] }).trainStream);
  await settle();
  console.log(JSON.stringify({ within: within - before, after: process.memoryUsage().rss - before }));
}

void main();
