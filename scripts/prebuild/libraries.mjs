// Which of libtorch's libraries a user needs: the one that trains, and all that it needs in turn.
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { libraryName } from '../../lib/libtorch/libtorch-folder.js';
import { neededLibraries } from './binaries.mjs';

/** What every machine of a platform has; of Linux what wheels may take for granted too, where arm64's Fortran runtime needs zlib. */
const OF_THE_SYSTEM = {
  linux: /^(lib(c|m|z|dl|rt|pthread|gcc_s|stdc\+\+)|ld-linux[-\w]*)\.so/,
  darwin: /^\/(usr\/lib|System)\//,
};

/** Windows does not tell what a library needs without Visual Studio's tools, so all is taken but Python's part. */
const OF_PYTHON = /^(shm|torch|torch_python|torch_global_deps)\.dll$/;

/**
 * @param {string} folder  libtorch's lib
 * @param {NodeJS.Platform} os
 * @param {typeof neededLibraries} [needed]
 * @returns {string[]} file names, sorted
 * @throws Error where a library is needed that neither the folder nor every machine has
 */
export function librariesToPublish(folder, os, needed = neededLibraries) {
  if (os === 'win32') {
    return readdirSync(folder).filter((name) => name.endsWith('.dll') && !OF_PYTHON.test(name)).sort();
  }
  const found = new Set();
  const open = [libraryName('torch_cpu', os)];
  for (const name of open) {
    if (found.has(name)) continue;
    found.add(name);
    for (const path of needed(join(folder, name), os)) {
      if (existsSync(join(folder, basename(path)))) open.push(basename(path));
      else if (!OF_THE_SYSTEM[os].test(path)) throw new Error(`${name} needs ${path}, which is not in ${folder}`);
    }
  }
  return [...found].sort();
}
