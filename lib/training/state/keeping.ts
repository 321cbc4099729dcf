import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { outsideCalls } from '../../calls-around';
import { differences } from '../../checkpoint/manifest';
import { folderName, type ReadCheckpoint } from '../../checkpoint/checkpoint-folder';
import { ContinualTorchError } from '../../errors';
import type { KeptStrategy } from '../../hooks/strategy';
import { boolean, parseOptions } from '../../options';
import { copiedState, type State } from '../../state';
import { hooksAround } from '../templates/hook-call';
import { checkpointsOf } from './checkpoints';
import { aboutSchema, differencesOfSettings } from './about';
import { differencesOfStrategy } from './strategy-state';
import { readTrainingState, type Resumption } from './training-state';

/** What has been loaded, and where it goes on. */
export interface LoadedCheckpoint {
  /** Of the checkpoint's folder. */
  path: string;
  /** Counts the checkpoints of a folder. */
  number: number;
  /** When it was made. */
  time: Date;
  /** The experience in which it was taken; null where it was taken between two. */
  experience: {
    /** Name of its stream. */
    stream: string;
    /** Index in the stream. */
    index: number;
  } | null;
  /** What comes next in it: "iteration 12 of epoch 0". */
  next: string | null;
}

const loadSchema = z.object({ optional: boolean.default(false) });

/** How many checkpoints `save` leaves in a folder. */
const kept = 2;

/** @internal What `strategy.save` does. */
export async function save(strategy: KeptStrategy, folder: string): Promise<string> {
  folderName('save', folder);
  const checkpoints = checkpointsOf(strategy);
  await checkpoints.settled();
  const take = async () => {
    const checkpoint = strategy.checkpoint();
    if (!checkpoint) return null;
    const snapshot = await checkpoints.take(checkpoint.state, checkpoint.about);
    // A promise in an object, so that nobody waits for it here.
    return { path: checkpoints.write(folder, snapshot, (numbers) => numbers.slice(-kept)) };
  };
  const isInHook = hooksAround().some((hook) => hook.strategy === strategy);
  // What a hook has begun and left alone, a timer for example, waits for a safe point as anybody else.
  const ask = () => (isInHook ? strategy.safePoints.ask(take) : outsideCalls(() => strategy.safePoints.ask(take)));
  let writing = await ask();
  while (!writing) {
    if (isInHook) throw notHere();
    await nextTurn();
    writing = await ask();
  }
  try {
    return await writing.path;
  } finally {
    checkpoints.release();
  }
}

function notHere(): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_CALL_ORDER',
    'save: expected to be called outside of train and eval, or in the hooks beforeTrainingEpoch, afterTrainingEpoch, afterTrainingExp ' +
      'or afterTraining; in an iteration leave it to a CheckpointPlugin({ everyIterations }), or do not wait for it here',
  );
}

/** @internal What `strategy.load` is to load. @returns null where there is nothing */
export async function readCheckpoint(
  strategy: KeptStrategy,
  folder: string,
  options: { optional?: boolean } | undefined,
): Promise<ReadCheckpoint | null> {
  folderName('load', folder);
  const { optional } = parseOptions('load', loadSchema, options);
  return checkpointsOf(strategy)
    .read(folder)
    .catch((error: unknown) => {
      if (optional && error instanceof ContinualTorchError && error.code === 'ERR_CHECKPOINT_NOT_FOUND') return null;
      throw error;
    });
}

/** @internal Gives an idle strategy what has been read. @throws ERR_CHECKPOINT_FORMAT, ERR_CHECKPOINT_MISMATCH, and what a part throws: its state is then as it was */
export function loadCheckpoint(strategy: KeptStrategy, checkpoint: ReadCheckpoint): { loaded: LoadedCheckpoint; resumption: Resumption | null } {
  const { path, manifest, state, goOn } = checkpoint;
  const about = aboutSchema.safeParse(manifest.about);
  if (!about.success) throw new ContinualTorchError('ERR_CHECKPOINT_FORMAT', `load: "${path}" does not say what it is of`);
  const { training, ...parts } = state as { training: State; [part: string]: State };
  const others = differencesOfStrategy(strategy, parts);
  if (others.length > 0) {
    throw new ContinualTorchError('ERR_CHECKPOINT_MISMATCH', `load: "${path}" is of another strategy: ${others.join('; ')}`);
  }
  const changed = [...differences(manifest.surroundings), ...differencesOfSettings(strategy, about.data)];
  const loadAgain = () => strategy.loadStateDict(parts);
  const resumption = training === null ? null : { training: readTrainingState(training), loadAgain };
  const before = copiedState(strategy.stateDict());
  try {
    // A part may keep what it is given, and change it: there is to be another for the second time.
    strategy.loadStateDict(training === null ? parts : copiedState(parts));
  } catch (error) {
    strategy.loadStateDict(before);
    throw error;
  }
  goOn();
  if (changed.length > 0) {
    process.emitWarning(`load: the run goes on under other circumstances, and its numbers may differ: ${changed.join('; ')}.`, 'ContinualTorchWarning');
  }
  const { experience, next } = about.data;
  return { loaded: { path, number: manifest.number, time: new Date(manifest.time), experience, next }, resumption };
}
