// @ts-check
// Where this package keeps what it fetches and what it remembers: the user's cache folder, which other checkouts share.
// JavaScript, because the set-up reads it before there is a compiler for TypeScript.
const { accessSync, constants } = require('node:fs');
const { homedir } = require('node:os');
const { dirname, isAbsolute, join } = require('node:path');
const { TESTED_VERSION } = require('./libtorch-folder');
const { makeFolder } = require('./make-folder');

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {NodeJS.Platform} platform
 * @param {string | null} home
 */
function userCache(env, platform, home) {
  if (platform === 'win32') return env.LOCALAPPDATA || (home && join(home, 'AppData', 'Local'));
  if (platform === 'darwin') return home && join(home, 'Library', 'Caches');
  // A relative XDG_CACHE_HOME is to be ignored, says its specification.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return env.XDG_CACHE_HOME;
  return home && join(home, '.cache');
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @param {NodeJS.Platform} platform
 */
function homeOf(env, platform) {
  if (platform !== 'win32' && env.HOME) return env.HOME;
  try {
    return homedir();
  } catch {
    return null;
  }
}

/**
 * The folders that may hold our things, the best first: the user's cache, then (a user without a home) this package.
 * @param {{root: string, env?: NodeJS.ProcessEnv, platform?: NodeJS.Platform, home?: string | null}} options
 * @returns {string[]}
 */
function cacheFolders({ root, env = process.env, platform = process.platform, home = homeOf(env, platform) }) {
  const user = userCache(env, platform, home);
  return [...(user ? [join(user, 'continual-torch')] : []), join(root, '.cache', 'continual-torch')];
}

/**
 * The folder of a fetched build inside a cache folder: the CPU's, which is the set-up's copy, or a CUDA's ("cu126").
 * @param {string} cache
 * @param {string} variant
 */
const fetchedFolder = (cache, variant = 'cpu') => join(cache, `libtorch-${TESTED_VERSION}-${variant}`);

/**
 * The libtorch inside that: wheel paths start with `torch/`, and `nvidia/` lies beside it, as its run paths want it.
 * @param {string} cache
 * @param {string} variant
 */
const fetchedRoot = (cache, variant = 'cpu') => join(fetchedFolder(cache, variant), 'torch');

/**
 * The first cache folder that can be written, made if need be.
 * @param {string[]} folders
 * @returns {string}
 */
function writableCache(folders) {
  let last;
  for (const folder of folders) {
    try {
      makeFolder(folder);
      accessSync(folder, constants.W_OK);
      return folder;
    } catch (error) {
      const failure = /** @type {NodeJS.ErrnoException} */ (error);
      last = Object.assign(failure, { path: failure.path ?? dirname(folder) });
    }
  }
  throw last;
}

module.exports = { cacheFolders, fetchedFolder, fetchedRoot, writableCache };
