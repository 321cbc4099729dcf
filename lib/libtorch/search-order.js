// @ts-check
// Which libtorch: the one order in which set-up, loading and doctor look for it. JavaScript, because the set-up looks
// before there is a compiler for TypeScript.
const path = require('node:path');
const { cacheFolders, fetchedRoot } = require('./cache-folder');
const { ACCEPTED_TEXT, inspectLibtorchFolder, isAccepted, libraryName, whyUnreadable } = require('./libtorch-folder');
const { isCheckout, platformName } = require('./machine');
const { packageFaults } = require('./platform-packages');
const { libtorchPackage } = require('./platforms');
const { pythonCommand } = require('./python-torch');

/** @typedef {import('./machine').Machine} Machine */

/**
 * One of the places where libtorch is looked for.
 * @typedef {object} Place
 * @property {string} source  `"LIBTORCH"`, for example
 * @property {string | null} root  the folder that holds `lib/`; null: this place names none
 * @property {string | null} version
 * @property {string | null} cuda  the version of CUDA that it is built with; null: none
 * @property {string[]} faults  why it cannot be used; empty: it can
 * @property {boolean} final
 *   nothing that comes after it is looked at: what the user has named is used or refused, never silently replaced
 * @property {boolean} fromPython  whether it is the PyTorch of the Python on PATH
 */

const fetchedSource = 'the copy of this package';
const askedSource = 'CONTINUAL_TORCH_USE_PYTORCH';
const pythonSource = `${pythonCommand} on PATH`;

/**
 * The places in the order of search.
 * @param {Machine} machine
 * @param {{headers?: boolean}} [options]  `headers`: it is to be built against, not only loaded. Default false.
 * @returns {(() => Place)[]}
 */
function libtorchPlaces(machine, { headers = false } = {}) {
  const inspect = inspector(machine, headers);
  const isAsked = machine.env.CONTINUAL_TORCH_USE_PYTORCH === '1';
  return [
    () => namedPlace(machine, inspect),
    () => packagePlace(machine, inspect),
    () => (isAsked ? pythonPlace(true, machine, inspect) : nowhere(askedSource, 'is not set to 1')),
    () => fetchedPlace(machine, inspect),
    // Where an addon is built, a PyTorch that is there spares the download of one.
    ...(isCheckout(machine) && !isAsked ? [() => pythonPlace(false, machine, inspect)] : []),
  ];
}

/**
 * The PyTorch that CONTINUAL_TORCH_USE_PYTORCH asks for, or null.
 * @param {Machine} machine
 */
function askedTorch({ env, pythonTorch }) {
  return env.CONTINUAL_TORCH_USE_PYTORCH === '1' ? pythonTorch().torch : null;
}

/**
 * @param {string} source
 * @param {string} fault
 * @returns {Place}
 */
function nowhere(source, fault) {
  return { source, root: null, version: null, cuda: null, faults: [fault], final: false, fromPython: false };
}

/**
 * @typedef {(source: string, root: string) => Place} Inspect
 * @param {Machine} machine
 * @param {boolean} headers
 * @returns {Inspect}
 */
function inspector({ platform, arch }, headers) {
  return (source, root) => {
    const { version, cuda, faults } = inspectLibtorchFolder(root, { headers, platform, arch });
    const problems = faults.map((fault) => `${root} ${fault}`);
    if (version !== null && !isAccepted(version)) problems.push(`${root} is version ${version}; accepted: ${ACCEPTED_TEXT}`);
    else if (version === null && faults.length === 0) problems.push(`${root} does not tell its version`);
    return { source, root, version, cuda, faults: problems, final: false, fromPython: false };
  };
}

/**
 * Also where looking is not allowed.
 * @param {string} file
 */
const exists = (file) => whyUnreadable(file) !== 'is missing';

/**
 * A libtorch folder, an installed torch package, or the site-packages folder around one.
 * @param {string} named
 */
function resolveNamed(named) {
  const looksLikeRoot = (/** @type {string} */ folder) => exists(path.join(folder, 'lib')) || exists(path.join(folder, 'include'));
  const absolute = path.resolve(named);
  const inner = path.join(absolute, 'torch');
  return !looksLikeRoot(absolute) && looksLikeRoot(inner) ? inner : absolute;
}

/**
 * @param {Machine} machine
 * @param {Inspect} inspect
 * @returns {Place}
 */
function namedPlace({ env, platform }, inspect) {
  const named = env.LIBTORCH;
  if (!named) return nowhere('LIBTORCH', 'is not set');
  const place = inspect('LIBTORCH', resolveNamed(named));
  const isLib = place.faults.length > 0 && exists(path.join(named, libraryName('torch_cpu', platform)));
  const faults = isLib ? [...place.faults, `name the folder around it: ${path.resolve(named, '..')}`] : place.faults;
  return { ...place, faults, final: true };
}

/**
 * @param {Machine} machine
 * @param {Inspect} inspect
 * @returns {Place}
 */
function packagePlace(machine, inspect) {
  const source = libtorchPackage(platformName(machine));
  const folder = machine.packageFolder(source);
  if (folder === null) return nowhere(source, 'is not installed');
  const faults = packageFaults(folder, machine);
  // A list that names what is missing says more than a look at the libraries.
  if (faults.length > 0) return { ...nowhere(source, ''), root: folder, faults };
  return inspect(source, folder);
}

/**
 * @param {boolean} isAsked
 * @param {Machine} machine
 * @param {Inspect} inspect
 * @returns {Place}
 */
function pythonPlace(isAsked, { pythonTorch }, inspect) {
  const source = isAsked ? askedSource : pythonSource;
  const { python, torch } = pythonTorch();
  if (!python) return nowhere(source, isAsked ? `is 1, but there is no ${pythonSource}` : 'there is none');
  if (torch === null) return nowhere(source, isAsked ? `is 1, but ${pythonSource} has no torch (pip install torch)` : 'has no torch');
  return { ...inspect(source, torch), fromPython: true };
}

/**
 * The copy that the set-up has fetched, in the first cache folder that has it whole.
 * @param {Machine} machine
 * @param {Inspect} inspect
 * @returns {Place}
 */
function fetchedPlace(machine, inspect) {
  const roots = cacheFolders(machine).map((cache) => fetchedRoot(cache));
  const places = roots.filter(exists).map((root) => inspect(fetchedSource, root));
  return places.find(({ faults }) => faults.length === 0) ?? places[0] ?? nowhere(fetchedSource, `is not there (${roots[0]})`);
}

module.exports = { askedSource, askedTorch, libtorchPlaces, resolveNamed };
