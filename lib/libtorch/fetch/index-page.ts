import { setTimeout as sleep } from 'node:timers/promises';
import { valid } from '@renovatebot/pep440';
import { Parser } from 'htmlparser2';
import { Dropped, FetchError, mayPass } from './failure';
import { describeNetworkError, isConnectTimeout, type Web, withoutCredentials } from './web';

/** A wheel that an index offers. */
export interface Wheel {
  /** The name of the file. */
  file: string;
  version: string;
  /** `manylinux_2_28_x86_64`, `win_amd64`, `any`, ...; a wheel may be for several. */
  platformTags: string[];
  url: URL;
  /** Null where the index does not tell. */
  sha256: string | null;
  /** The same of its metadata, which the index offers as a file of its own; null where it does not. */
  metadataSha256: string | null;
}

/** An answer of an index that is none: it lacks the page. */
export class NoSuchPage extends FetchError {}

/** Before a page that did not arrive is asked for once more. */
const waitMs = 1_000;

/**
 * The wheels on an index's page of one project (the HTML form of Python's simple repository API).
 * @param index the folder that holds the projects' folders
 * @throws NoSuchPage, FetchError
 */
export async function readIndexPage(web: Web, index: URL, project: string): Promise<Wheel[]> {
  const folder = new URL(index);
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  const page = new URL(`${project}/`, folder);
  try {
    return await readPage(web, page);
  } catch (error) {
    // Who waited long for a connection need not wait as long again.
    if (!(error instanceof Dropped) || isConnectTimeout(error)) throw error;
  }
  await sleep(waitMs, undefined, { signal: web.signal });
  return readPage(web, page);
}

async function readPage(web: Web, page: URL): Promise<Wheel[]> {
  const response = await web.request(page, { accept: 'text/html' });
  if (!response.ok) {
    await response.body?.cancel();
    const message = `${withoutCredentials(page)} answers ${response.status}`;
    if (mayPass(response.status)) throw new Dropped(message);
    // PyTorch's own server says 403 of what it does not have.
    throw [403, 404].includes(response.status) ? new NoSuchPage(message) : new FetchError(message);
  }
  let html: string;
  try {
    html = await response.text();
  } catch (error) {
    web.signal?.throwIfAborted();
    throw new Dropped(`cannot read ${withoutCredentials(page)}: ${describeNetworkError(error)}`, { cause: error });
  }
  return parseIndexPage(html, new URL(response.url));
}

/** The wheels that a page links to; `base` is where the page lies. */
export function parseIndexPage(html: string, base: URL): Wheel[] {
  const wheels: Wheel[] = [];
  const parser = new Parser({
    onopentag(name, attributes) {
      const { href } = attributes;
      if (href === undefined || !URL.canParse(href, base.href)) return;
      const url = new URL(href, base);
      if (name === 'base') base = url;
      if (name !== 'a' || !/^https?:$/.test(url.protocol)) return;
      const wheel = wheelName(url);
      if (wheel === null) return;
      // The newer name of the attribute, and the one that PyTorch's index had first.
      const metadata = attributes['data-core-metadata'] ?? attributes['data-dist-info-metadata'];
      wheels.push({ ...wheel, url, sha256: sha256In(url.hash.slice(1)), metadataSha256: sha256In(metadata) });
    },
  });
  parser.end(html);
  return wheels;
}

/** What `torch-2.13.0+cu126-cp312-cp312-manylinux_2_28_x86_64.whl` says; a build number may follow the version. */
function wheelName(url: URL): Pick<Wheel, 'file' | 'version' | 'platformTags'> | null {
  const last = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  let file: string;
  try {
    file = decodeURIComponent(last);
  } catch {
    return null;
  }
  // It becomes the name of a file here.
  if (!/^[\w.+-]+\.whl$/.test(file)) return null;
  const parts = file.slice(0, -'.whl'.length).split('-');
  if ((parts.length !== 5 && parts.length !== 6) || valid(parts[1]) === null) return null;
  return { file, version: parts[1]!, platformTags: parts.at(-1)!.split('.') };
}

function sha256In(text: string | undefined): string | null {
  return /(?:^|&)sha256=([0-9a-f]{64})(?:$|&)/i.exec(text ?? '')?.[1]!.toLowerCase() ?? null;
}
