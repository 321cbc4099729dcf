import {
  accuracyMetrics,
  EvaluationPlugin,
  jit,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  permutedMNIST,
  SupervisedTemplate,
} from 'continual-torch';

async function main(): Promise<void> {
  const { trainStream, testStream } = await permutedMNIST({ nExperiences: 3, seed: 1 });
  manualSeed(1);
  const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10));
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
    trainMbSize: 128,
    evalMbSize: 1000,
    plugins: [new MASPlugin({ lambdaReg: 1, normalize: 'mean', penaltyUpdate: 'proximal', verbose: true })],
    evaluator: new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [] }),
  });
  for (const experience of trainStream) {
    await strategy.train(experience);
    const metrics = await strategy.eval(testStream);
    console.log(experience.currentExperience, metrics['Top1_Acc_Stream/eval_phase/test_stream/Task000']);
  }
  await jit.save(model, 'permuted-mnist.pt');
}

void main();
