// The native build with AddressSanitizer and UndefinedBehaviorSanitizer (GCC, Linux), beside the usual one.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { MANIFEST, manifestOf } from '../lib/libtorch/local-build.js';
import { packageCommand } from './setup/dependencies.mjs';
import { findLibtorch } from './setup/libtorch.mjs';
import { buildJobs, nativePaths } from './setup/native.mjs';
import { writeStamp } from './setup/stamp.mjs';

const releaseFolder = (root) => path.join(root, 'build', 'sanitize', 'Release');

/** Builds one target of CMakeLists.txt, and ends the process where that fails. */
function build(root, target) {
  const { chosen, refusal } = findLibtorch({ root, env: process.env });
  const cmake = packageCommand(root, 'cmake-js', 'cmake-js');
  if (chosen === null || cmake === null) {
    console.error(refusal ?? `${cmake === null ? "npm's packages are not installed" : 'there is no libtorch to build against'}: run npm run setup`);
    process.exit(1);
  }
  const release = releaseFolder(root);
  const command = [cmake, 'build', '--config', 'Release', '--out', path.dirname(release),
    '--parallel', String(buildJobs()), '--target', target, '--CDSANITIZE=address,undefined',
    `--CDLIBTORCH_ROOT=${chosen.root}`];
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(1);
  return { release, chosen };
}

/** Builds the core's test; its path. */
export function buildSanitizedTest(root) {
  return path.join(build(root, 'continual_torch_core_test').release, 'continual_torch_core_test');
}

/** Builds the addon; the opener is the usual one. */
export function buildSanitizedAddon(root) {
  const { release, chosen } = build(root, 'continual_torch');
  copyFileSync(path.join(nativePaths(root).release, 'opener.node'), path.join(release, 'opener.node'));
  writeStamp(path.join(release, MANIFEST), manifestOf(chosen, process.env));
}

/** For every program of that build. */
export const sanitizerOptions = {
  // Node and libtorch keep memory until the end; an allocation that is too large shall fail as it would without.
  ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

/** For Node with the addon of that build. Node is built without the sanitizer's run-time library: it has to come first. */
export function sanitizedAddon(root) {
  const library = (name) => execFileSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return {
    ...sanitizerOptions,
    CONTINUAL_TORCH_ADDON: releaseFolder(root),
    LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so')}`,
  };
}
