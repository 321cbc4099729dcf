import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import { parseOptions } from '../../options';
import { mean } from '../../results/mean';
import { anyNumber, byName, checkState } from '../../state';
import { emit, type PluginMetric } from '../metric';
import { TrainedSteps, trainedStepsState } from '../trained-steps';
import { experienceAccuracy, needingLabels } from './accuracy';
import { type TransferLevels, transferSchema } from './forgetting';
import { ofExperience, ofStream } from './mean-metric';

const stateSchema = z.object({
  metric: z.literal('ForwardTransfer', '"ForwardTransfer"'),
  trained: trainedStepsState,
  initial: byName(anyNumber),
  transfer: byName(anyNumber),
});

/**
 * Forward transfer to experience k: its accuracy in the latest evaluation made while k - 1 was the last experience trained
 * on, minus its accuracy in the first evaluation, before any training on its benchmark. `ExperienceForwardTransfer` has a value in those evaluations,
 * `StreamForwardTransfer` is the mean over all experiences of the evaluation that have had one, else 0.
 *
 * Every experience must be evaluated once before the first training on its benchmark: by `evalEvery` of at least 0 and `evalStreams`, or by a
 * call of `eval`. Kept by benchmark, stream and index (the reference: by index alone).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE; while training ERR_NO_INITIAL_EVALUATION
 */
export function forwardTransferMetrics(asked?: TransferLevels): PluginMetric[] {
  const levels = parseOptions('forwardTransferMetrics', transferSchema, asked);
  if (!levels.experience && !levels.stream) return [];
  let initial = new Map<string, number>();
  let transfer = new Map<string, number>();
  let evaluated: string[] = [];
  const trained = new TrainedSteps();
  return needingLabels([
    {
      beforeTrainingExp: ({ experience }) => {
        if (initial.size === 0) throw noInitialEvaluation('got none');
        trained.add(experience!);
      },
      beforeEval: () => {
        evaluated = [];
      },
      afterEvalExp: (strategy) => {
        const experience = strategy.experience!;
        const { currentExperience, originStream } = experience;
        const key = trained.experienceKey(experience);
        evaluated.push(key);
        if (trained.lastOfBenchmark(experience) === null) {
          if (!initial.has(key)) initial.set(key, experienceAccuracy(strategy));
          return [];
        }
        if (trained.latestFor(experience) !== currentExperience - 1) return [];
        const before = initial.get(key);
        if (before === undefined) {
          throw noInitialEvaluation(`got none of experience ${currentExperience} of stream "${originStream.name}"`);
        }
        const value = experienceAccuracy(strategy) - before;
        transfer.set(key, value);
        return levels.experience ? emit('ExperienceForwardTransfer', strategy, ofExperience, value) : [];
      },
      afterEval: (strategy) => {
        if (!levels.stream) return [];
        const values = evaluated.map((key) => transfer.get(key)).filter((value) => value !== undefined);
        return emit('StreamForwardTransfer', strategy, ofStream, mean(values));
      },
      stateDict: () => ({
        metric: 'ForwardTransfer',
        trained: trained.stateDict(),
        initial: Object.fromEntries(initial),
        transfer: Object.fromEntries(transfer),
      }),
      loadStateDict: (state) => {
        const loaded = checkState('the metric ForwardTransfer', stateSchema, state);
        trained.loadStateDict(loaded.trained);
        initial = new Map(Object.entries(loaded.initial));
        transfer = new Map(Object.entries(loaded.transfer));
      },
    },
  ]);
}

function noInitialEvaluation(received: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_NO_INITIAL_EVALUATION',
    `forwardTransferMetrics: expected an evaluation of every experience before the first training ` +
      `(evalEvery of at least 0 with evalStreams, or a call of eval), ${received}`,
  );
}
