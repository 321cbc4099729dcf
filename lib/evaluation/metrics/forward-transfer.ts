import { ContinualTorchError } from '../../errors';
import { parseOptions } from '../../options';
import { mean } from '../mean';
import { emit, type PluginMetric } from '../metric';
import { experienceAccuracy, experienceKey } from './accuracy';
import { type TransferLevels, transferSchema } from './forgetting';
import { ofExperience, ofStream } from './mean-metric';

/**
 * Forward transfer to experience k: its accuracy in the latest evaluation made while k - 1 was the last experience trained
 * on, minus its accuracy before any training. `ExperienceForwardTransfer` has a value in those evaluations,
 * `StreamForwardTransfer` is the mean over all experiences of the evaluation that have had one, else 0.
 *
 * Every experience must be evaluated once before the first training: by `evalEvery` of at least 0 and `evalStreams`, or by a
 * call of `eval`. Kept by stream and index (the reference: by index alone).
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE; while training ERR_NO_INITIAL_EVALUATION
 */
export function forwardTransferMetrics(asked?: TransferLevels): PluginMetric[] {
  const levels = parseOptions('forwardTransferMetrics', transferSchema, asked);
  if (!levels.experience && !levels.stream) return [];
  const initial = new Map<string, number>();
  const transfer = new Map<string, number>();
  let evaluated: string[] = [];
  let trainedOn: number | null = null;
  return [
    {
      beforeTrainingExp: ({ experience }) => {
        if (initial.size === 0) throw noInitialEvaluation('got none');
        trainedOn = experience!.currentExperience;
      },
      beforeEval: () => {
        evaluated = [];
      },
      afterEvalExp: (strategy) => {
        const key = experienceKey(strategy);
        evaluated.push(key);
        if (trainedOn === null) {
          if (!initial.has(key)) initial.set(key, experienceAccuracy(strategy));
          return [];
        }
        const { currentExperience, originStream } = strategy.experience!;
        if (trainedOn !== currentExperience - 1) return [];
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
    },
  ];
}

function noInitialEvaluation(received: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_NO_INITIAL_EVALUATION',
    `forwardTransferMetrics: expected an evaluation of every experience before the first training ` +
      `(evalEvery of at least 0 with evalStreams, or a call of eval), ${received}`,
  );
}
