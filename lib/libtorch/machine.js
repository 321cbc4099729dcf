// @ts-check
// What decides which binaries fit here. JavaScript, because the set-up asks before there is a compiler for TypeScript.
const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { whyUnreadable } = require('./libtorch-folder');
const { loadedLibraries } = require('./loaded-libraries');
const { rememberedTorch } = require('./local-build');
const { askPython } = require('./python-torch');

/**
 * A test describes another one.
 * @typedef {object} Machine
 * @property {NodeJS.Platform} platform
 * @property {string} arch
 * @property {string | null} glibc  its version; null where there is none: not Linux, or Linux with musl
 * @property {string | null} electron  its version; null in Node.js
 * @property {NodeJS.ProcessEnv} env
 * @property {string} root  the folder of this package; in a bundle the bundle itself, below which nothing lies
 * @property {(name: string) => string | null} packageFolder  the folder of a package that is installed beside this one, or null
 * @property {() => import('./python-torch').PythonTorch} pythonTorch  that of the Python on PATH
 * @property {() => string[]} sharedObjects  shared libraries that this process has loaded
 */

function findRoot() {
  // `lib/` and `dist/` lie at the same depth below it.
  const folder = path.resolve(__dirname, '..', '..');
  try {
    const { name } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    return name === 'continual-torch' ? folder : __filename;
  } catch {
    return __filename;
  }
}

/**
 * Where Node looks for packages; not `require.resolve`, which runs into the "exports" of a package half there.
 * @param {string} name
 */
function packageFolder(name) {
  const folders = createRequire(__filename).resolve.paths(name) ?? [];
  return folders.map((folder) => path.join(folder, name)).find((folder) => whyUnreadable(folder) !== 'is missing') ?? null;
}

/**
 * @param {{root?: string, env?: NodeJS.ProcessEnv}} options
 * @returns {Machine}
 */
function thisMachine({ root = findRoot(), env = process.env } = {}) {
  const { files, glibc } = loadedLibraries();
  /** @type {import('./python-torch').PythonTorch | undefined} */
  let answer;
  return {
    platform: process.platform,
    arch: process.arch,
    glibc,
    electron: /** @type {Record<string, string | undefined>} */ (process.versions).electron ?? null,
    env,
    root,
    packageFolder,
    pythonTorch: () => (answer ??= rememberedTorch({ root, env }) ?? askPython(env)),
    sharedObjects: () => files,
  };
}

/**
 * "Node.js 20.20.2", for people.
 * @param {Pick<Machine, 'electron'>} machine
 */
function runtimeText({ electron }) {
  if (electron !== null) return `Electron ${electron}`;
  const { node, bun, deno } = /** @type {Record<string, string | undefined>} */ (process.versions);
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`;
}

/**
 * "linux-x64": the name that packages for this machine carry.
 * @param {Pick<Machine, 'platform' | 'arch'>} machine
 */
const platformName = ({ platform, arch }) => `${platform}-${arch}`;

/**
 * Whether this is a clone of the repository, in which the addon is built: the sources are there.
 * @param {Pick<Machine, 'root'>} machine
 */
const isCheckout = ({ root }) => existsSync(path.join(root, 'native')) && existsSync(path.join(root, 'CMakeLists.txt'));

module.exports = { isCheckout, platformName, runtimeText, thisMachine };
