import { statfsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { lock, type LockOptions } from 'proper-lockfile';
import { noProgressDisplay, type ProgressDisplay } from '../../progress-display';
import { inspectLibtorchFolder, TESTED_VERSION } from '../libtorch-folder.js';
import { download, sizeOf } from './download';
import { FetchError } from './failure';
import type { Wheel } from './index-page';
import { type Platform, platformOf } from './platform';
import { planWheels } from './plan';
import { Web } from './web';
import { readMetadata, unpackWheel } from './wheel-contents';

export interface CudaBuildOptions {
  /** The folder of an index that holds `torch/`. */
  index: URL;
  /** A folder that can be written. */
  cache: string;
  platform?: Platform;
  progress?: ProgressDisplay;
  /** Called once where another process fetches the same build, before that is waited for. */
  onWait?: () => void;
  silentMs?: number;
  waitsMs?: readonly number[];
  statfs?: (folder: string) => { bavail: number; bsize: number };
}

/** The libraries take about one and a half times what their wheels do. */
const unpackedShare = 1.8;
/** Asked for where an index does not tell how large its files are. */
const neededAtLeast = 9e9;
const megabyte = 1e6;

/** Where PyTorch for a CUDA lies in a cache folder: `torch`, with `nvidia` beside it, as its run paths want it. */
export function cudaBuildRoot(cache: string, cuda: string): string {
  return path.join(cache, `libtorch-${TESTED_VERSION}-${cuda}`, 'torch');
}

/** Whether it is there: it gets its name when all of it is. */
export function isWhole(root: string): boolean {
  const { cuda, faults } = inspectLibtorchFolder(root);
  return cuda !== null && faults.length === 0;
}

/**
 * Fetches PyTorch's own build for a CUDA ("cu126") into a cache folder; nothing where it is there. All that arrives lies in
 * a folder aside until the end; what an interrupted run has left there is used.
 * @returns its root
 * @throws FetchError, or an error of the file system
 */
export function fetchCudaBuild(cuda: string, options: CudaBuildOptions): Promise<string> {
  const root = cudaBuildRoot(options.cache, cuda);
  const platform = options.platform ?? platformOf();
  const aside = `${path.dirname(root)}.partial`;
  return withLock(path.dirname(root), options.onWait ?? (() => {}), async () => {
    if (isWhole(root)) return root;
    const unpacked = path.join(aside, 'unpacked');
    await mkdir(aside, { recursive: true });
    const files = await fetchWheels(cuda, platform, aside, options);
    await rm(unpacked, { recursive: true, force: true });
    await unpackAll(files, unpacked, options.progress ?? noProgressDisplay);
    const { faults } = inspectLibtorchFolder(path.join(unpacked, 'torch'));
    if (faults.length > 0) throw new FetchError(`what has arrived is no PyTorch that can be used: it ${faults.join('; ')}`);
    await rm(path.dirname(root), { recursive: true, force: true });
    await rename(unpacked, path.dirname(root));
    await rm(aside, { recursive: true, force: true });
    return root;
  });
}

async function fetchWheels(cuda: string, platform: Platform, aside: string, options: CudaBuildOptions): Promise<string[]> {
  const { index, silentMs, waitsMs, progress = noProgressDisplay } = options;
  progress.update(0, `asking ${index.host}`);
  const web = new Web(index, silentMs);
  const fileOf = (wheel: Wheel) => path.join(aside, wheel.file);
  const fetchAll = async (wheels: readonly Wheel[]) => {
    const sizes = await Promise.all(wheels.map((wheel) => announcedSize(web, wheel)));
    await checkRoom(wheels.map(fileOf), sizes, options);
    const total = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    let before = 0;
    for (const wheel of wheels) {
      const onBytes = (bytes: number) => report(progress, 'fetching', before + bytes, total);
      await download(web, wheel.url, sha256Of(wheel), fileOf(wheel), { onBytes, waitsMs });
      before += await sizeOf(fileOf(wheel));
    }
  };
  const metadataOf = async (wheel: Wheel) => {
    if (wheel.metadataSha256 !== null) {
      const url = new URL(wheel.url);
      url.pathname += '.metadata';
      try {
        await download(web, url, wheel.metadataSha256, `${fileOf(wheel)}.metadata`, { waitsMs });
        return await readFile(`${fileOf(wheel)}.metadata`, 'utf8');
      } catch (error) {
        // A mirror may have the page and the wheels alone.
        if (!(error instanceof FetchError)) throw error;
      }
    }
    await fetchAll([wheel]);
    return readMetadata(fileOf(wheel));
  };
  try {
    const wheels = await planWheels(web, index, cuda, platform, metadataOf);
    await fetchAll(wheels);
    return wheels.map(fileOf);
  } finally {
    await web.close();
    await rmdir(aside).catch(() => undefined); // It is empty where nothing has arrived.
  }
}

function sha256Of({ file, sha256 }: Wheel): string {
  if (sha256 !== null) return sha256;
  throw new FetchError(`the index gives no SHA-256 for ${file}, so that nobody could tell whether it arrives whole.`);
}

async function announcedSize(web: Web, { url }: Wheel): Promise<number | null> {
  const { ok, headers } = await web.request(url, {}, 'HEAD');
  return ok && headers.has('content-length') ? Number(headers.get('content-length')) : null;
}

async function checkRoom(files: string[], sizes: (number | null)[], options: CudaBuildOptions): Promise<void> {
  const { cache, statfs = statfsSync } = options;
  let needed = 0;
  for (const [i, file] of files.entries()) {
    const size = sizes[i] ?? 0;
    const arrived = Math.max(await sizeOf(file), await sizeOf(`${file}.part`));
    needed += Math.max(0, size - arrived) + unpackedShare * size;
  }
  if (sizes.includes(null)) needed = Math.max(needed, neededAtLeast);
  const { bavail, bsize } = statfs(cache);
  const free = bavail * bsize;
  if (free >= needed) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new FetchError(`too little room in ${cache}: ${gigabytes(needed)} are needed, ${gigabytes(free)} are free.`);
}

async function unpackAll(wheels: readonly string[], folder: string, progress: ProgressDisplay): Promise<void> {
  let written = 0;
  const total = (await Promise.all(wheels.map(sizeOf))).reduce((sum, size) => sum + size, 0);
  let begun = 0;
  for (const wheel of wheels) {
    await unpackWheel(wheel, folder, (bytes) => {
      written += bytes;
      const text = `unpacking, ${Math.round(written / megabyte)} MB`;
      progress.update(begun / total, text, `unpacking ${path.basename(wheel)}`);
    });
    begun += await sizeOf(wheel);
  }
}

function report(progress: ProgressDisplay, doing: string, bytes: number, total: number): void {
  if (total > 0 && total < megabyte) return; // A file that only says what belongs together.
  const fraction = total === 0 ? 0 : Math.min(1, bytes / total);
  const ofTotal = total === 0 ? '' : ` of ${Math.round(total / megabyte)}`;
  const text = `${doing}, ${Math.round(bytes / megabyte)}${ofTotal} MB`;
  progress.update(fraction, text, Math.floor(fraction * 20));
}

/** One process at a time; a lock whose owner was killed is taken over after ten seconds. */
async function withLock<T>(folder: string, onWait: () => void, work: () => Promise<T>): Promise<T> {
  const options: LockOptions = {
    realpath: false,
    lockfilePath: `${folder}.lock`,
    onCompromised: ({ message }) => {
      process.stderr.write(`${folder}.lock was taken by another process: ${message}\n`);
      process.exit(1);
    },
  };
  const release = await lock(folder, options).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ELOCKED') throw error;
    onWait();
    return lock(folder, { ...options, retries: { forever: true, factor: 1, minTimeout: 500 } });
  });
  try {
    return await work();
  } finally {
    await release();
  }
}
