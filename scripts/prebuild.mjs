// `npm run prebuild [-- --libtorch DIR ...]`: the packages that are published for this platform, in build/packages.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { prebuild } from './prebuild/main.mjs';

try {
  const { values } = parseArgs({ options: { libtorch: { type: 'string', multiple: true, default: [] } } });
  await prebuild({ root: dirname(dirname(fileURLToPath(import.meta.url))), folders: values.libtorch });
} catch (error) {
  console.error(`prebuild: failed: ${error.message}`);
  process.exitCode = 1;
}
