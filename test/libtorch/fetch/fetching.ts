// What the tests of the fetching of a CUDA build share.
import assert from 'node:assert/strict';
import { after, before } from 'mocha';
import { type BuildOptions, fetchBuild } from '../../../lib/libtorch/fetch/build';
import { FetchError } from '../../../lib/libtorch/fetch/failure';
import { platformOf } from '../../../lib/libtorch/fetch/platform';
import type { WheelIndex } from './wheel-index';

export const linux = platformOf('linux');
export const folderName = 'libtorch-2.13.0-cu126';

export function fetchFrom(index: WheelIndex, cache: string, options: Partial<BuildOptions> = {}): Promise<string> {
  return fetchBuild('cu126', { index: index.url, cache, platform: linux, waitsMs: [0, 0], ...options });
}

export const rejectsWith = (promise: Promise<unknown>, ...patterns: RegExp[]): Promise<void> =>
  assert.rejects(promise, (error: Error) => {
    assert.ok(error instanceof FetchError, error.stack);
    for (const pattern of patterns) assert.match(error.message, pattern);
    return true;
  });

/** For the surrounding suite: this machine's own proxy does not know the indexes of the tests. */
export function ignoreProxies(): void {
  const proxies = Object.entries(process.env).filter(([name]) => /_proxy$/i.test(name));
  before(() => proxies.forEach(([name]) => delete process.env[name]));
  after(() => void Object.assign(process.env, Object.fromEntries(proxies)));
}
