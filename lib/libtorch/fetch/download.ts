import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'undici';
import { Dropped, FetchError, mayPass } from './failure';
import { describeNetworkError, type Web, withoutCredentials } from './web';

/** How long to wait after each failure in a row; a try that came further than all before begins the row anew. */
const defaultWaitsMs = [1_000, 2_000, 4_000, 8_000, 16_000];

export interface DownloadOptions {
  /** Told how many bytes of the file are there. */
  onBytes?: (bytes: number) => void;
  waitsMs?: readonly number[];
}

/**
 * Fetches a file that has this SHA-256. What has arrived lies in `path`.part until all of it is there, and is gone on with
 * after a dropped connection or in another process.
 * @throws FetchError
 */
export async function download(
  web: Web,
  url: URL,
  sha256: string,
  path: string,
  { onBytes = () => {}, waitsMs = defaultWaitsMs }: DownloadOptions = {},
): Promise<void> {
  // An index may have got another file of the same name since.
  if ((await sizeOf(path)) > 0 && (await sha256Of(path)) === sha256) return onBytes(await sizeOf(path));
  const part = `${path}.part`;
  let most = await sizeOf(part);
  for (let failures = 0; ; ) {
    try {
      await fetchRest(web, url, part, onBytes);
      break;
    } catch (error) {
      if (!(error instanceof Dropped)) throw error;
      const arrived = await sizeOf(part);
      // Where a server does not know ranges, every try begins anew.
      if (arrived > most) failures = 0;
      most = Math.max(most, arrived);
      if (failures === waitsMs.length) {
        throw new FetchError(`${error.message} (tried ${failures + 1} times). What has arrived is kept.`, { cause: error });
      }
      await sleep(waitsMs[failures++], undefined, { signal: web.signal });
    }
  }
  const actual = await sha256Of(part);
  if (actual !== sha256) {
    await forget(part);
    throw new FetchError(
      `${withoutCredentials(url)} is not what the index promises: expected SHA-256 ${sha256}, got ${actual}. ` +
        'The file has been deleted; the same command fetches it anew.',
    );
  }
  await rename(part, path);
  await forget(part);
}

/** How many bytes a file has, 0 where there is none. */
export async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => null))?.size ?? 0;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 2 ** 20 }), hash);
  return hash.digest('hex');
}

async function forget(part: string): Promise<void> {
  for (const path of [part, validatorOf(part)]) await rm(path, { force: true });
}

/** Beside a part lies what its server said of the whole, so that parts of two files are never joined. */
const validatorOf = (part: string) => `${part}.validator`;

/** One request for what is missing. */
async function fetchRest(web: Web, url: URL, part: string, onBytes: (bytes: number) => void): Promise<void> {
  const have = await sizeOf(part);
  const validator = await readFile(validatorOf(part), 'utf8').catch(() => '');
  const range = { range: `bytes=${have}-`, ...(validator === '' ? {} : { 'if-range': validator }) };
  const response = await web.request(url, have > 0 ? range : {});
  const { status } = response;
  if (status === 206 && firstByte(response) === have) {
    await append(web, response, part, 'a', have, onBytes);
    return;
  }
  if (status === 200) {
    await writeFile(validatorOf(part), validatorIn(response));
    await append(web, response, part, 'w', 0, onBytes);
    return;
  }
  await response.body?.cancel();
  const said = `${withoutCredentials(url)} answers ${status}`;
  if (status === 416 && response.headers.get('content-range') === `bytes */${have}`) return; // It was all there.
  if (status === 416 || status === 206) {
    await forget(part);
    throw new Dropped(`${said} to a request for the rest`);
  }
  if (mayPass(status)) throw new Dropped(said);
  throw new FetchError(said);
}

async function append(
  web: Web,
  response: Response,
  part: string,
  flags: 'a' | 'w',
  have: number,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const file = await open(part, flags);
  try {
    onBytes(have);
    for await (const chunk of response.body ?? []) {
      const bytes = chunk as Uint8Array;
      await file.appendFile(bytes);
      onBytes((have += bytes.length));
    }
  } catch (error) {
    web.signal?.throwIfAborted();
    // What the stream throws is a TypeError, what the file throws is none.
    if (!(error instanceof TypeError)) throw error;
    const { host } = new URL(response.url);
    throw new Dropped(`${host} did not send all of ${part.slice(0, -'.part'.length)}: ${describeNetworkError(error)}`);
  } finally {
    await file.close();
  }
}

function firstByte(response: Response): number {
  return Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]);
}

/** What `If-Range` takes: a weak ETag does not promise the same bytes. */
function validatorIn({ headers }: Response): string {
  const etag = headers.get('etag');
  return (etag?.startsWith('"') ? etag : headers.get('last-modified')) ?? '';
}
