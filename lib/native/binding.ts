import { ContinualTorchError } from '../errors';
import { type Loaded, loadAddon } from '../libtorch/load';
import { requireSwitches } from './switches';
import type { NativeAddon } from './types';

function load(): Loaded<NativeAddon> {
  requireSwitches(process.env);
  const loaded = loadAddon() as Loaded<NativeAddon>;
  loaded.addon.setErrorClass(ContinualTorchError);
  process.once('exit', () => loaded.addon.stop());
  return loaded;
}

/** Where the addon came from. */
export const loaded = load();

/** The one door to C++. */
export const native: NativeAddon = loaded.addon;

/** Awaits a job of the compute thread; its error gets the stack of the line that waits for it. */
export async function job<T>(promise: Promise<T>): Promise<T> {
  try {
    const result = await promise;
    const error = (result as { error?: unknown } | null)?.error;
    if (error instanceof Error) Error.captureStackTrace(error, job);
    return result;
  } catch (error) {
    if (error instanceof Error) Error.captureStackTrace(error, job);
    throw error;
  }
}
