// Where the set-up keeps the libtorch that it fetches: the user's cache folder, so that other checkouts share it.
import { accessSync, constants, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { TESTED_VERSION } from './libtorch-folder.mjs';

const COPY_NAME = `libtorch-${TESTED_VERSION}-cpu`;

function userCache(env, platform, home) {
  if (platform === 'win32') return env.LOCALAPPDATA || (home && join(home, 'AppData', 'Local'));
  if (platform === 'darwin') return home && join(home, 'Library', 'Caches');
  // A relative XDG_CACHE_HOME is to be ignored, says its specification.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return env.XDG_CACHE_HOME;
  return home && join(home, '.cache');
}

function homeOf(env, platform) {
  if (platform !== 'win32' && env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return null;
  }
}

/** The folders that may hold our copy, the best first: the user's cache, then (a user without a home) this package. */
export function cacheFolders({ root, env = process.env, platform = process.platform, home = homeOf(env, platform) }) {
  const user = userCache(env, platform, home);
  return [user && join(user, 'continual-torch'), join(root, '.cache', 'continual-torch')].filter(Boolean);
}

/** The folder of our copy inside a cache folder, and the libtorch inside that: wheel paths start with `torch/`. */
export const copyFolder = (cache) => join(cache, COPY_NAME);
export const copyRoot = (cache) => join(cache, COPY_NAME, 'torch');

/** The first cache folder that can be written, made if need be. */
export function writableCache(folders) {
  let last;
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return folder;
    } catch (error) {
      last = Object.assign(error, { path: error.path ?? dirname(folder) });
    }
  }
  throw last;
}
