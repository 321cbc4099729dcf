import type { SupervisedTemplate } from '../../training/templates/supervised';
import type { PluginMetric } from '../evaluation-plugin';
import { type MeanMetricLevels, meanMetrics, type WeightedSum } from './mean-metric';

/** Correct predictions (argmax over dim 1) of the current pass and the samples compared. */
export function correctPredictions(strategy: SupervisedTemplate): WeightedSum {
  const { correct, compared } = strategy.step.statistics();
  return { sum: correct, weight: compared };
}

/**
 * Top-1 accuracy in [0, 1]: correct predictions / samples, the prediction being the argmax over dim 1 of the output.
 * `Top1_Acc_Epoch` (training), `Top1_Acc_Exp`, `Top1_Acc_Stream` (evaluation).
 */
export function accuracyMetrics(levels?: MeanMetricLevels): PluginMetric[] {
  return meanMetrics('accuracyMetrics', 'Top1_Acc', correctPredictions, levels);
}
