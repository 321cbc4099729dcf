import type { Experience } from '../benchmarks/stream';
import type { HookName } from '../hooks/hook-names';
import type { Strategy } from '../hooks/strategy';
import type { MetricValue } from '../results/metric-values';
import type { Stateful } from '../state';
import type { Tensor } from '../tensor/tensor';

/**
 * A metric is an object, of a class or not, with methods named like hooks (`afterTrainingEpoch`, `beforeEval`, ...). Each
 * gets the strategy in that hook's state and answers the values that the metric has then, or nothing.
 *
 * ```ts
 * const gradientNorm: PluginMetric = {
 *   afterTrainingEpoch: ({ model }) => [{ name: 'GradientNorm_Epoch', value: normOf(model) }],
 * };
 * new EvaluationPlugin(accuracyMetrics({ stream: true }), gradientNorm);
 * ```
 * What it keeps for later hooks goes into checkpoints where it has `stateDict` and `loadStateDict`.
 *
 * A metric that listens inside the iteration keeps iterations from being joined into one native job.
 */
export type PluginMetric = {
  // A method's type: a metric may be written for a strategy of one's own.
  [name in HookName]?: { hook(strategy: Strategy): MetricValue[] | void | Promise<MetricValue[] | void> }['hook'];
} & Partial<Stateful>;

/** Which parts a name has behind metric, phase and stream. */
export interface NameParts {
  /** The task label, where the experience has exactly one. */
  task: boolean;
  /** The index of the experience. */
  exp: boolean;
}

/**
 * `Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000`: metric, phase, stream, task label, and the experience for values
 * of one experience. For values of a whole stream the task label is that of the last experience evaluated.
 */
export function metricName(metric: string, strategy: Strategy, parts: NameParts): string {
  const { originStream, taskLabels, currentExperience } = strategy.experience as Experience;
  const digits = (number: number) => (number < 0 ? '-' : '') + String(Math.abs(number)).padStart(number < 0 ? 2 : 3, '0');
  return [
    metric,
    strategy.isTraining ? 'train_phase' : 'eval_phase',
    `${originStream.name}_stream`,
    ...(parts.task && taskLabels.length === 1 ? [`Task${digits(taskLabels[0]!)}`] : []),
    ...(parts.exp ? [`Exp${digits(currentExperience)}`] : []),
  ].join('/');
}

/** What a name made by `metricName` is made of. */
export interface MetricNameParts {
  /** `Top1_Acc_Exp` for example. */
  metric: string;
  /** Whether it was measured in training or in evaluation. */
  phase: 'train' | 'eval';
  /** Name of the stream, `test` for example. */
  stream: string;
  /** The task label; null where the name has none. */
  task: number | null;
  /** The index of the experience; null where the name has none. */
  experience: number | null;
}

/** Takes a name of `metricName` apart; null for another. */
export function parseMetricName(name: string): MetricNameParts | null {
  const parts = /^(.+)\/(train|eval)_phase\/([A-Za-z]\w*)_stream(?:\/Task(-?\d+))?(?:\/Exp(\d+))?$/.exec(name);
  if (!parts) return null;
  const [, metric, phase, stream, task, experience] = parts as unknown as [string, string, 'train' | 'eval', string, string?, string?];
  return { metric, phase, stream, task: task ? Number(task) : null, experience: experience ? Number(experience) : null };
}

/** The answer of a metric that has this value; nothing where no experience was evaluated that could name it. */
export function emit(
  metric: string,
  strategy: Strategy,
  parts: NameParts,
  value: number | Tensor,
): MetricValue[] {
  return strategy.experience ? [{ name: metricName(metric, strategy, parts), value }] : [];
}
