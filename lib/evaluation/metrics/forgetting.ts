import { z } from 'zod';
import { boolean, parseOptions } from '../../options';
import { metricName, type MetricValue, type PluginMetric } from '../evaluation-plugin';
import { correctPredictions } from './accuracy';

const schema = z.object({ experience: boolean.default(false), stream: boolean.default(false) });

/**
 * Forgetting of experience k: its accuracy in the latest evaluation made while k was the last experience trained on, minus
 * its accuracy in the evaluation under way. It exists once both are known, so never for the current experience.
 * `ExperienceForgetting` is one value an experience, `StreamForgetting` the mean over those that have one, else 0.
 */
export function forgettingMetrics(asked?: { experience?: boolean; stream?: boolean }): PluginMetric[] {
  const levels = parseOptions('forgettingMetrics', schema, asked);
  const initial = new Map<string, number>();
  const last = new Map<string, number>();
  let trainedOn: number | null = null;
  const forgetting = (key: string) => {
    const before = initial.get(key);
    const now = last.get(key);
    return before === undefined || now === undefined ? undefined : before - now;
  };
  return [
    {
      beforeTrainingExp: ({ experience }) => {
        trainedOn = experience!.currentExperience;
      },
      beforeEval: () => last.clear(),
      afterEvalExp: (strategy): MetricValue[] => {
        const { sum, weight } = correctPredictions(strategy);
        const { currentExperience, originStream } = strategy.experience!;
        const key = `${originStream.name}/${currentExperience}`;
        (currentExperience === trainedOn ? initial : last).set(key, weight === 0 ? 0 : sum / weight);
        const value = levels.experience ? forgetting(key) : undefined;
        if (value === undefined) return [];
        return [{ name: metricName('ExperienceForgetting', strategy, { task: true, exp: true }), value }];
      },
      afterEval: (strategy): MetricValue[] => {
        if (!levels.stream || !strategy.experience) return [];
        const values = [...last.keys()].map(forgetting).filter((value) => value !== undefined);
        const value = values.length === 0 ? 0 : values.reduce((sum, v) => sum + v, 0) / values.length;
        return [{ name: metricName('StreamForgetting', strategy, { task: false, exp: false }), value }];
      },
    },
  ];
}
