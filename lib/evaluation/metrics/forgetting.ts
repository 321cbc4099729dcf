import { z } from 'zod';
import { boolean, parseOptions } from '../../options';
import { mean } from '../../results/mean';
import { anyNumber, byName, checkState } from '../../state';
import { emit, type PluginMetric } from '../metric';
import { TrainedSteps, trainedStepsState } from '../trained-steps';
import { experienceAccuracy, needingLabels } from './accuracy';
import { ofExperience, ofStream } from './mean-metric';

export const transferSchema = z.object({ experience: boolean.default(false), stream: boolean.default(false) });

/** When a metric of forgetting or transfer has values; each default false. */
export interface TransferLevels {
  /** Each evaluated experience. */
  experience?: boolean;
  /** Each evaluated stream. */
  stream?: boolean;
}

/**
 * Forgetting of experience k: its accuracy in the latest evaluation made while k was the last experience trained on, minus
 * its accuracy in the evaluation under way. It exists once both are known, so never for the current experience.
 * `ExperienceForgetting` is one value an experience, `StreamForgetting` the mean over those that have one, else 0. Kept by
 * benchmark, stream and index, so that neither two evaluated streams nor two benchmarks mix (the reference keeps it by index
 * alone).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function forgettingMetrics(levels?: TransferLevels): PluginMetric[] {
  const asked = parseOptions('forgettingMetrics', transferSchema, levels);
  return changeOfAccuracy('Forgetting', (before, now) => before - now, asked);
}

/**
 * Backward transfer, forgetting with the other sign: positive where later experiences helped. `ExperienceBWT`, `StreamBWT`.
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function bwtMetrics(levels?: TransferLevels): PluginMetric[] {
  const asked = parseOptions('bwtMetrics', transferSchema, levels);
  return changeOfAccuracy('BWT', (before, now) => now - before, asked);
}

function changeOfAccuracy(
  name: string,
  change: (before: number, now: number) => number,
  levels: TransferLevels,
): PluginMetric[] {
  if (!levels.experience && !levels.stream) return [];
  const stateSchema = z.object({
    metric: z.literal(name, `"${name}"`),
    trained: trainedStepsState,
    initial: byName(anyNumber),
    last: byName(anyNumber),
  });
  let initial = new Map<string, number>();
  let last = new Map<string, number>();
  const trained = new TrainedSteps();
  const valueOf = (key: string) => {
    const before = initial.get(key);
    const now = last.get(key);
    return before === undefined || now === undefined ? undefined : change(before, now);
  };
  return needingLabels([
    {
      beforeTrainingExp: ({ experience }) => trained.add(experience!),
      beforeEval: () => last.clear(),
      afterEvalExp: (strategy) => {
        const experience = strategy.experience!;
        const key = trained.experienceKey(experience);
        const isCurrent = experience.currentExperience === trained.latestFor(experience);
        (isCurrent ? initial : last).set(key, experienceAccuracy(strategy));
        const value = levels.experience ? valueOf(key) : undefined;
        return value === undefined ? [] : emit(`Experience${name}`, strategy, ofExperience, value);
      },
      afterEval: (strategy) => {
        if (!levels.stream) return [];
        const values = [...last.keys()].map(valueOf).filter((value) => value !== undefined);
        return emit(`Stream${name}`, strategy, ofStream, mean(values));
      },
      stateDict: () => ({
        metric: name,
        trained: trained.stateDict(),
        initial: Object.fromEntries(initial),
        last: Object.fromEntries(last),
      }),
      loadStateDict: (state) => {
        const loaded = checkState(`the metric ${name}`, stateSchema, state);
        trained.loadStateDict(loaded.trained);
        initial = new Map(Object.entries(loaded.initial));
        last = new Map(Object.entries(loaded.last));
      },
    },
  ]);
}
