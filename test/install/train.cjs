// What every consumer does, however it came by the package: trains a small model with MAS, and gives its loss at the end.
const features = 4;
const classes = 4;

function dataset({ tensor, TensorDataset }, samples, labels, salt) {
  const noise = Float32Array.from({ length: samples * features }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * salt));
  const targets = Array.from({ length: samples }, (_, i) => labels[i % labels.length]);
  const x = tensor(noise, { shape: [samples, features] });
  return new TensorDataset(x, tensor(targets, { dtype: 'int64' }), { taskLabels: 0 });
}

/** @param {number} [trainEpochs]  a large number makes a training that ends with its thread alone */
async function train(library, trainEpochs = 3) {
  const { benchmarkFromDatasets, EvaluationPlugin, lossMetrics, manualSeed, MASPlugin, nn, optim, SupervisedTemplate } = library;
  const stream = (samples, salt) => [dataset(library, samples, [0, 1], salt), dataset(library, samples, [2, 3], salt + 1)];
  const { trainStream, testStream } = benchmarkFromDatasets({ train: stream(16, 1), test: stream(8, 3) });
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(features, 8), new nn.ReLU(), new nn.Linear(8, classes));
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 4,
    trainEpochs,
    evalMbSize: 8,
    plugins: [new MASPlugin({ lambdaReg: 1, alpha: 0.5, verbose: false })],
    evaluator: new EvaluationPlugin(lossMetrics({ stream: true }), { loggers: [] }),
  });
  for (const experience of trainStream) await strategy.train(experience);
  const metrics = await strategy.eval(testStream);
  return metrics['Loss_Stream/eval_phase/test_stream/Task000'];
}

/** Prints the loss, and the version that the package has of itself, wherever its files have gone. */
function report(loss) {
  const { version } = globalThis[Symbol.for('continual-torch.copy')];
  console.log(JSON.stringify({ version, loss }));
}

module.exports = { report, train };
