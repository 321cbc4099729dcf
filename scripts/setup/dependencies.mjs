// Where an npm package lies and which version it has. An installed copy of this package may have its dependencies
// hoisted to a node_modules further up, and `require.resolve` obeys "exports", so folders are walked by hand.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export function packageFolder(root, name) {
  for (let folder = root; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === dirname(folder)) return null;
  }
}

/** The script behind a package's command, to be run with this Node. */
export function packageCommand(root, name, command) {
  const folder = packageFolder(root, name);
  if (folder === null) return null;
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return join(folder, typeof bin === 'string' ? bin : bin[command]);
}

/** The version that the lock file asks for; without a lock file (an installed copy) the version that is there. */
export function packageVersion(root, name) {
  try {
    const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
    const locked = lock.packages?.[`node_modules/${name}`]?.version;
    if (locked) return locked;
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  const folder = packageFolder(root, name);
  return folder === null ? 'none' : JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
}
