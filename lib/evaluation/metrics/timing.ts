import { z } from 'zod';
import type { HookName } from '../../hooks/hook-names';
import type { Strategy } from '../../hooks/strategy';
import { nonNegativeInteger, nonNegativeNumber } from '../../options';
import { checkState } from '../../state';
import { emit, type NameParts, type PluginMetric } from '../metric';
import { type MetricLevels, ofExperience, ofTask, parseLevels } from './mean-metric';

/**
 * Seconds, of the monotonic clock: `Time_MB`, one training iteration without the fetching of its mini-batch; `Time_Epoch`;
 * `RunningTime_Epoch`, the mean over the epoch's iterations so far of what `Time_MB` measures (the reference divides the
 * first iteration's time by the number of iterations instead); `Time_Exp`, `Time_Stream`, of evaluation. The time between a
 * checkpoint and the run that goes on from it does not count.
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export function timingMetrics(levels?: MetricLevels): PluginMetric[] {
  const asked = parseLevels('timingMetrics', levels);
  return [
    ...(asked.minibatch ? [elapsedTime('Time_MB', 'beforeTrainingIteration', 'afterTrainingIteration')] : []),
    ...(asked.epoch ? [elapsedTime('Time_Epoch', 'beforeTrainingEpoch', 'afterTrainingEpoch')] : []),
    ...(asked.epochRunning ? [meanIterationTime()] : []),
    ...(asked.experience ? [elapsedTime('Time_Exp', 'beforeEvalExp', 'afterEvalExp', ofExperience)] : []),
    ...(asked.stream ? [elapsedTime('Time_Stream', 'beforeEval', 'afterEval')] : []),
  ];
}

function elapsedTime(name: string, begin: HookName, end: HookName, parts: NameParts = ofTask): PluginMetric {
  const stateSchema = z.object({ metric: z.literal(name, `"${name}"`), elapsed: nonNegativeNumber });
  let start = 0;
  return {
    [begin]: () => {
      start = performance.now();
    },
    [end]: (strategy: Strategy) => emit(name, strategy, parts, (performance.now() - start) / 1000),
    stateDict: () => ({ metric: name, elapsed: performance.now() - start }),
    loadStateDict: (state) => {
      start = performance.now() - checkState(`the metric ${name}`, stateSchema, state).elapsed;
    },
  } satisfies PluginMetric;
}

const runningTime = 'RunningTime_Epoch';
const runningTimeState = z.object({
  metric: z.literal(runningTime, `"${runningTime}"`),
  total: nonNegativeNumber,
  iterations: nonNegativeInteger,
});

function meanIterationTime(): PluginMetric {
  let start = 0;
  let total = 0;
  let iterations = 0;
  return {
    beforeTrainingEpoch: () => {
      total = iterations = 0;
    },
    beforeTrainingIteration: () => {
      start = performance.now();
    },
    afterTrainingIteration: (strategy) => {
      total += (performance.now() - start) / 1000;
      iterations++;
      return emit(runningTime, strategy, ofTask, total / iterations);
    },
    stateDict: () => ({ metric: runningTime, total, iterations }),
    loadStateDict: (state) => {
      ({ total, iterations } = checkState(`the metric ${runningTime}`, runningTimeState, state));
    },
  };
}
