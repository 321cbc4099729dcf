import { z } from 'zod';
import type { AnyExperience } from '../../hooks/train-options';
import { anyNumber, anyState, checkState, type State, tensorState } from '../../state';
import { type Place, stages } from '../templates/place';

const count = z.int().min(0);
// States from before there were penalties among them have none.
const penaltySum = anyNumber.default(0);
const statistics = z.object({ lossSum: anyNumber, addedPenaltySum: penaltySum, apartPenaltySum: penaltySum, samples: count, correct: count, compared: count });
const source = z.object({
  /** What the source says of its place; null: it is read again, from `generators` on, and `skip` mini-batches are left out. */
  position: anyState,
  skip: count,
  generators: anyState,
});
const schema = z.object({
  experience: z.object({ stream: z.string(), index: z.int() }),
  place: z.object({ stage: z.enum(stages), plugin: count, epoch: count, iteration: count }),
  /** Of the epoch so far. */
  statistics,
  source: source.nullable(),
  /** Of the generator that the dataloader was given. */
  loader: tensorState.nullable(),
  isStopping: z.boolean(),
});

/** Where the training of an experience stands. */
export type TrainingState = z.output<typeof schema>;
/** Where a pass over its data stands. */
export type SourceState = z.output<typeof source>;

/** @throws ERR_STATE_DICT */
export function readTrainingState(state: unknown): TrainingState {
  return checkState('the training under way', schema, state);
}

/** As plain state. */
export function writeTrainingState(training: TrainingState): State {
  return training;
}

/** A training that is to be gone on with. */
export interface Resumption {
  readonly training: TrainingState;
  /** Gives every part of the strategy its state once more. */
  readonly loadAgain: () => void;
}

/** Whether a training was one of this experience. */
export function isOf({ experience: { stream, index } }: TrainingState, { originStream, currentExperience }: AnyExperience): boolean {
  return originStream.name === stream && currentExperience === index;
}

/** Stages at which a checkpoint may be taken: an experience is under way, and all that prepares it has been done. */
const keepable: readonly Place['stage'][] = ['beforeTrainingEpoch', 'iteration', 'afterTrainingEpoch', 'afterTrainingExp', 'afterTraining'];

/** Whether a checkpoint may be taken there. */
export function canBeKept({ stage }: Place): boolean {
  return keepable.includes(stage);
}
