// @ts-check
// Whether an installed package with binaries is whole. JavaScript, because the set-up reads it before any package is there.
const { readFileSync, statSync } = require('node:fs');
const path = require('node:path');
const { whyUnreadable } = require('./libtorch-folder');

/**
 * What keeps an installed package from being used, by the list of files and sizes that it carries: an installation that
 * was interrupted leaves files out or short.
 * @param {string} folder
 * @param {{glibc: string | null}} machine
 * @returns {string[]}
 */
function packageFaults(folder, machine) {
  const why = whyUnreadable(folder);
  if (why !== null) return [`${folder} ${why}`];
  const file = path.join(folder, 'contents.json');
  const contents = readContents(file);
  if (contents === null) return [`${file} ${whyUnreadable(file) ?? 'is damaged'}`];
  const { glibc, files } = contents;
  const faults = Object.entries(files).flatMap(([name, size]) => fileFaults(path.join(folder, name), size));
  if (glibc !== null && machine.glibc !== null && !atLeast(machine.glibc, glibc)) {
    faults.push(`needs glibc ${glibc} or later; this system has ${machine.glibc}`);
  }
  return faults;
}

/**
 * @param {string} file
 * @returns {{glibc: string | null, files: Record<string, number>} | null}
 */
function readContents(file) {
  try {
    const { glibc, files } = JSON.parse(readFileSync(file, 'utf8'));
    const isWhole =
      (glibc === null || typeof glibc === 'string') &&
      typeof files === 'object' &&
      Object.values(files).every((size) => typeof size === 'number');
    return isWhole ? { glibc, files } : null;
  } catch {
    return null;
  }
}

/**
 * @param {string} file
 * @param {number} size
 */
function fileFaults(file, size) {
  const why = whyUnreadable(file);
  if (why !== null) return [`${file} ${why}`];
  const found = statSync(file).size;
  return found === size ? [] : [`${file} is damaged: it has ${found} bytes instead of ${size}`];
}

/**
 * Whether a version such as glibc's "2.36" is at least another one.
 * @param {string} version
 * @param {string} needed
 */
function atLeast(version, needed) {
  const have = version.split('.').map(Number);
  for (const [position, number] of needed.split('.').map(Number).entries()) {
    const difference = (have[position] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}

module.exports = { atLeast, packageFaults };
