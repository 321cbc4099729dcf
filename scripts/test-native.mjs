// Runs the test of the C++ core, which knows nothing of Node.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const name = process.platform === 'win32' ? 'continual_torch_core_test.exe' : 'continual_torch_core_test';
const file = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', 'build', 'Release', name);
const { status, error } = spawnSync(file, { stdio: 'inherit' });
if (error) console.error(`cannot run ${file}: ${error.message}`);
process.exitCode = status ?? 1;
