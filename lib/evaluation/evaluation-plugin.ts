import { ContinualTorchError, describeValue } from '../errors';
import { Phase } from '../native/types';
import { type HookName, hookNames, SupervisedPlugin } from '../training/plugins/plugin';
import { hasNativeTwin } from '../training/templates/native-twin';
import type { SupervisedTemplate } from '../training/templates/supervised';

/** A value of a metric at one moment. */
export interface MetricValue {
  name: string;
  value: number;
}

/** A metric answers the hooks it needs, with the values that it then has. */
export type PluginMetric = {
  [name in HookName]?: (strategy: SupervisedTemplate) => MetricValue[] | void;
};

/**
 * Feeds metrics and keeps their values. Loss and accuracy of the current pass are summed by the compute thread, so that
 * metrics of whole epochs and experiences cost the iteration nothing.
 */
export class EvaluationPlugin extends SupervisedPlugin {
  override readonly supportsDistributed = true;
  private readonly last = new Map<string, number>();
  private readonly metrics: PluginMetric[];

  /** @param metrics of `accuracyMetrics`, `lossMetrics`, `forgettingMetrics` or your own; arrays are flattened */
  constructor(...metrics: (PluginMetric | PluginMetric[])[]) {
    super();
    this.metrics = metrics.flat();
    const wrong = this.metrics.findIndex((metric: unknown) => typeof metric !== 'object' || metric === null);
    if (wrong >= 0) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `EvaluationPlugin: expected metrics, got ${describeValue(this.metrics[wrong])} at index ${wrong}`,
      );
    }
    for (const name of hookNames) {
      const listening = this.metrics.filter((metric) => metric[name]);
      const inherited = this[name].bind(this) as (strategy: SupervisedTemplate) => void | Promise<void>;
      if (listening.length === 0) continue;
      // An own property only where a metric needs it: a listener inside the iteration would split it.
      this[name] = async (strategy: SupervisedTemplate) => {
        await inherited(strategy);
        for (const metric of listening) {
          for (const { name: key, value } of metric[name]!(strategy) ?? []) this.last.set(key, value);
        }
      };
    }
  }

  /** The latest value of each metric since the plugin was made. */
  getLastMetrics(): Record<string, number> {
    return Object.fromEntries(this.last);
  }

  /** Adds the mini-batch to the statistics of the pass. */
  override async afterTrainingIteration(strategy: SupervisedTemplate): Promise<void> {
    await strategy.runNative([Phase.measure]);
  }

  /** Adds the mini-batch to the statistics of the pass. */
  override async afterEvalIteration(strategy: SupervisedTemplate): Promise<void> {
    await strategy.runNative([Phase.measure]);
  }

  /** @internal */
  get isEmpty(): boolean {
    return this.metrics.length === 0;
  }
}

for (const hook of ['afterTrainingIteration', 'afterEvalIteration'] as const) {
  hasNativeTwin<EvaluationPlugin>(EvaluationPlugin.prototype[hook], (plugin) => (plugin.isEmpty ? null : Phase.measure));
}

/**
 * `Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000`: metric, phase, stream, task label, and the experience for values
 * of one experience.
 */
export function metricName(metric: string, strategy: SupervisedTemplate, parts: { task: boolean; exp: boolean }): string {
  const { originStream, taskLabels, currentExperience } = strategy.experience!;
  const digits = (number: number) => String(number).padStart(3, '0');
  return [
    metric,
    strategy.isTraining ? 'train_phase' : 'eval_phase',
    `${originStream.name}_stream`,
    ...(parts.task && taskLabels.length === 1 ? [`Task${digits(taskLabels[0]!)}`] : []),
    ...(parts.exp ? [`Exp${digits(currentExperience)}`] : []),
  ].join('/');
}
