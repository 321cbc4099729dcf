// A folder that can be published: files copied or written under the names that they have in the package.
import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { listFiles } from '../setup/stamp.mjs';
import { neededGlibc } from './binaries.mjs';

/** A file's name in a package: below a folder, with slashes. */
export const nameBelow = (folder, file) => relative(folder, file).split(sep).join('/');

export const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** @param {Record<string, {text: string} | {from: string}>} files */
export function stage(folder, files) {
  rmSync(folder, { recursive: true, force: true });
  for (const [name, { text, from }] of Object.entries(files)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    if (from === undefined) writeFileSync(file, text);
    else copyFileSync(from, file);
  }
}

/** contents.json: the sizes by which a torn file is known before it is loaded, and the glibc that loading takes. */
export function describeBinaries(folder, below, os) {
  const binaries = listFiles(join(folder, below));
  const files = Object.fromEntries(binaries.map((file) => [nameBelow(folder, file), statSync(file).size]));
  writeFileSync(join(folder, 'contents.json'), json({ glibc: neededGlibc(binaries, os), files }));
}

/** Compiled TypeScript without its source maps: they would point at sources that no package holds. */
export function compiledFiles(root) {
  const dist = join(root, 'dist');
  const files = listFiles(dist).filter((file) => /\.(js|d\.ts)$/.test(file));
  return Object.fromEntries(files.map((file) => [
    nameBelow(root, file),
    { text: readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?$/m, '') },
  ]));
}
