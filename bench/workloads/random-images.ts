// MAS on random images: random-images MODEL(SimpleCNN | SlimResNet18) MINI_BATCH SAMPLES LAMBDA
import { manualSeed, models } from 'continual-torch';
import { randomStream, train } from './training';
import { printResult, runProgram } from './workload';

runProgram(async () => {
  const [name, miniBatch, samples, lambda] = process.argv.slice(2) as [string, string, string, string];
  const settings = { trainMbSize: Number(miniBatch), method: 'mas' as const, lambda: Number(lambda) };
  const newModel = () => (name === 'SimpleCNN' ? new models.SimpleCNN() : new models.SlimResNet18(10));
  const shape = [3, 32, 32];

  manualSeed(1);
  await train(newModel(), randomStream(2 * settings.trainMbSize, shape), settings);
  printResult(await train(newModel(), randomStream(Number(samples), shape), settings));
});
