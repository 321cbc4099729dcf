import type { PluginMetric } from '../metric';
import { meanMetrics, type MetricLevels, parseLevels } from './mean-metric';

/**
 * Mean of the strategy's loss, each mini-batch weighted by its number of samples; training values include penalties.
 * `Loss_MB`, `Loss_Epoch`, `RunningLoss_Epoch` (training); `Loss_Exp`, `Loss_Stream` (evaluation).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function lossMetrics(levels?: MetricLevels): PluginMetric[] {
  return meanMetrics(
    {
      names: {
        minibatch: 'Loss_MB',
        epoch: 'Loss_Epoch',
        epochRunning: 'RunningLoss_Epoch',
        experience: 'Loss_Exp',
        stream: 'Loss_Stream',
      },
      ofPass: (strategy) => {
        const { lossSum, samples } = strategy.step.statistics();
        return { sum: lossSum, weight: samples };
      },
      // Not a difference of sums: a loss that was infinite once must not hide the ones behind it.
      ofMinibatch: (strategy) => ({ sum: strategy.loss.item(), weight: 1 }),
    },
    parseLevels('lossMetrics', levels),
  );
}
