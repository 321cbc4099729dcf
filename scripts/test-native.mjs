// Runs the test of the C++ core, which knows nothing of Node; with --sanitize one that is built with sanitizers.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSanitized, sanitizerOptions } from './sanitize.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const sanitize = process.argv.includes('--sanitize');
const test = 'continual_torch_core_test';
const release = sanitize ? buildSanitized(root, test) : path.join(root, 'build', 'Release');
const file = path.join(release, process.platform === 'win32' ? `${test}.exe` : test);
const env = { ...process.env, ...(sanitize ? sanitizerOptions : {}) };
const { status, error } = spawnSync(file, { stdio: 'inherit', env });
if (error) console.error(`cannot run ${file}: ${error.message}`);
process.exitCode = status ?? 1;
