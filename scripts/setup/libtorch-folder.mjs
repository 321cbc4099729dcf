// What one folder that may hold libtorch holds, read from its files: loading it would take seconds.
import { closeSync, existsSync, openSync, readFileSync, readSync, fstatSync } from 'node:fs';
import { join } from 'node:path';

export const TESTED_VERSION = '2.13.0';
export const ACCEPTED_TEXT = `2.9 to 2.14 (tested with ${TESTED_VERSION})`;

/** 2.9 is the oldest and 2.14 the newest PyTorch whose C++ interface the addon is written for. */
export function isAccepted(version) {
  const [major, minor] = (/^(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  return major === 2 && minor >= 9 && minor < 15;
}

function libraryName(name, platform) {
  if (platform === 'win32') return `${name}.dll`;
  return platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function readVersion(root) {
  const python = /^__version__\s*(?::[^=]*)?=\s*['"]([^'"]+)/m.exec(readText(join(root, 'version.py')));
  if (python) return python[1];
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

function readCuda(root, version, platform) {
  if (!existsSync(join(root, 'lib', libraryName('torch_cuda', platform)))) return null;
  const python = /^cuda\s*(?::[^=]*)?=\s*['"]([^'"]+)/m.exec(readText(join(root, 'version.py')));
  if (python) return python[1];
  const suffix = /\+cu(\d+)(\d)$/.exec(version ?? '');
  return suffix ? `${suffix[1]}.${suffix[2]}` : 'of unknown version';
}

const ELF_MACHINES = { x64: 0x3e, arm64: 0xb7 };

/** Why an ELF library cannot be whole, or null. The section table lies at the very end of the file. */
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
 * @returns {{exists: boolean, version: string | null, cuda: string | null, faults: string[]}}
 *   `faults`: everything that keeps this folder from being built against, the version left aside.
 */
export function inspectLibtorchFolder(root, { platform = process.platform, arch = process.arch } = {}) {
  if (!existsSync(root)) return { exists: false, version: null, cuda: null, faults: ['does not exist'] };
  const faults = [];
  const headers = ['ATen/ATen.h', 'c10/core/TensorImpl.h', 'torch/csrc/api/include/torch/torch.h'];
  const missingHeaders = headers.filter((header) => !existsSync(join(root, 'include', header)));
  if (missingHeaders.length > 0) faults.push(`has no headers (include/${missingHeaders[0]} is missing)`);
  for (const name of ['torch', 'torch_cpu', 'c10']) {
    const library = join('lib', libraryName(name, platform));
    if (!existsSync(join(root, library))) {
      faults.push(`has no libraries (${library} is missing)`);
      break;
    }
    const fault = platform === 'linux' ? elfFault(join(root, library), arch) : null;
    if (fault) faults.push(`${library} ${fault}`);
  }
  const version = readVersion(root);
  return { exists: true, version, cuda: readCuda(root, version, platform), faults };
}
