// Trains for longer than anyone waits, and does in the middle of a job what the first argument says.
import '../../support/device';
import { parentPort } from 'node:worker_threads';
import { benchmarkFromDatasets, MAS, models, optim, ops, type Tensor, tensor, TensorDataset } from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';

const action = process.argv[2];
const samples = 1024;
const dataset = new TensorDataset(
  ops.aten.rand!([samples, 784]) as Tensor,
  tensor(
    Array.from({ length: samples }, (_, i) => i % 10),
    { dtype: 'int64' },
  ),
);
const { trainStream } = benchmarkFromDatasets({ train: [dataset] });

function act(): void {
  switch (action) {
    case 'exit':
      return process.exit(3);
    case 'throw':
      throw new Error('in the middle of training');
    case 'reject':
      return void Promise.reject(new Error('in the middle of training'));
    case 'handle-sigint':
      process.on('SIGINT', () => process.exit(130));
  }
  // The process that started this one sends a signal now, or ends this thread.
  console.log('training');
  parentPort?.postMessage('training');
}

let acted = false;
const model = new models.SimpleMLP();
const strategy = new MAS({
  model,
  optimizer: new optim.SGD(model.parameters(), { lr: 1e-3 }),
  trainMbSize: 32,
  trainEpochs: 1_000_000,
  evaluator: quietEvaluator(),
  onProgress: () => {
    // One turn later the next job is under way.
    if (!acted) setImmediate(act);
    acted = true;
  },
});
void strategy.train(trainStream);
