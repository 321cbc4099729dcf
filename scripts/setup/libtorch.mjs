// Which libtorch the addon is built for. The order is fixed: LIBTORCH, the PyTorch of the Python on PATH, the copy
// that the set-up fetched. What the user names in LIBTORCH is taken or refused, never silently replaced.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { cacheFolders, copyRoot } from '../../lib/libtorch/cache-folder.js';
import { ACCEPTED_TEXT, TESTED_VERSION, inspectLibtorchFolder, isAccepted } from '../../lib/libtorch/libtorch-folder.js';
import { findPythonTorch, pythonCommand } from './python.mjs';

/** @param {string | null} cuda */
export const describeCuda = (cuda) => (cuda === null ? 'CPU' : `CUDA ${cuda}`);

function place(source, path, inspection) {
  const { exists, version, cuda, faults } = inspection;
  const problems = [...faults];
  if (faults.length === 0 && version === null) problems.push('does not tell its version');
  if (version !== null && !isAccepted(version)) problems.push(`is ${version}; accepted: ${ACCEPTED_TEXT}`);
  return { source, path, found: exists, version, cuda, verdict: '', reason: problems.join('; ') };
}

/** A libtorch folder, an installed torch package, or the site-packages folder around one. */
function resolveNamed(path) {
  const looksLikeRoot = (folder) => existsSync(join(folder, 'lib')) || existsSync(join(folder, 'include'));
  const absolute = resolve(path);
  const inner = join(absolute, 'torch');
  return !looksLikeRoot(absolute) && looksLikeRoot(inner) ? inner : absolute;
}

function refusal(entry) {
  const what = entry.version === null ? entry.reason : `version ${entry.version}: ${entry.reason}`;
  return [
    `LIBTORCH names ${entry.path}, which cannot be used: ${what}.`,
    `Accepted are versions ${ACCEPTED_TEXT}. Ways out:`,
    '  - unset LIBTORCH: the set-up then finds a PyTorch, or fetches a copy for itself;',
    '  - let LIBTORCH name another folder: an unpacked libtorch (with lib/ and include/), an installed torch package,',
    '    or the site-packages folder around one;',
    `  - ${pythonCommand} -m pip install torch==${TESTED_VERSION}, and unset LIBTORCH.`,
  ].join('\n');
}

/**
 * @param {{root: string, env?: NodeJS.ProcessEnv, all?: boolean, pythonTorch?: typeof findPythonTorch,
 *   inspect?: typeof inspectLibtorchFolder, caches?: string[]}} options
 *   `all`: look at every place even where an earlier one was taken (for `npm run doctor`).
 * @returns {{chosen: {root: string, version: string, cuda: string | null, source: string} | null,
 *   looked: {source: string, path: string | null, found: boolean, version: string | null, cuda: string | null,
 *   verdict: 'taken' | 'refused' | 'passed over' | 'not there' | 'not needed', reason: string}[],
 *   refusal: string | null}} `refusal`: the message for the user where LIBTORCH names something unusable.
 */
export function findLibtorch({
  root, env = process.env, all = false, pythonTorch = findPythonTorch, inspect = inspectLibtorchFolder,
  caches = cacheFolders({ root, env }),
}) {
  const looked = [];
  let chosen = null;
  let refused = null;

  function consider(entry, named) {
    looked.push(entry);
    if (!entry.found && !named) entry.verdict = 'not there';
    else if (entry.reason !== '') entry.verdict = named ? 'refused' : 'passed over';
    else if (chosen !== null || refused !== null) entry.verdict = 'not needed';
    else entry.verdict = 'taken';
    if (entry.verdict === 'refused') refused = refusal(entry);
    if (entry.verdict === 'not needed') {
      entry.reason = refused === null ? `${chosen.source} comes first` : 'LIBTORCH is set';
    }
    if (entry.verdict === 'taken') {
      chosen = { root: entry.path, version: entry.version, cuda: entry.cuda, source: entry.source };
    }
  }
  const settled = () => !all && (chosen !== null || refused !== null);

  if (env.LIBTORCH) {
    const path = resolveNamed(env.LIBTORCH);
    consider(place('LIBTORCH', path, inspect(path, { headers: true })), true);
  }
  if (!settled()) {
    const source = `${pythonCommand} on PATH`;
    const { python, torch } = pythonTorch(env);
    const reason = python ? 'has no torch' : 'there is none';
    if (torch !== null) consider(place(source, torch, inspect(torch, { headers: true })), false);
    else consider({ source, path: null, found: false, version: null, cuda: null, reason }, false);
  }
  for (const cache of caches) {
    if (settled()) break;
    const path = copyRoot(cache);
    consider(place('the copy of this package', path, inspect(path, { headers: true })), false);
  }
  return { chosen, looked, refusal: refused };
}

/** Lines about the places that hold a PyTorch which cannot be used. */
export function passedOver(looked) {
  return looked
    .filter((entry) => entry.verdict === 'passed over')
    .map((entry) => `passed over ${entry.path} (${entry.source}): ${entry.reason}`);
}
