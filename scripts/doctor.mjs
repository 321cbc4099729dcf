// `npm run doctor`: what this machine has, what the set-up would use and why. It changes nothing.
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { diagnose } from './setup/diagnosis.mjs';
import { painter } from './setup/report.mjs';

const paint = painter(process.stdout);
const { sections, verdict } = diagnose({ root: dirname(dirname(fileURLToPath(import.meta.url))) });
const width = Math.max(...sections.flatMap(({ rows }) => rows.map(({ name }) => name.length)));
const mark = (ok) => (ok === null ? paint('dim', '-') : ok ? paint('green', '+') : paint('red', 'x'));

for (const { title, rows } of sections) {
  console.log(paint('bold', title));
  for (const { name, ok, text } of rows) console.log(`  ${mark(ok)} ${name.padEnd(width)}  ${text}`);
  console.log();
}
console.log(verdict.text);
process.exitCode = verdict.ok ? 0 : 1;
