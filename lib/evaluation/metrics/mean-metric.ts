import { z } from 'zod';
import { boolean, parseOptions } from '../../options';
import type { SupervisedTemplate } from '../../training/templates/supervised';
import { metricName, type PluginMetric } from '../evaluation-plugin';

/** The parts of a mean: a sum and the weight that it is divided by. */
export interface WeightedSum {
  sum: number;
  weight: number;
}

/** How a metric reads its sum from the statistics of the current pass. */
export type ReadStatistics = (strategy: SupervisedTemplate) => WeightedSum;

const levelSchema = z.object({
  epoch: boolean.default(false),
  experience: boolean.default(false),
  stream: boolean.default(false),
});

export interface MeanMetricLevels {
  /** Each training epoch. */
  epoch?: boolean;
  /** Each evaluated experience. */
  experience?: boolean;
  /** Each evaluated stream. */
  stream?: boolean;
}

/** 0 where nothing was added, as in the reference. */
function mean({ sum, weight }: WeightedSum): number {
  return weight === 0 ? 0 : sum / weight;
}

/** A mean over samples, one metric for each level that is asked for: `NAME_Epoch`, `NAME_Exp`, `NAME_Stream`. */
export function meanMetrics(
  operation: string,
  name: string,
  read: ReadStatistics,
  asked?: MeanMetricLevels,
): PluginMetric[] {
  const levels = parseOptions(operation, levelSchema, asked);
  const metrics: PluginMetric[] = [];
  if (levels.epoch) {
    metrics.push({
      afterTrainingEpoch: (strategy) => [
        { name: metricName(`${name}_Epoch`, strategy, { task: true, exp: false }), value: mean(read(strategy)) },
      ],
    });
  }
  if (levels.experience) {
    metrics.push({
      afterEvalExp: (strategy) => [
        { name: metricName(`${name}_Exp`, strategy, { task: true, exp: true }), value: mean(read(strategy)) },
      ],
    });
  }
  if (levels.stream) {
    const total: WeightedSum = { sum: 0, weight: 0 };
    metrics.push({
      beforeEval: () => {
        total.sum = total.weight = 0;
      },
      afterEvalExp: (strategy) => {
        const { sum, weight } = read(strategy);
        total.sum += sum;
        total.weight += weight;
      },
      // The strategy's experience is now the last evaluated one, whose task label names the stream's value.
      afterEval: (strategy) =>
        strategy.experience && [
          { name: metricName(`${name}_Stream`, strategy, { task: true, exp: false }), value: mean(total) },
        ] || [],
    });
  }
  return metrics;
}
