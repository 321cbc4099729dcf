// `npm run doctor`: what this machine has, what the set-up would use and why, and what the built package says of itself. It
// changes nothing.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printSections } from '../lib/libtorch/doctor.js';
import { diagnose } from './setup/diagnosis.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { sections, verdict, isBuilt } = diagnose({ root });
printSections(sections);
const compiled = join(root, 'dist', 'cli', 'doctor.js');
let works = true;
if (isBuilt && existsSync(compiled)) works = await createRequire(import.meta.url)(compiled).printLoaded();
console.log(verdict.text);
process.exitCode = verdict.ok && works ? 0 : 1;
