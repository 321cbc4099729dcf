// What binding.gyp runs: libtorch and the native build, nothing else.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runSetup } from './setup/main.mjs';

await runSetup({ root: dirname(dirname(fileURLToPath(import.meta.url))), nativeOnly: true });
