// @ts-check
// What PyTorch's own wheel says of its libraries: name, SHA-256 and size, as its RECORD lists them (PEP 376 and 427).
// JavaScript, because the packages are made by scripts that run without a compiler for TypeScript.
const { createHash } = require('node:crypto');
const { createReadStream, existsSync, readFileSync, readdirSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { pipeline } = require('node:stream/promises');

/**
 * One line of a RECORD: `torch/lib/libc10.so,sha256=<base64url>,<bytes>`. Names of libraries have no commas or quotes.
 * @typedef {{name: string, sha256: string, size: number, line: string}} RecordedFile
 */

/**
 * The RECORD of a libtorch folder: in the platform package it lies inside, pip puts it beside the folder `torch`.
 * @param {string} root  the folder that holds `lib/`
 */
function findRecord(root) {
  const own = join(root, 'RECORD');
  if (existsSync(own)) return own;
  try {
    const beside = readdirSync(dirname(root)).filter((name) => /^torch-.*\.dist-info$/.test(name));
    return beside.map((name) => join(dirname(root), name, 'RECORD')).find((file) => existsSync(file)) ?? null;
  } catch {
    return null;
  }
}

/**
 * The libraries in `lib/` as PyTorch's wheel has them, by file name; null where nothing tells.
 * @param {string} root  the folder that holds `lib/`
 * @returns {Map<string, RecordedFile> | null}
 */
function readWheelRecord(root) {
  const file = findRecord(root);
  if (file === null) return null;
  /** @type {Map<string, RecordedFile>} */
  const files = new Map();
  for (const line of readFileSync(file, 'utf8').split(/\r?\n/)) {
    const [, name, sha256, size] = /^torch\/lib\/([^/,]+),sha256=([\w-]+),(\d+)$/.exec(line) ?? [];
    if (name !== undefined && sha256 !== undefined) files.set(name, { name, sha256, size: Number(size), line });
  }
  return files;
}

/**
 * A file's SHA-256 as a RECORD writes it.
 * @param {string} file
 */
async function sha256Of(file) {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('base64url');
}

/**
 * Which of these libraries in `lib/` are not, bit for bit, what the wheel has, and why.
 * @param {string} root  the folder that holds `lib/`
 * @param {Map<string, RecordedFile>} record
 * @param {readonly string[]} names
 * @returns {Promise<string[]>}
 */
async function wheelFaults(root, record, names) {
  const faults = [];
  for (const name of names) {
    const recorded = record.get(name);
    if (recorded === undefined) faults.push(`${name} is not in the wheel`);
    else if ((await sha256Of(join(root, 'lib', name))) !== recorded.sha256) faults.push(`${name} differs`);
  }
  return faults;
}

module.exports = { readWheelRecord, wheelFaults };
