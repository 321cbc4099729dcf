// What each package holds and how large it may become: the list that `npm run prebuild` checks every tarball against.
import { TESTED_VERSION, minorVersion } from '../../lib/libtorch/libtorch-folder.js';

/**
 * @typedef {object} Contents
 * @property {string[]} required  each of these files
 * @property {RegExp[]} allowed  and files like these; no others
 * @property {number} tarball  largest size in bytes
 * @property {number} unpacked  the same of all files together
 */

const MB = 1e6;

/** @type {Contents} */
export const MAIN = {
  required: [
    'package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'dist/cli/main.js',
  ],
  allowed: [/^dist\/.*\.(js|d\.ts)$/, /^docs\/[\w-]+\.md$/, /^docs\/figures\/[\w-]+\.svg$/],
  tarball: 1 * MB,
  unpacked: 4 * MB,
};

/** @returns {Contents} */
export const addonContents = (platform) => ({
  required: [
    'package.json', 'LICENSE', 'NOTICE', 'contents.json', `prebuilds/${platform}/opener.node`,
    `prebuilds/${platform}/libtorch-${minorVersion(TESTED_VERSION)}.node`,
  ],
  allowed: [new RegExp(`^prebuilds/${platform}/libtorch-2\\.(9|1[0-4])\\.node$`)],
  tarball: 5 * MB,
  unpacked: 15 * MB,
});

const LIBRARIES = {
  'linux-x64': { required: ['libtorch_cpu.so', 'libc10.so', 'libgomp.so.1'], allowed: [] },
  'linux-arm64': {
    required: ['libtorch_cpu.so', 'libc10.so'],
    allowed: [/^lib\/lib(gomp|gfortran|openblas|arm_compute)[-\w]*\.so(\.\d+)*$/],
  },
  'darwin-arm64': { required: ['libtorch_cpu.dylib', 'libc10.dylib'], allowed: [/^lib\/libomp\.dylib$/] },
  'win32-x64': {
    required: ['torch_cpu.dll', 'c10.dll'],
    allowed: [/^lib\/(libiomp5md|libiompstubs5md|uv|fbgemm|asmjit)\.dll$/],
  },
};

/** @returns {Contents} */
export function libtorchContents(platform) {
  const { required, allowed } = LIBRARIES[platform];
  return {
    required: [
      'package.json', 'LICENSE', 'NOTICE', 'RECORD', 'contents.json', 'build-version',
      ...required.map((name) => `lib/${name}`),
    ],
    allowed,
    tarball: 150 * MB,
    unpacked: 500 * MB,
  };
}

const inMB = (bytes) => `${(bytes / MB).toFixed(1)} MB`;

/**
 * @param {{size: number, unpackedSize: number, files: {path: string}[]}} packed  as `npm pack --json` tells
 * @param {Contents} contents
 * @returns {string[]} all that is wrong
 */
export function checkContents({ size, unpackedSize, files }, { required, allowed, tarball, unpacked }) {
  const paths = files.map(({ path }) => path);
  return [
    ...required.filter((path) => !paths.includes(path)).map((path) => `${path} is missing`),
    ...paths
      .filter((path) => !required.includes(path) && !allowed.some((pattern) => pattern.test(path)))
      .map((path) => `${path} does not belong in it`),
    ...(size > tarball ? [`its tarball has ${inMB(size)}, more than ${inMB(tarball)}`] : []),
    ...(unpackedSize > unpacked ? [`it has ${inMB(unpackedSize)} unpacked, more than ${inMB(unpacked)}`] : []),
  ];
}
