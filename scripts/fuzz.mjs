// Damaged files of weights and models against their readers, random calls of operators and methods, random programs of hooks,
// data and errors: `npm run fuzz -- [safetensors|safetensors-index|torch|torchscript|calls|strategies] [--count N] [--seed N]
// [--from N] [--sanitize]`. With --sanitize against an addon that is built with sanitizers.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSanitizedAddon, sanitizedAddon } from './sanitize.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const args = process.argv.slice(2);
const sanitize = args.includes('--sanitize');
if (sanitize) buildSanitizedAddon(root);
const { status, signal } = spawnSync(
  process.execPath,
  ['--import', 'tsx', path.join(root, 'test', 'fuzz', 'main.ts'), ...args.filter((arg) => arg !== '--sanitize')],
  { cwd: root, stdio: 'inherit', env: { ...process.env, ...(sanitize ? sanitizedAddon(root) : {}) } },
);
if (signal) console.error(`fuzz: ended by ${signal}`);
process.exitCode = status ?? 1;
