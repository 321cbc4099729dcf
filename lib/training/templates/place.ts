import type { HookName } from '../../hooks/hook-names';
import { pluginName } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';

/** What the training of an experience consists of, outside of its iterations, in this order; epochs repeat. */
export const stages = [
  'beforeTraining',
  'beforeTrainDatasetAdaptation',
  'afterTrainDatasetAdaptation',
  'beforeTrainingExp',
  'beforeTrainingEpoch',
  'iteration',
  'afterTrainingEpoch',
  'afterTrainingExp',
  'afterTraining',
] as const satisfies readonly (HookName | 'iteration')[];

/** A hook outside of iterations, or an iteration. */
export type Stage = (typeof stages)[number];

/** Where the training of an experience stands, between two things that it does: all that comes before has been done, nothing else. */
export interface Place {
  /** What comes next. */
  readonly stage: Stage;
  /** Whose hook comes next, by its index in `strategy.plugins`; 0 before an iteration. */
  readonly plugin: number;
  /** The epoch of the experience, from 0: those before it are done. */
  readonly epoch: number;
  /** Iterations of the epoch that are done. */
  readonly iteration: number;
}

/** Whether it is called outside of iterations, while an experience is trained. */
export function isStage(hook: HookName): hook is Exclude<Stage, 'iteration'> {
  return (stages as readonly string[]).includes(hook);
}

/** The place before a hook of a plugin. */
export function placeBefore(stage: Stage, plugin: number, { epoch, iteration }: Pick<Place, 'epoch' | 'iteration'>): Place {
  const hasBegun = stages.indexOf(stage) >= stages.indexOf('beforeTrainingEpoch');
  return hasBegun ? { stage, plugin, epoch, iteration } : { stage, plugin, epoch: 0, iteration: 0 };
}

/** "iteration 12 of epoch 0", "afterTrainingExp of MASPlugin": what comes next. */
export function describePlace({ stage, plugin, epoch, iteration }: Place, plugins: readonly Plugin[]): string {
  if (stage === 'iteration') return `iteration ${iteration} of epoch ${epoch}`;
  const next = plugins[plugin];
  return next ? `${stage} of ${pluginName(next)}` : `the end of ${stage}`;
}
