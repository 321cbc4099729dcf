import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import { boolean, parseOptions } from '../../options';
import { checkState } from '../../state';
import type { PluginMetric } from '../metric';
import { TrainedSteps, trainedStepsState } from '../trained-steps';
import {
  levelOptions,
  type MeanMetric,
  meanMetrics,
  type MetricLevels,
  parseLevels,
  ratio,
  streamMean,
  type WeightedSum,
} from './mean-metric';

const schema = z.object({ ...levelOptions, trainedExperience: boolean.default(false) });

/** What `accuracyMetrics` measures; all default to false. */
export interface AccuracyLevels extends MetricLevels {
  /** Each evaluated stream, over those experiences whose index is at most that of the last experience of their benchmark trained on. */
  trainedExperience?: boolean;
}

/** Correct predictions (argmax over dim 1) of the current pass and the predictions compared; null where its targets are no labels. */
export function correctPredictions(strategy: Strategy): WeightedSum | null {
  const { correct, compared, samples } = strategy.step.statistics();
  return compared === 0 && samples > 0 ? null : { sum: correct, weight: compared };
}

const ofAccuracy = new WeakSet<PluginMetric>();

/** Says that these metrics mean nothing without labels: their evaluator refuses other targets at the first mini-batch. */
export function needingLabels(metrics: PluginMetric[]): PluginMetric[] {
  for (const metric of metrics) ofAccuracy.add(metric);
  return metrics;
}

/** Whether `needingLabels` was said of a metric. */
export function needsLabels(metric: PluginMetric): boolean {
  return ofAccuracy.has(metric);
}

/** The accuracy of the evaluation of an experience that has just ended. */
export function experienceAccuracy(strategy: Strategy): number {
  return ratio(correctPredictions(strategy));
}

/**
 * Top-1 accuracy in [0, 1]: correct predictions / samples, the prediction being the argmax over dim 1 of the output (the
 * first of equal ones), as is the target where it is [B, C]. `Top1_Acc_MB`, `Top1_Acc_Epoch`, `Top1_RunningAcc_Epoch`
 * (training); `Top1_Acc_Exp`, `Top1_Acc_Stream`, `Accuracy_On_Trained_Experiences` (evaluation).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE; at the first mini-batch ERR_ACCURACY_TARGET for targets that are neither
 * integers `[B]` nor of the output's shape `[B, C]`, C > 1: a regression is measured by `lossMetrics`
 */
export function accuracyMetrics(levels?: AccuracyLevels): PluginMetric[] {
  const asked = parseOptions('accuracyMetrics', schema, levels);
  const metrics = meanMetrics(accuracy(correctPredictions), asked);
  if (asked.trainedExperience) metrics.push(trainedExperienceAccuracy());
  return needingLabels(metrics);
}

/** As `accuracyMetrics`; targets that are no labels are not refused: `leftOut` is called, and there are no values. */
export function accuracyOfLabels(levels: MetricLevels, leftOut: () => void): PluginMetric[] {
  const ofPass = (strategy: Strategy) => {
    const predictions = correctPredictions(strategy);
    if (predictions === null) leftOut();
    return predictions;
  };
  return meanMetrics(accuracy(ofPass), parseLevels('accuracyMetrics', levels));
}

function accuracy(ofPass: MeanMetric['ofPass']): MeanMetric {
  return {
    names: {
      minibatch: 'Top1_Acc_MB',
      epoch: 'Top1_Acc_Epoch',
      epochRunning: 'Top1_RunningAcc_Epoch',
      experience: 'Top1_Acc_Exp',
      stream: 'Top1_Acc_Stream',
    },
    ofPass,
    ofMinibatch: (strategy, before) => {
      const now = ofPass(strategy);
      return now && { sum: now.sum - before.sum, weight: now.weight - before.weight };
    },
  };
}

const trainedAccuracy = 'Accuracy_On_Trained_Experiences';
const trainedAccuracyState = z.object({ metric: z.literal(trainedAccuracy, `"${trainedAccuracy}"`), trained: trainedStepsState });

function trainedExperienceAccuracy(): PluginMetric {
  const trained = new TrainedSteps();
  const nothing = { sum: 0, weight: 0 };
  return {
    afterTrainingExp: ({ experience }) => trained.add(experience!),
    stateDict: () => ({ metric: trainedAccuracy, trained: trained.stateDict() }),
    loadStateDict: (state) => trained.loadStateDict(checkState(`the metric ${trainedAccuracy}`, trainedAccuracyState, state).trained),
    ...streamMean(trainedAccuracy, (strategy) => {
      const experience = strategy.experience!;
      // Before any training the first experience counts, as in the reference.
      const lastTrained = trained.isEmpty ? 0 : trained.lastOfBenchmark(experience);
      return experience.currentExperience <= (lastTrained ?? -1) ? correctPredictions(strategy) : nothing;
    }),
  };
}
