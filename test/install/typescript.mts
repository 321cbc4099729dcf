// The same as train.cjs, with types: what strict TypeScript makes of the declarations.
import {
  type Benchmark, benchmarkFromDatasets, ContinualTorchError, EvaluationPlugin, lossMetrics, manualSeed, MASPlugin, nn,
  optim, SupervisedTemplate, type Tensor, tensor, TensorDataset,
} from 'continual-torch';

const [features, classes] = [4, 4];

function dataset(samples: number, labels: number[], salt: number): TensorDataset {
  const noise = Float32Array.from({ length: samples * features }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * salt));
  const targets = Array.from({ length: samples }, (_, i) => labels[i % labels.length]!);
  const x: Tensor = tensor(noise, { shape: [samples, features] });
  return new TensorDataset(x, tensor(targets, { dtype: 'int64' }), { taskLabels: 0 });
}

const stream = (samples: number, salt: number) => [dataset(samples, [0, 1], salt), dataset(samples, [2, 3], salt + 1)];
const { trainStream, testStream }: Benchmark = benchmarkFromDatasets({ train: stream(16, 1), test: stream(8, 3) });
manualSeed(1);

/** A model of one's own, as in PyTorch. */
class Model extends nn.Module {
  readonly layers = new nn.Sequential(new nn.Linear(features, 8), new nn.ReLU(), new nn.Linear(8, classes));

  override forward(x: Tensor): Tensor {
    return this.layers.forward(x);
  }
}

const model = new Model();
const strategy = new SupervisedTemplate({
  model,
  optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
  trainMbSize: 4,
  trainEpochs: 3,
  evalMbSize: 8,
  plugins: [new MASPlugin({ lambdaReg: 1, alpha: 0.5, verbose: false })],
  evaluator: new EvaluationPlugin(lossMetrics({ stream: true }), { loggers: [] }),
});
for (const experience of trainStream) await strategy.train(experience);
const metrics = await strategy.eval(testStream);
try {
  new nn.Linear(-1, 2);
} catch (error) {
  if (!(error instanceof ContinualTorchError)) throw error;
}
const { version } = (globalThis as unknown as Record<symbol, { version: string }>)[Symbol.for('continual-torch.copy')]!;
console.log(JSON.stringify({ version, loss: metrics['Loss_Stream/eval_phase/test_stream/Task000'] }));
