// Importances of single samples, of mini-batches, and from mini-batches of one, in turns, nothing being trained:
// sample-importance MODEL(SimpleMLP | SimpleCNN) MINI_BATCH SAMPLES TURNS
import { benchmarkFromDatasets, ImportancePass, models, optim, QuadraticPenalty, type Strategy, SupervisedTemplate } from 'continual-torch';
import { device, median, printResult, randomDataset, runProgram } from './workload';

runProgram(async () => {
  const [name, ...numbers] = process.argv.slice(2) as [string, string, string, string];
  const [miniBatch, samples, turns] = numbers.map(Number) as [number, number, number];
  const [model, shape] = name === 'SimpleCNN' ? [new models.SimpleCNN(), [3, 32, 32]] : [new models.SimpleMLP({ dropRate: 0 }), [784]];
  const { trainStream } = benchmarkFromDatasets({ train: [randomDataset(samples, shape)] });
  const sides = { sample: ['sample', miniBatch], miniBatch: ['batch', miniBatch], oneByOne: ['batch', 1] } as const;

  /** Seconds of a pass in eval mode. */
  const seconds = async ([granularity, trainMbSize]: readonly ['sample' | 'batch', number]): Promise<number> => {
    const pass = new ImportancePass('mas', { alpha: 0.5, granularity }, new QuadraticPenalty());
    let took = 0;
    const measure = async (strategy: Strategy) => {
      const began = performance.now();
      await pass.measure(strategy, { isFirst: true, mode: 'eval' });
      took = (performance.now() - began) / 1000;
      strategy.stopTraining();
    };
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
    const plugins = [{ beforeTrainingEpoch: measure }];
    await new SupervisedTemplate({ model, optimizer, trainMbSize, device, plugins, evaluator: null }).train(trainStream);
    return took;
  };

  const times: Record<string, number[]> = {};
  for (const [side, settings] of Object.entries(sides)) times[side] = [await seconds(settings)].slice(1); // warm
  for (let i = 0; i < turns; i++) {
    for (const [side, settings] of Object.entries(sides)) times[side]!.push(await seconds(settings));
  }
  printResult(Object.fromEntries(Object.entries(times).map(([side, of]) => [`${side}Seconds`, median(of)])));
});
