/** One training of a task. */
import { accuracyMetrics, ContinualTorchError, EvaluationPlugin, lossMetrics, manualSeed, MASPlugin, type MASPluginOptions, nn, SupervisedTemplate, torch } from 'continual-torch';
import type { Streams } from './streams';
import type { Task } from './tasks';

export function newStrategy(task: Task, seed: number, options: MASPluginOptions): SupervisedTemplate {
  manualSeed(seed);
  const model = task.newModel();
  const levels = { experience: true, stream: true };
  return new SupervisedTemplate({
    model,
    optimizer: task.newOptimizer(model),
    trainMbSize: 32,
    evalMbSize: 1000,
    trainEpochs: task.epochs,
    ...(task.isRegression && { criterion: new nn.MSELoss() }),
    plugins: [new MASPlugin(options)],
    evaluator: new EvaluationPlugin(task.isRegression ? lossMetrics(levels) : accuracyMetrics(levels), { loggers: [] }),
  });
}

/**
 * Of all experiences at the end the mean accuracy, of a regression R^2; null where the loss was no longer finite.
 */
export async function score(task: Task, { trainStream, testStream }: Streams, seed: number, options: MASPluginOptions): Promise<number | null> {
  const strategy = newStrategy(task, seed, options);
  try {
    await strategy.train(trainStream);
  } catch (error) {
    if (error instanceof ContinualTorchError && ['ERR_LOSS_NOT_FINITE', 'ERR_IMPORTANCE'].includes(error.code)) return null;
    throw error;
  }
  const metrics = Object.entries(await strategy.eval(testStream));
  const value = metrics.findLast(([name]) => name.includes('_Stream/eval_phase'))![1] as number;
  if (!task.isRegression) return value;
  const targets = torch.cat([...testStream].map(({ dataset }) => dataset.y));
  return 1 - value / Number(targets.var(0).mean().item());
}
