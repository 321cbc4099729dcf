// Runs the test of the C++ core, which knows nothing of Node; with --sanitize one that is built with sanitizers.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSanitizedTest, sanitizerOptions } from './sanitize.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const sanitize = process.argv.includes('--sanitize');
const name = process.platform === 'win32' ? 'continual_torch_core_test.exe' : 'continual_torch_core_test';
const file = sanitize ? buildSanitizedTest(root) : path.join(root, 'build', 'Release', name);
const env = { ...process.env, ...(sanitize ? sanitizerOptions : {}) };
const { status, error } = spawnSync(file, { stdio: 'inherit', env });
if (error) console.error(`cannot run ${file}: ${error.message}`);
process.exitCode = status ?? 1;
