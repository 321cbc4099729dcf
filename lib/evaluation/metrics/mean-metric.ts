import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import { boolean, parseOptions } from '../../options';
import type { MetricValue } from '../../results/metric-values';
import { emit, type NameParts, type PluginMetric } from '../metric';

/** The parts of a mean: a sum and the weight that it is divided by. */
export interface WeightedSum {
  sum: number;
  weight: number;
}

export const levelOptions = {
  minibatch: boolean.default(false),
  epoch: boolean.default(false),
  epochRunning: boolean.default(false),
  experience: boolean.default(false),
  stream: boolean.default(false),
};

/** When a metric has values; each default false. The first three are of training, the others of evaluation. */
export interface MetricLevels {
  /** Each training mini-batch; like `epochRunning` it keeps iterations from being joined into one native job. */
  minibatch?: boolean;
  /** Each training epoch. */
  epoch?: boolean;
  /** The epoch so far, at each training iteration. */
  epochRunning?: boolean;
  /** Each evaluated experience. */
  experience?: boolean;
  /** Each evaluated stream. */
  stream?: boolean;
}

/** A mean over samples. */
export interface MeanMetric {
  /** What it is called at each level. */
  names: Record<keyof MetricLevels, string>;
  /** Of the current pass over an epoch's or experience's data, so far; null where these data have no such mean. */
  ofPass: (strategy: Strategy) => WeightedSum | null;
  /** Of the current mini-batch; `before` is what `ofPass` was before it. */
  ofMinibatch: (strategy: Strategy, before: WeightedSum) => WeightedSum | null;
}

export const ofTask: NameParts = { task: true, exp: false };
export const ofExperience: NameParts = { task: true, exp: true };
export const ofStream: NameParts = { task: false, exp: false };

const nothing: WeightedSum = { sum: 0, weight: 0 };

/** 0 where nothing was added, as in the reference. */
export function ratio(mean: WeightedSum | null): number {
  return mean === null || mean.weight === 0 ? 0 : mean.sum / mean.weight;
}

function emitMean(name: string, strategy: Strategy, parts: NameParts, mean: WeightedSum | null): MetricValue[] {
  return mean === null ? [] : emit(name, strategy, parts, ratio(mean));
}

/** One metric for each level that is asked for. */
export function meanMetrics({ names, ofPass, ofMinibatch }: MeanMetric, levels: MetricLevels): PluginMetric[] {
  const metrics: PluginMetric[] = [];
  if (levels.minibatch) {
    let before = nothing;
    metrics.push({
      // In each iteration anew: the evaluator may not have been active in the one before.
      beforeTrainingIteration: (strategy) => {
        before = ofPass(strategy) ?? nothing;
      },
      afterTrainingIteration: (strategy) => emitMean(names.minibatch, strategy, ofTask, ofMinibatch(strategy, before)),
    });
  }
  if (levels.epoch) {
    metrics.push({ afterTrainingEpoch: (s) => emitMean(names.epoch, s, ofTask, ofPass(s)) });
  }
  if (levels.epochRunning) {
    metrics.push({ afterTrainingIteration: (s) => emitMean(names.epochRunning, s, ofTask, ofPass(s)) });
  }
  if (levels.experience) {
    metrics.push({ afterEvalExp: (s) => emitMean(names.experience, s, ofExperience, ofPass(s)) });
  }
  if (levels.stream) metrics.push(streamMean(names.stream, ofPass));
  return metrics;
}

/** The mean over all samples of an evaluation. */
export function streamMean(name: string, ofPass: MeanMetric['ofPass']): PluginMetric {
  let total: WeightedSum | null = nothing;
  return {
    beforeEval: () => {
      total = nothing;
    },
    afterEvalExp: (strategy) => {
      const mean = ofPass(strategy);
      total = mean && total && { sum: total.sum + mean.sum, weight: total.weight + mean.weight };
    },
    afterEval: (strategy) => emitMean(name, strategy, ofTask, total),
  };
}

/** Checks the levels that a helper was asked for. */
export function parseLevels(operation: string, asked: MetricLevels | undefined) {
  return parseOptions(operation, z.object(levelOptions), asked);
}
