// @ts-check
// What one folder that may hold libtorch holds, read from its files: loading it would take seconds, and a library that
// does not fit crashes. JavaScript, because the set-up reads it before there is a compiler for TypeScript.
const { accessSync, closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } = require('node:fs');
const { join } = require('node:path');

const TESTED_VERSION = '2.13.0';
const ACCEPTED_TEXT = `2.9 to 2.15 (tested with ${TESTED_VERSION})`;

/**
 * 2.9 is the oldest and 2.15 the newest PyTorch whose C++ interface the addon is written for.
 * @param {string} version
 */
function isAccepted(version) {
  const [major, minor] = (/^(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  return major === 2 && minor !== undefined && minor >= 9 && minor < 16;
}

/** @param {string | null} cuda */
const describeCuda = (cuda) => (cuda === null ? 'CPU' : `CUDA ${cuda}`);

/**
 * The addon is built once for each of these: "2.13" of "2.13.0+cpu".
 * @param {string} version
 */
function minorVersion(version) {
  return version.split('.', 2).join('.');
}

/**
 * @param {string} name  without prefix and suffix
 * @param {NodeJS.Platform} platform
 */
function libraryName(name, platform = process.platform) {
  if (platform === 'win32') return `${name}.dll`;
  return platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;
}

/** @param {string} file */
function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** @param {string} root */
function readVersion(root) {
  const python = /^__version__\s*(?::[^=]*)?=\s*['"]([^'"]+)/m.exec(readText(join(root, 'version.py')));
  if (python) return python[1] ?? null;
  const archive = readText(join(root, 'build-version')).trim();
  if (/^\d+\.\d+/.test(archive)) return archive;
  for (const header of ['torch/headeronly/version.h', 'torch/csrc/api/include/torch/version.h']) {
    const text = readText(join(root, 'include', header));
    const numbers = ['MAJOR', 'MINOR', 'PATCH'].map((part) =>
      new RegExp(`#define\\s+TORCH_VERSION_${part}\\s+(\\d+)`).exec(text)?.[1]);
    if (numbers.every((number) => number !== undefined)) return numbers.join('.');
  }
  return null;
}

/**
 * @param {string} root
 * @param {string | null} version
 * @param {NodeJS.Platform} platform
 */
function readCuda(root, version, platform) {
  if (whyUnreadable(join(root, 'lib', libraryName('torch_cuda', platform))) === 'is missing') return null;
  const python = /^cuda\s*(?::[^=]*)?=\s*['"]([^'"]+)/m.exec(readText(join(root, 'version.py')));
  if (python) return python[1] ?? null;
  const suffix = /\+cu(\d+)(\d)$/.exec(version ?? '');
  return suffix ? `${suffix[1]}.${suffix[2]}` : 'of unknown version';
}

/**
 * Why a file or folder cannot be read, or null.
 * @param {string} path
 */
function whyUnreadable(path) {
  try {
    accessSync(path, constants.R_OK | (statSync(path).isDirectory() ? constants.X_OK : 0));
    return null;
  } catch (error) {
    const { code } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return 'is missing';
    return code === 'EACCES' || code === 'EPERM' ? 'cannot be read by this user' : `cannot be read (${code})`;
  }
}

/** @type {Partial<Record<string, number>>} */
const ELF_MACHINES = { x64: 0x3e, arm64: 0xb7 };

/**
 * Why an ELF library cannot be whole, or null. The section table lies at the very end of the file.
 * @param {string} file
 * @param {string} arch
 */
function elfFault(file, arch) {
  const handle = openSync(file, 'r');
  try {
    const header = Buffer.alloc(64);
    const count = readSync(handle, header, 0, 64, 0);
    if (count < 64 || header.toString('latin1', 0, 4) !== '\x7fELF') return 'is not a whole shared library';
    if (ELF_MACHINES[arch] && header.readUInt16LE(18) !== ELF_MACHINES[arch]) {
      return `is built for another processor than ${arch}`;
    }
    const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
    return fstatSync(handle).size < end ? 'is cut short' : null;
  } finally {
    closeSync(handle);
  }
}

/**
 * Why a shared library cannot be loaded, as far as its file tells, or null.
 * @param {string} file
 * @param {{platform?: NodeJS.Platform, arch?: string}} [machine]
 */
function libraryFault(file, { platform = process.platform, arch = process.arch } = {}) {
  const why = whyUnreadable(file);
  if (why !== null) return why;
  if (!statSync(file).isFile()) return 'is no file';
  return platform === 'linux' ? elfFault(file, arch) : null;
}

/**
 * GCC has two std::string; the names of a library's functions tell which one it was built with.
 * @param {string} file  of c10, which is small
 */
function hasOldAbi(file) {
  return !readFileSync(file).includes('__cxx11');
}

/**
 * @param {string} root
 * @param {{headers?: boolean, platform?: NodeJS.Platform, arch?: string}} [options]
 *   `headers`: it is to be built against, not only loaded. Default false.
 * @returns {{exists: boolean, version: string | null, cuda: string | null, faults: string[]}}
 *   `faults`: everything that keeps this folder from being used, the version left aside.
 */
function inspectLibtorchFolder(root, { headers = false, platform = process.platform, arch = process.arch } = {}) {
  const nothing = { version: null, cuda: null };
  const why = whyUnreadable(root);
  if (why === 'is missing') return { exists: false, ...nothing, faults: ['does not exist'] };
  if (why !== null) return { exists: true, ...nothing, faults: [why] };
  if (!statSync(root).isDirectory()) return { exists: true, ...nothing, faults: ['is a file, not a folder'] };
  const faults = [];
  if (headers) {
    const names = ['ATen/ATen.h', 'c10/core/TensorImpl.h', 'torch/csrc/api/include/torch/torch.h'];
    const missing = names.find((name) => whyUnreadable(join(root, 'include', name)) !== null);
    if (missing) faults.push(`has no headers (include/${missing} is missing)`);
  }
  for (const name of ['torch_cpu', 'c10']) {
    const library = join('lib', libraryName(name, platform));
    const fault = libraryFault(join(root, library), { platform, arch });
    if (fault === 'is missing') {
      faults.push(`has no libraries (${library} is missing)`);
      break;
    }
    if (fault !== null) faults.push(`${library} ${fault}`);
    else if (name === 'c10' && platform === 'linux' && hasOldAbi(join(root, library))) {
      faults.push(`${library} is built with the C++ ABI of before GCC 5`);
    }
  }
  const version = readVersion(root);
  return { exists: true, version, cuda: readCuda(root, version, platform), faults };
}

module.exports = {
  ACCEPTED_TEXT,
  TESTED_VERSION,
  describeCuda,
  inspectLibtorchFolder,
  isAccepted,
  libraryFault,
  libraryName,
  minorVersion,
  whyUnreadable,
};
