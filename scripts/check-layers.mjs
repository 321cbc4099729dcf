// Each layer knows only the one below: Node-API stays in native/binding, and there in one header; the addon is loaded by
// lib/native.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname), '..');

const rules = [
  { folder: 'native', pattern: /#include\s*[<"]napi\.h[>"]/, allowed: ['native/binding/napi_setup.h'] },
  { folder: 'native/core', pattern: /#include\s*[<"](napi|node_api|binding\/)/, allowed: [] },
  { folder: 'lib', pattern: /\.node['"`]/, allowed: ['lib/native/candidates.ts', 'lib/native/places.ts'] },
];

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
process.exitCode = breaches > 0 ? 1 : 0;
