import { z } from 'zod';
import { boolean, parseOptions } from '../../options';
import type { SupervisedTemplate } from '../../training/templates/supervised';
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
  /** Of the current pass over an epoch's or experience's data, so far. */
  ofPass: (strategy: SupervisedTemplate) => WeightedSum;
  /** Of the current mini-batch; `before` is what `ofPass` was before it. */
  ofMinibatch: (strategy: SupervisedTemplate, before: WeightedSum) => WeightedSum;
}

export const ofTask: NameParts = { task: true, exp: false };
export const ofExperience: NameParts = { task: true, exp: true };
export const ofStream: NameParts = { task: false, exp: false };

const nothing: WeightedSum = { sum: 0, weight: 0 };

/** 0 where nothing was added, as in the reference. */
export function ratio({ sum, weight }: WeightedSum): number {
  return weight === 0 ? 0 : sum / weight;
}

/** One metric for each level that is asked for. */
export function meanMetrics({ names, ofPass, ofMinibatch }: MeanMetric, levels: MetricLevels): PluginMetric[] {
  const metrics: PluginMetric[] = [];
  if (levels.minibatch) {
    let before = nothing;
    metrics.push({
      // In each iteration anew: the evaluator may not have been active in the one before.
      beforeTrainingIteration: (strategy) => {
        before = ofPass(strategy);
      },
      afterTrainingIteration: (strategy) =>
        emit(names.minibatch, strategy, ofTask, ratio(ofMinibatch(strategy, before))),
    });
  }
  if (levels.epoch) {
    metrics.push({ afterTrainingEpoch: (s) => emit(names.epoch, s, ofTask, ratio(ofPass(s))) });
  }
  if (levels.epochRunning) {
    metrics.push({ afterTrainingIteration: (s) => emit(names.epochRunning, s, ofTask, ratio(ofPass(s))) });
  }
  if (levels.experience) {
    metrics.push({ afterEvalExp: (s) => emit(names.experience, s, ofExperience, ratio(ofPass(s))) });
  }
  if (levels.stream) metrics.push(streamMean(names.stream, ofPass));
  return metrics;
}

/** The mean over all samples of an evaluation. */
export function streamMean(name: string, ofPass: MeanMetric['ofPass']): PluginMetric {
  let total = nothing;
  return {
    beforeEval: () => {
      total = nothing;
    },
    afterEvalExp: (strategy) => {
      const { sum, weight } = ofPass(strategy);
      total = { sum: total.sum + sum, weight: total.weight + weight };
    },
    afterEval: (strategy) => emit(name, strategy, ofTask, ratio(total)),
  };
}

/** Checks the levels that a helper was asked for. */
export function parseLevels(operation: string, asked: MetricLevels | undefined) {
  return parseOptions(operation, z.object(levelOptions), asked);
}
