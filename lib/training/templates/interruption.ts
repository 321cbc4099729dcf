import { ContinualTorchError } from '../../errors';
import { pluginName } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';
import { callUser } from '../../user-function';
import type { Place } from './place';

/** @internal A plugin that is told when a call is about to end because a signal was aborted. */
export interface Interruptible {
  /**
   * Nothing of the strategy is at work meanwhile, and all that it has is as it is at the place.
   * @param place null where the call ends inside of something that cannot be gone on with: an iteration, or an evaluation or `updateImportance` that is a call of its own
   * @returns how to go on, for the message of the error
   */
  onInterruption(strategy: object, place: Place | null): string | void | Promise<string | void>;
}

/** Tells every plugin that wants to know; what one has failed with is part of the answers, the call is aborted in any case. */
export async function tellOfInterruption(strategy: object, plugins: readonly Plugin[], place: Place | null): Promise<string[]> {
  const ways: string[] = [];
  for (const plugin of [...plugins] as (Plugin & Partial<Interruptible>)[]) {
    if (typeof plugin.onInterruption !== 'function') continue;
    try {
      const what = `onInterruption of ${pluginName(plugin)} failed`;
      const way = await callUser('ERR_HOOK', what, () => plugin.onInterruption!(strategy, place));
      if (typeof way === 'string') ways.push(way);
    } catch (error) {
      ways.push((error as ContinualTorchError).message);
    }
  }
  return ways;
}
