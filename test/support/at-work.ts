// A model that a job works with, for as long as a test looks at it.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { benchmarkFromDatasets, Naive, type nn, optim, TensorDataset } from '../../lib/index';
import { ramp } from './recorded-models';

/** Trains the model until `body` has looked at it: a job is under way when `body` is called, which does not wait. */
export async function whileAtWork(model: nn.Module, features: number, body: () => void): Promise<void> {
  const samples = 2000;
  const { trainStream } = benchmarkFromDatasets({
    train: [new TensorDataset(ramp(samples, features), new Array<number>(samples).fill(1))],
  });
  const optimizer = new optim.SGD(model.parameters(), { lr: 0 });
  const strategy = new Naive({ model, optimizer, trainEpochs: 1000, evaluator: null });
  const training = strategy.train(trainStream);
  try {
    while (!isBusy(model)) await nextTurn();
    body();
  } finally {
    strategy.stopTraining();
    await training;
  }
}

function isBusy(model: nn.Module): boolean {
  try {
    model.parameters();
    return false;
  } catch {
    return true;
  }
}
