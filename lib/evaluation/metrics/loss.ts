import type { PluginMetric } from '../evaluation-plugin';
import { type MeanMetricLevels, meanMetrics } from './mean-metric';

/**
 * Mean of the strategy's loss, each mini-batch weighted by its number of samples; training values include penalties.
 * `Loss_Epoch` (training), `Loss_Exp`, `Loss_Stream` (evaluation).
 */
export function lossMetrics(levels?: MeanMetricLevels): PluginMetric[] {
  return meanMetrics(
    'lossMetrics',
    'Loss',
    (strategy) => {
      const { lossSum, samples } = strategy.step.statistics();
      return { sum: lossSum, weight: samples };
    },
    levels,
  );
}
