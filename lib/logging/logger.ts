import type { EmittedMetric } from '../evaluation/metric';
import type { HookName } from '../hooks/plugin';
import type { PassProgress } from '../training/templates/sgd-options';
import type { SupervisedTemplate } from '../training/templates/supervised';

/**
 * Gets what the metrics of an `EvaluationPlugin` have to say. In a hook in which there are new values, `logMetrics` is
 * called with them; then, with values or without, the logger's own method of the hook's name, if it has one. Promises are
 * awaited.
 * A method of a hook inside the iteration keeps iterations from being joined into one native job.
 */
export type Logger = {
  /** Takes the new values of a hook. */
  logMetrics(values: readonly EmittedMetric[]): void | Promise<void>;
  /** Called every few milliseconds of a pass over an experience's data. */
  onProgress?(strategy: SupervisedTemplate, progress: PassProgress): void | Promise<void>;
} & {
  [name in HookName]?: {
    hook(strategy: SupervisedTemplate, values: readonly EmittedMetric[]): void | Promise<void>;
  }['hook'];
};
