// The libtorch folders that addons are built for, one each minor version, and the one that is published.
import { resolve } from 'node:path';
import {
  ACCEPTED_TEXT, TESTED_VERSION, inspectLibtorchFolder, isAccepted, minorVersion,
} from '../../lib/libtorch/libtorch-folder.js';
import { findLibtorch } from '../setup/libtorch.mjs';

/** @typedef {{root: string, version: string, minor: string}} Libtorch */

const isPublished = ({ version, cuda }) => version?.split('+')[0] === TESTED_VERSION && cuda === null;

function named(folder) {
  const root = resolve(folder);
  const { version, cuda, faults } = inspectLibtorchFolder(root, { headers: true });
  if (faults.length > 0) throw new Error(`--libtorch ${folder}: ${faults.join('; ')}`);
  if (version === null || !isAccepted(version)) {
    throw new Error(`--libtorch ${folder}: is ${version ?? 'of unknown version'}; accepted: ${ACCEPTED_TEXT}`);
  }
  return { root, version, cuda };
}

/**
 * @param {{root: string, env?: NodeJS.ProcessEnv, folders: string[], find?: typeof findLibtorch}} options
 *   `folders`: what `--libtorch` named. For a minor version that none of them has, the set-up's own is taken.
 * @returns {{published: Libtorch, addons: Libtorch[]}} `addons`: the oldest version first
 * @throws Error where a folder cannot be used, or the CPU build of the tested version is nowhere
 */
export function chooseLibtorches({ root, env = process.env, folders, find = findLibtorch }) {
  const given = folders.map(named);
  const found = find({ root, env, all: true }).looked
    .filter(({ faults }) => faults.length === 0)
    .map(({ root: path, version, cuda }) => ({ root: path, version, cuda }));
  const published = [...given, ...found].find(isPublished);
  if (published === undefined) {
    const what = `PyTorch ${TESTED_VERSION} (CPU), which is published, is nowhere`;
    throw new Error(`${what}: \`npm run setup\` fetches it, or name it with --libtorch`);
  }
  const addons = new Map();
  for (const { root: folder, version } of [...given, published]) {
    const minor = minorVersion(version);
    if (!addons.has(minor)) addons.set(minor, { root: folder, version, minor });
  }
  const order = ({ minor }) => Number(minor.split('.')[1]);
  return {
    published: { ...published, minor: minorVersion(published.version) },
    addons: [...addons.values()].sort((one, other) => order(one) - order(other)),
  };
}
