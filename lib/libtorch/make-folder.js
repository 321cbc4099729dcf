// @ts-check
// JavaScript, because the set-up makes folders before there is a compiler for TypeScript.
const { mkdirSync, statSync } = require('node:fs');
const { dirname } = require('node:path');

/** @param {string} folder */
const isThere = (folder) => statSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? false;

/**
 * Makes a folder, and those above it, where there is none. Node's own `recursive` asks again without an end in a file system that
 * lets nobody make one and says ENOENT, as /proc does.
 * @param {string} folder
 * @throws {NodeJS.ErrnoException} the system's
 */
function makeFolder(folder) {
  if (tryToMake(folder)) return;
  if (dirname(folder) === folder) mkdirSync(folder);
  makeFolder(dirname(folder));
  if (!tryToMake(folder)) mkdirSync(folder);
}

/**
 * @param {string} folder
 * @returns whether it is there; false where one above it is missing
 */
function tryToMake(folder) {
  try {
    mkdirSync(folder);
    return true;
  } catch (error) {
    if (isThere(folder)) return true;
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return false;
    throw error;
  }
}

module.exports = { makeFolder };
