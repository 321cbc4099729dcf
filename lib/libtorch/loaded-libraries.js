// @ts-check
// What this process has loaded, as far as the runtime and the system tell.
const { readFileSync } = require('node:fs');
const path = require('node:path');

/**
 * What Node.js reports. Deno leaves the libraries out, Bun lists none; both make up the version of glibc.
 * @typedef {{header: {glibcVersionRuntime?: string}, sharedObjects?: string[]}} Report
 */

/** @returns {{files: string[], glibc: string | null}} glibc: its version; null where there is none: not Linux, or with musl */
function loadedLibraries() {
  const { header, sharedObjects = [] } = report();
  if (sharedObjects.length > 0) return { files: sharedObjects, glibc: header.glibcVersionRuntime ?? null };
  const files = mappedLibraries();
  return { files, glibc: glibcAmong(files) };
}

/** @returns {Report} */
function report() {
  // The report also lists network interfaces, which may take seconds to look up, unless told not to.
  const settings = /** @type {NodeJS.ProcessReport & {excludeNetwork?: boolean}} */ (process.report);
  const before = settings.excludeNetwork;
  settings.excludeNetwork = true;
  try {
    return /** @type {any} */ (settings.getReport());
  } finally {
    settings.excludeNetwork = before;
  }
}

/** Linux tells which files are mapped into a process; elsewhere nothing is known. */
function mappedLibraries() {
  try {
    const maps = readFileSync('/proc/self/maps', 'utf8');
    const files = maps.split('\n').flatMap((line) => /^(?:\S+ +){5}(\/.*\.(?:so(?:\.\d+)*|node))$/.exec(line)?.[1] ?? []);
    return [...new Set(files)];
  } catch {
    return [];
  }
}

/**
 * The C library says its version in the text that it prints when it is run as a program.
 * @param {string[]} files
 */
function glibcAmong(files) {
  const libc = files.find((file) => /^libc(-[\d.]+)?\.so/.test(path.basename(file)));
  if (libc === undefined) return null;
  return /GNU C Library [^\n\0]*version (\d+\.\d+)/.exec(readFileSync(libc, 'latin1'))?.[1] ?? null;
}

module.exports = { loadedLibraries };
