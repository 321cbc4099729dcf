import { z } from 'zod';
import { boolean, parseOptions } from '../../options';
import type { SupervisedTemplate } from '../../training/templates/supervised';
import type { PluginMetric } from '../metric';
import { TrainedSteps } from '../trained-steps';
import { levelOptions, meanMetrics, type MetricLevels, ratio, streamMean, type WeightedSum } from './mean-metric';

const schema = z.object({ ...levelOptions, trainedExperience: boolean.default(false) });

export interface AccuracyLevels extends MetricLevels {
  /** Each evaluated stream, over those experiences whose index is at most that of the last experience of their benchmark trained on. */
  trainedExperience?: boolean;
}

/** Correct predictions (argmax over dim 1) of the current pass and the samples compared. */
export function correctPredictions(strategy: SupervisedTemplate): WeightedSum {
  const { correct, compared } = strategy.step.statistics();
  return { sum: correct, weight: compared };
}

/** The accuracy of the evaluation of an experience that has just ended. */
export function experienceAccuracy(strategy: SupervisedTemplate): number {
  return ratio(correctPredictions(strategy));
}

/**
 * Top-1 accuracy in [0, 1]: correct predictions / samples, the prediction being the argmax over dim 1 of the output (the
 * first of equal ones), as is the target where it is [B, C]. `Top1_Acc_MB`, `Top1_Acc_Epoch`, `Top1_RunningAcc_Epoch`
 * (training); `Top1_Acc_Exp`, `Top1_Acc_Stream`, `Accuracy_On_Trained_Experiences` (evaluation).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function accuracyMetrics(levels?: AccuracyLevels): PluginMetric[] {
  const asked = parseOptions('accuracyMetrics', schema, levels);
  const metrics = meanMetrics(
    {
      names: {
        minibatch: 'Top1_Acc_MB',
        epoch: 'Top1_Acc_Epoch',
        epochRunning: 'Top1_RunningAcc_Epoch',
        experience: 'Top1_Acc_Exp',
        stream: 'Top1_Acc_Stream',
      },
      ofPass: correctPredictions,
      ofMinibatch: (strategy, before) => {
        const { sum, weight } = correctPredictions(strategy);
        return { sum: sum - before.sum, weight: weight - before.weight };
      },
    },
    asked,
  );
  if (asked.trainedExperience) metrics.push(trainedExperienceAccuracy());
  return metrics;
}

function trainedExperienceAccuracy(): PluginMetric {
  const trained = new TrainedSteps();
  const nothing = { sum: 0, weight: 0 };
  return {
    afterTrainingExp: ({ experience }) => trained.add(experience!),
    ...streamMean('Accuracy_On_Trained_Experiences', (strategy) => {
      const experience = strategy.experience!;
      // Before any training the first experience counts, as in the reference.
      const lastTrained = trained.isEmpty ? 0 : trained.lastOfBenchmark(experience);
      return experience.currentExperience <= (lastTrained ?? -1) ? correctPredictions(strategy) : nothing;
    }),
  };
}
