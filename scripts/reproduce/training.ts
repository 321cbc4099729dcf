/** One run of Hsu et al.'s protocol. */
import { accuracyMetrics, DataLoader, EvaluationPlugin, manualSeed, MaskedCrossEntropy, nn, SupervisedTemplate } from 'continual-torch';
import { newOptimizer, newPlugins } from './methods';
import { HeadsInOneLayer, mlp } from './models';
import type { Scenario, Setting } from './published';
import { streamsOf } from './streams';

/** Hidden units of both layers, tasks, and classes of each. */
const sizes = { split: { hidden: 400, tasks: 5, classes: 2 }, permuted: { hidden: 1000, tasks: 10, classes: 10 } };

/** Mini-batches of whatever samples, also where their tasks are told. */
class Unbalanced extends SupervisedTemplate {
  override makeTrainDataloader(): void {
    this.dataloader = new DataLoader(this.adaptedDataset!, { batchSize: this.trainMbSize, shuffle: true });
  }
}

function newModel(target: keyof typeof sizes, scenario: Scenario): nn.Module {
  const { hidden, tasks, classes } = sizes[target];
  const layers = mlp(32 * 32, hidden, hidden, scenario === 'domain' ? classes : tasks * classes);
  return scenario === 'task' ? new HeadsInOneLayer(layers, classes) : layers;
}

/**
 * Of all tasks, in order, the accuracy at the end; of `offline` that of their pooled samples.
 * @param samples how many of each task, in training and in test; null: all
 */
export async function train(target: keyof typeof sizes, scenario: Scenario, setting: Setting, seed: number, samples: number | null): Promise<number[]> {
  const { trainStream, testStream } = await streamsOf(target, setting, scenario, seed, samples);
  manualSeed(seed);
  const model = newModel(target, scenario);
  const strategy = new Unbalanced({
    model,
    optimizer: newOptimizer(setting, model),
    criterion: scenario === 'class' ? new MaskedCrossEntropy({ mask: 'seen' }) : new nn.CrossEntropyLoss(),
    trainMbSize: 128,
    trainEpochs: setting.epochs,
    evalMbSize: 2000,
    plugins: newPlugins(setting),
    evaluator: new EvaluationPlugin(accuracyMetrics({ experience: true }), { loggers: [] }),
  });
  await strategy.train(trainStream);
  await strategy.eval(testStream);
  return strategy.evaluator.results.accuracyMatrix['test']!.at(-1) as number[];
}
