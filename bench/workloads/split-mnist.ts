// Split MNIST with this package: split-mnist STRATEGY(mas | ewc | si | lwf | naive) MINI_BATCH CLASSES LAMBDA SEED
import { manualSeed, models, splitMNIST } from 'continual-torch';
import { type MethodName, randomStream, train } from './training';
import { printResult, runProgram } from './workload';

runProgram(async () => {
  const [strategy, miniBatch, classes, lambda, seed] = process.argv.slice(2) as [MethodName, string, string, string, string];
  const settings = { trainMbSize: Number(miniBatch), method: strategy, lambda: Number(lambda) };
  const fixedClassOrder = [...classes].map(Number);
  const { trainStream } = await splitMNIST({ nExperiences: fixedClassOrder.length / 2, fixedClassOrder });
  const newModel = () => new models.SimpleMLP({ dropRate: 0 });

  manualSeed(Number(seed));
  await train(newModel(), randomStream(10 * settings.trainMbSize, [1, 28, 28]), settings);
  printResult(await train(newModel(), trainStream, settings));
});
