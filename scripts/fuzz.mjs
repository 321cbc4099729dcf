// Damaged files of weights against their readers, random calls of operators and methods, random programs of hooks, data and
// errors: `npm run fuzz -- [safetensors|safetensors-index|torch|calls|strategies] [--count N] [--seed N] [--from N] [--sanitize]`.
// With --sanitize the addon is built a second time, with AddressSanitizer and UndefinedBehaviorSanitizer (GCC, Linux).
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageCommand } from './setup/dependencies.mjs';
import { findLibtorch } from './setup/libtorch.mjs';
import { buildJobs, nativePaths } from './setup/native.mjs';
import { writeStamp } from './setup/stamp.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const build = path.join(root, 'build', 'sanitize');

function buildWithSanitizers() {
  const { chosen } = findLibtorch({ root, env: process.env });
  const command = [packageCommand(root, 'cmake-js', 'cmake-js'), 'build', '--config', 'Release', '--out', build,
    '--parallel', String(buildJobs()), '--target', 'continual_torch', '--CDSANITIZE=address,undefined',
    `--CDLIBTORCH_ROOT=${chosen.root}`];
  const { status } = spawnSync(process.execPath, command, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) process.exit(1);
  const release = path.join(build, 'Release');
  copyFileSync(path.join(nativePaths(root).release, 'opener.node'), path.join(release, 'opener.node'));
  writeStamp(path.join(release, 'manifest.json'), { libtorch: { root: chosen.root, version: chosen.version } });
}

/** Node is built without the sanitizer's run-time library: it has to come first. */
function sanitizerEnvironment() {
  const library = (name) => execFileSync('c++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return {
    CONTINUAL_TORCH_ADDON: path.join(build, 'Release'),
    LD_PRELOAD: `${library('libasan.so')} ${library('libstdc++.so')}`,
    // Node and libtorch keep memory until the end; an allocation that is too large shall fail as it would without.
    ASAN_OPTIONS: 'detect_leaks=0:allocator_may_return_null=1',
    UBSAN_OPTIONS: 'print_stacktrace=1',
  };
}

const args = process.argv.slice(2);
const sanitize = args.includes('--sanitize');
if (sanitize) buildWithSanitizers();
const { status, signal } = spawnSync(
  process.execPath,
  ['--import', 'tsx', path.join(root, 'test', 'fuzz', 'main.ts'), ...args.filter((arg) => arg !== '--sanitize')],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...(sanitize ? sanitizerEnvironment() : {}) } },
);
if (signal) console.error(`fuzz: ended by ${signal}`);
process.exitCode = status ?? 1;
