import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { noProgressDisplay, type ProgressDisplay } from '../../progress-display';
import { fetchedFolder, fetchedRoot } from '../cache-folder.js';
import { inspectLibtorchFolder } from '../libtorch-folder.js';
import { sizeOf } from './download';
import { FetchError } from './failure';
import { withLock } from './lock';
import { cpuPlatformOf, type Platform, platformOf } from './platform';
import { fetchWheels, type WheelOptions } from './wheels';
import { unpackWheel } from './wheel-contents';

/** Where a build comes to, and what is told meanwhile. */
export interface PlaceOptions {
  /** A folder that can be written. */
  cache: string;
  progress?: ProgressDisplay;
  /** Called once where another process fetches the same build, before that is waited for. */
  onWait?: () => void;
  /** Ends the work; what has arrived is kept. */
  signal?: AbortSignal;
}

export interface BuildOptions extends PlaceOptions, WheelOptions {
  /** The folder of an index that holds `torch/`. */
  index: URL;
  platform?: Platform;
}

/** The CPU's is built against, and so has headers; it gets along without NVIDIA. */
const isForBuilding = (variant: string): boolean => variant === 'cpu';

/** Whether a build is there: it gets its name when all of it is. */
export function isWhole(cache: string, variant: string): boolean {
  return whyUnfit(fetchedRoot(cache, variant), variant) === null;
}

function whyUnfit(root: string, variant: string): string | null {
  const headers = isForBuilding(variant);
  const { cuda, faults } = inspectLibtorchFolder(root, { headers });
  if (faults.length > 0) return `it ${faults.join('; ')}`;
  if (headers) return cuda === null ? null : 'it is a CUDA build, which cannot load without the libraries of NVIDIA';
  return cuda === null ? 'it is a CPU build' : null;
}

/**
 * Fetches PyTorch's own build for the CPU ("cpu") or for a CUDA ("cu126") into a cache folder; nothing where it is there.
 * @returns its root
 * @throws FetchError, or an error of the file system
 */
export function fetchBuild(variant: string, options: BuildOptions): Promise<string> {
  const platform = options.platform ?? (variant === 'cpu' ? cpuPlatformOf() : platformOf());
  return placeBuild(variant, options, (aside) => fetchWheels(variant, { ...options, platform, aside }));
}

/**
 * Puts a build together from wheels, one process at a time. All that arrives lies in a folder aside until the end; what an
 * interrupted run has left there is used.
 * @param wheelsInto brings the wheels into that folder, and names them; what is of use but once goes to `scratch`
 * @returns its root
 */
export function placeBuild(
  variant: string,
  { cache, progress = noProgressDisplay, onWait = () => {}, signal }: PlaceOptions,
  wheelsInto: (aside: string, scratch: string) => Promise<string[]>,
): Promise<string> {
  const folder = fetchedFolder(cache, variant);
  const aside = `${folder}.partial`;
  return withLock(folder, { onWait, signal }, async () => {
    if (isWhole(cache, variant)) return fetchedRoot(cache, variant);
    const scratch = path.join(aside, 'scratch');
    const unpacked = path.join(scratch, 'unpacked');
    await rm(scratch, { recursive: true, force: true });
    await mkdir(scratch, { recursive: true });
    try {
      const wheels = await wheelsInto(aside, scratch);
      try {
        await unpackAll(wheels, unpacked, isForBuilding(variant), progress, signal);
        const why = whyUnfit(path.join(unpacked, 'torch'), variant);
        if (why !== null) throw new FetchError(`what has arrived is no PyTorch that can be used: ${why}`);
      } catch (error) {
        // What is of no use once will be of none the next time.
        if (error instanceof FetchError) await rm(aside, { recursive: true, force: true });
        throw error;
      }
      await rm(folder, { recursive: true, force: true });
      await rename(unpacked, folder);
      await rm(aside, { recursive: true, force: true });
    } finally {
      await rm(scratch, { recursive: true, force: true });
      await rmdir(aside).catch(() => undefined); // It is empty where nothing has arrived.
    }
    return fetchedRoot(cache, variant);
  });
}

async function unpackAll(
  wheels: readonly string[],
  folder: string,
  headers: boolean,
  progress: ProgressDisplay,
  signal?: AbortSignal,
): Promise<void> {
  let written = 0;
  const total = (await Promise.all(wheels.map(sizeOf))).reduce((sum, size) => sum + size, 0);
  let begun = 0;
  for (const wheel of wheels) {
    const onBytes = (bytes: number) => {
      written += bytes;
      progress.update(begun / total, `unpacking, ${Math.round(written / 1e6)} MB`, `unpacking ${path.basename(wheel)}`);
    };
    await unpackWheel(wheel, folder, { headers, onBytes, signal });
    begun += await sizeOf(wheel);
  }
}
