// Stamps say from which inputs something was made. They are written last and by rename, so that a stamp that can be
// read always speaks of something whole.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

export function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

/** Files below `folder`, sorted; names that start with a dot (editors' own) are left out. */
export function listFiles(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
  return entries
    .filter((entry) => !entry.name.startsWith('.') && !entry.name.endsWith('~'))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? listFiles(path) : [path];
    })
    .sort();
}

/** Hash of names and contents: a file that moves counts as a change, one that is only touched does not. */
export function hashFiles(root, files) {
  return sha256(...files.flatMap((file) => [relative(root, file).split(sep).join('/'), readFileSync(file)]));
}

export function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

export function writeStamp(file, content) {
  mkdirSync(dirname(file), { recursive: true });
  const aside = `${file}.aside-${process.pid}`;
  try {
    writeFileSync(aside, `${JSON.stringify(content, null, 2)}\n`);
    renameSync(aside, file);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}
