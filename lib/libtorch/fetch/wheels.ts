import { statfsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { noProgressDisplay, type ProgressDisplay } from '../../progress-display';
import { download, sizeOf } from './download';
import { Dropped, FetchError, NoRoom } from './failure';
import type { Wheel } from './index-page';
import type { Platform } from './platform';
import { planWheels } from './plan';
import { Web } from './web';
import { readMetadata } from './wheel-contents';

/** How patient the fetching is, and where it measures room. */
export interface WheelOptions {
  silentMs?: number;
  waitsMs?: readonly number[];
  statfs?: StatFs;
}

export type StatFs = (folder: string) => { bavail: number; bsize: number };

interface FetchOptions extends WheelOptions {
  index: URL;
  platform: Platform;
  cache: string;
  /** The folder that the wheels arrive in. */
  aside: string;
  progress?: ProgressDisplay;
  signal?: AbortSignal;
}

/** What the files of a wheel take, as a multiple of the wheel: libraries; libraries and headers. */
const unpackedShare = { cuda: 1.8, cpu: 3 };
/** Asked for where an index does not tell how large its files are. */
const neededAtLeast = { cuda: 9e9, cpu: 1.5e9 };
/**
 * CPU wheels of the tested version take 80 to 200 MB on every platform, CUDA wheels for Linux 500 to 900 MB. Looking at the
 * size spares the download of a build that would be refused after it.
 */
export const largestCpuWheel = 400e6;
const megabyte = 1e6;

const kindOf = (variant: string) => (variant === 'cpu' ? 'cpu' : 'cuda');

/** The wheels that make up a build, fetched into the folder aside. */
export async function fetchWheels(variant: string, options: FetchOptions): Promise<string[]> {
  const { index, platform, cache, aside, silentMs, waitsMs, statfs, signal, progress = noProgressDisplay } = options;
  const kind = kindOf(variant);
  // Every CPU wheel is about as large, so that nobody need be asked.
  if (kind === 'cpu') requireRoom(cache, neededAtLeast.cpu, statfs);
  progress.update(0, `asking ${index.host}`);
  const web = new Web(index, { silentMs, signal });
  const fileOf = (wheel: Wheel) => path.join(aside, wheel.file);
  const fetchAll = async (wheels: readonly Wheel[]) => {
    const sizes = await Promise.all(wheels.map((wheel) => announcedSize(web, wheel)));
    if (kind === 'cpu') refuseLarge(sizes);
    const arrived = await Promise.all(wheels.map((wheel) => arrivedOf(fileOf(wheel))));
    const room = sizes.reduce<number>((sum, size, i) => sum + Math.max(0, (size ?? 0) - arrived[i]!) + unpackedShare[kind] * (size ?? 0), 0);
    requireRoom(cache, sizes.includes(null) ? Math.max(room, neededAtLeast[kind]) : room, statfs);
    const total = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
    let before = 0;
    for (const wheel of wheels) {
      const onBytes = (bytes: number) => report(progress, before + bytes, total);
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
    const wheels = await planWheels(web, index, variant, platform, metadataOf);
    await fetchAll(wheels);
    return wheels.map(fileOf);
  } finally {
    await web.close();
  }
}

function sha256Of({ file, sha256 }: Wheel): string {
  if (sha256 !== null) return sha256;
  throw new FetchError(`the index gives no SHA-256 for ${file}, so that nobody could tell whether it arrives whole.`);
}

/** Null where the server does not tell: the download itself then says why, and goes on after a failure. */
async function announcedSize(web: Web, { url }: Wheel): Promise<number | null> {
  try {
    const { ok, headers } = await web.request(url, {}, 'HEAD');
    return ok && headers.has('content-length') ? Number(headers.get('content-length')) : null;
  } catch (error) {
    if (error instanceof Dropped) return null;
    throw error;
  }
}

const arrivedOf = async (file: string): Promise<number> => Math.max(await sizeOf(file), await sizeOf(`${file}.part`));

function refuseLarge(sizes: readonly (number | null)[]): void {
  const size = sizes.find((each) => each !== null && each > largestCpuWheel);
  if (size) throw new FetchError(`the wheel there is a CUDA build (${(size / megabyte).toFixed(1)} MB)`);
}

/** @throws NoRoom */
export function requireRoom(cache: string, needed: number = neededAtLeast.cpu, statfs: StatFs = statfsSync): void {
  const { bavail, bsize } = statfs(cache);
  const free = bavail * bsize;
  if (free >= needed) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new NoRoom(`too little room in ${cache}: ${gigabytes(needed)} are needed, ${gigabytes(free)} are free.`);
}

function report(progress: ProgressDisplay, bytes: number, total: number): void {
  if (total > 0 && total < megabyte) return; // A file that only says what belongs together.
  const fraction = total === 0 ? 0 : Math.min(1, bytes / total);
  const ofTotal = total === 0 ? '' : ` of ${Math.round(total / megabyte)}`;
  const text = `fetching, ${Math.round(bytes / megabyte)}${ofTotal} MB`;
  progress.update(fraction, text, Math.floor(fraction * 20));
}
