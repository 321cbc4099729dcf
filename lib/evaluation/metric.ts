import type { Experience } from '../benchmarks/stream';
import type { Tensor } from '../tensor/tensor';
import type { HookName } from '../hooks/plugin';
import type { SupervisedTemplate } from '../training/templates/supervised';

/** A value of a metric at one moment. */
export interface MetricValue {
  /** Unlike any other metric's; see `metricName` for the names of the metrics here. */
  name: string;
  /** A number; for some metrics, such as the confusion matrix, a tensor. */
  value: number | Tensor;
}

/** A value with its place in the metric's curve. */
export interface EmittedMetric extends MetricValue {
  /** Training iterations made by then (`strategy.clock.trainIterations`). */
  x: number;
}

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
 * A metric that listens inside the iteration keeps iterations from being joined into one native job.
 */
export type PluginMetric = {
  // A method's type: a metric may be written for a strategy of one's own.
  [name in HookName]?: { hook(strategy: SupervisedTemplate): MetricValue[] | void | Promise<MetricValue[] | void> }['hook'];
};

/** Metrics here whose values are numbers. */
type NumberMetric =
  | `Top1_Acc_${'MB' | 'Epoch' | 'Exp' | 'Stream'}`
  | 'Top1_RunningAcc_Epoch'
  | 'Accuracy_On_Trained_Experiences'
  | `${'Loss' | 'Time'}_${'MB' | 'Epoch' | 'Exp' | 'Stream'}`
  | `Running${'Loss' | 'Time'}_Epoch`
  | `${'Experience' | 'Stream'}${'Forgetting' | 'BWT' | 'ForwardTransfer'}`;

/** What there is for each metric by its name: numbers, for `ConfusionMatrix_Stream` tensors, either for another name. */
export interface ByMetricName<OfNumbers extends OfOthers, OfTensors extends OfOthers, OfOthers> {
  [name: `${NumberMetric}/${string}`]: OfNumbers;
  [name: `ConfusionMatrix_Stream/${string}`]: OfTensors;
  [name: string]: OfOthers;
}

/** The latest value of each metric by name. */
export type LastMetrics = ByMetricName<number, Tensor, number | Tensor>;

/** The values of a metric, and the training iterations made by then. */
export type History<Value> = [xs: number[], values: Value[]];

/** Every value of each metric by name, and the training iterations made by then. */
export type AllMetrics = ByMetricName<History<number>, History<Tensor>, History<number | Tensor>>;

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
export function metricName(metric: string, strategy: SupervisedTemplate, parts: NameParts): string {
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
  strategy: SupervisedTemplate,
  parts: NameParts,
  value: number | Tensor,
): MetricValue[] {
  return strategy.experience ? [{ name: metricName(metric, strategy, parts), value }] : [];
}
