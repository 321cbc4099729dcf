import { createRequire } from 'node:module';
import path from 'node:path';
import { ContinualTorchError } from '../errors';
import type { NativeAddon } from './types';

/** `lib/` and `dist/` lie at the same depth below the package's root. */
const packageRoot = path.resolve(__dirname, '..', '..');

/** CONTINUAL_TORCH_ADDON names the folder of another build: the fuzzer's, with sanitizers. */
function load(): NativeAddon {
  const folder = process.env['CONTINUAL_TORCH_ADDON'] ?? path.join(packageRoot, 'build', 'Release');
  const file = path.join(folder, 'continual_torch.node');
  try {
    const addon = createRequire(__filename)(file) as NativeAddon;
    addon.setErrorClass(ContinualTorchError);
    process.once('exit', () => addon.stop());
    return addon;
  } catch (cause) {
    throw new ContinualTorchError(
      'ERR_ADDON',
      `continual-torch: cannot load the native addon ${file}: ${(cause as Error).message}\n` +
        'Build it with `npm run setup`; `npm run doctor` shows which libtorch was found and why.',
      { cause },
    );
  }
}

/** The one door to C++. */
export const native = load();

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
