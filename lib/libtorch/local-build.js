// @ts-check
// What the set-up has built in a clone, and the manifest that says for which libtorch. JavaScript, because the set-up
// itself reads and writes it.
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { whyUnreadable } = require('./libtorch-folder');
const { pythonKey } = require('./python-torch');

/**
 * It lies beside the binaries and is replaced with them; the stamp, by which the set-up knows what has changed, is
 * another file. `python`: what the Python on PATH has answered, where that is the libtorch of the build.
 * @typedef {{libtorch: {root: string, version: string}, python?: {key: string, torch: string}}} Manifest
 */

const MANIFEST = 'manifest.json';

/**
 * @param {{root: string, version: string, fromPython?: boolean}} libtorch
 * @param {NodeJS.ProcessEnv} env  in which it was found
 * @returns {Manifest}
 */
function manifestOf({ root, version, fromPython = false }, env) {
  return { libtorch: { root, version }, ...(fromPython ? { python: { key: pythonKey(env), torch: root } } : {}) };
}

/**
 * CONTINUAL_TORCH_ADDON names the folder of another build, the fuzzer's for example.
 * @param {{root: string, env: NodeJS.ProcessEnv}} machine
 * @returns {{folder: string, manifest: Manifest} | null}
 */
function readManifest({ root, env }) {
  const folder = env.CONTINUAL_TORCH_ADDON ?? path.join(root, 'build', 'Release');
  try {
    return { folder, manifest: JSON.parse(readFileSync(path.join(folder, MANIFEST), 'utf8')) };
  } catch {
    return null;
  }
}

/** @param {{root: string, env: NodeJS.ProcessEnv}} machine */
function localBuild(machine) {
  const found = readManifest(machine);
  if (found === null) return null;
  const { folder, manifest } = found;
  return {
    addon: path.join(folder, 'continual_torch.node'),
    opener: path.join(folder, 'opener.node'),
    libtorch: manifest.libtorch.root,
    version: manifest.libtorch.version,
  };
}

/**
 * What Python answered to the set-up, so that loading need not start it; null where that may have changed.
 * @param {{root: string, env: NodeJS.ProcessEnv}} machine
 * @returns {import('./python-torch').PythonTorch | null}
 */
function rememberedTorch(machine) {
  const { python } = readManifest(machine)?.manifest ?? {};
  if (python?.key !== pythonKey(machine.env) || whyUnreadable(python.torch) === 'is missing') return null;
  return { python: true, torch: python.torch };
}

module.exports = { MANIFEST, localBuild, manifestOf, rememberedTorch };
