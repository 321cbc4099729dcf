// Each layer knows only the one below: Node-API stays in native/binding, and there in one header; the addon is loaded by
// lib/libtorch for lib/native. In native/core no room uses one above it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');

const rules = [
  { folder: 'native', pattern: /#include\s*[<"]napi\.h[>"]/, allowed: ['native/binding/util/napi_setup.h'] },
  { folder: 'native/core', pattern: /#include\s*[<"](napi|node_api|binding\/)/, allowed: [] },
  { folder: 'lib', pattern: /\.node['"`]/, allowed: ['lib/libtorch/candidates.ts', 'lib/libtorch/local-build.js'] },
];

/** The rooms of native/core from the ground up: a file uses its own room and those below, error.h and torch.h. */
const rooms = [
  'memory', 'operators', 'compute', 'files', 'flat_parameters', 'overrides', 'data', 'optimizers', 'models', 'regularization',
  'training',
];
const roomOf = (name) => rooms.indexOf(name.split(/[/.]/)[0]);

let breaches = 0;
for (const { folder, pattern, allowed } of rules) {
  for (const entry of readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    const name = path.relative(root, file).split(path.sep).join('/');
    if (allowed.includes(name) || !pattern.test(readFileSync(file, 'utf8'))) continue;
    console.error(`${name}: ${pattern} belongs in ${allowed.join(', ') || 'another layer'}`);
    breaches++;
  }
}
const core = path.join(root, 'native', 'core');
for (const entry of readdirSync(core, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile()) continue;
  const file = path.join(entry.parentPath ?? entry.path, entry.name);
  const name = path.relative(core, file).split(path.sep).join('/');
  if (name === 'error.h' || name === 'torch.h') continue;
  if (roomOf(name) === -1) {
    console.error(`native/core/${name}: expected one of the rooms ${rooms.join(', ')}`);
    breaches++;
  }
  for (const [, used] of readFileSync(file, 'utf8').matchAll(/#include "core\/([^"]+)"/g)) {
    if (roomOf(used) <= roomOf(name)) continue;
    console.error(`native/core/${name}: uses ${used}, which stands above it`);
    breaches++;
  }
}
process.exitCode = breaches > 0 ? 1 : 0;
