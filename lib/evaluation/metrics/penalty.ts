import type { Strategy } from '../../hooks/strategy';
import { Tensor } from '../../tensor/tensor';
import type { PluginMetric } from '../metric';
import { meanMetrics, type MetricLevels, parseLevels } from './mean-metric';

/** Of the current mini-batch: penalties that are part of the loss, or that stand apart from it. */
function penaltyOf({ step }: Strategy, which: 'addedPenalty' | 'apartPenalty'): number {
  const handle = step.get(which);
  return handle === null ? 0 : new Tensor(handle).item();
}

const ofPenalties = new WeakSet<PluginMetric>();

/** Whether a metric asks for penalties that are not computed otherwise. */
export function needsPenalties(metric: PluginMetric): boolean {
  return ofPenalties.has(metric);
}

/**
 * Mean of the penalties, at the parameters that the loss was computed at, each mini-batch weighted by its number of samples:
 * `lambda sum importance (theta - anchor)^2` of each `QuadraticPenalty` and `MASPlugin`, also where it is applied behind the update
 * (`penaltyUpdate: 'proximal'`), which then takes a pass over the parameters. 0 where there is none, as in evaluation.
 * `Penalty_MB`, `Penalty_Epoch`, `RunningPenalty_Epoch` (training); `Penalty_Exp`, `Penalty_Stream` (evaluation).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function penaltyMetrics(levels?: MetricLevels): PluginMetric[] {
  const metrics = meanMetrics(
    {
      names: {
        minibatch: 'Penalty_MB',
        epoch: 'Penalty_Epoch',
        epochRunning: 'RunningPenalty_Epoch',
        experience: 'Penalty_Exp',
        stream: 'Penalty_Stream',
      },
      ofPass: (strategy) => {
        const { addedPenaltySum, apartPenaltySum, samples } = strategy.step.statistics();
        return { sum: addedPenaltySum + apartPenaltySum, weight: samples };
      },
      ofMinibatch: (strategy) => ({ sum: penaltyOf(strategy, 'addedPenalty') + penaltyOf(strategy, 'apartPenalty'), weight: 1 }),
    },
    parseLevels('penaltyMetrics', levels),
  );
  for (const metric of metrics) ofPenalties.add(metric);
  return metrics;
}

/**
 * Mean of the strategy's loss without the penalties of `QuadraticPenalty` and `MASPlugin` in it, as exact as the difference of the
 * two is in the loss's dtype; else as `lossMetrics`.
 * `TaskLoss_MB`, `TaskLoss_Epoch`, `RunningTaskLoss_Epoch` (training); `TaskLoss_Exp`, `TaskLoss_Stream` (evaluation).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function taskLossMetrics(levels?: MetricLevels): PluginMetric[] {
  return meanMetrics(
    {
      names: {
        minibatch: 'TaskLoss_MB',
        epoch: 'TaskLoss_Epoch',
        epochRunning: 'RunningTaskLoss_Epoch',
        experience: 'TaskLoss_Exp',
        stream: 'TaskLoss_Stream',
      },
      ofPass: (strategy) => {
        const { lossSum, addedPenaltySum, samples } = strategy.step.statistics();
        return { sum: lossSum - addedPenaltySum, weight: samples };
      },
      ofMinibatch: (strategy) => ({ sum: strategy.loss.item() - penaltyOf(strategy, 'addedPenalty'), weight: 1 }),
    },
    parseLevels('taskLossMetrics', levels),
  );
}
