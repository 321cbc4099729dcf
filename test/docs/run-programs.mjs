// Runs modules one after the other, each in an empty folder of its own, and tells the parent of each how it went. The process
// ends when nothing is left to do: what a module leaves running belongs to it too.
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

const describe = (error) => (error instanceof Error ? error.stack : String(error));
let current;
process.on('unhandledRejection', (error) => {
  process.send({ file: current, error: describe(error) });
});

for (const file of process.argv.slice(2)) {
  current = file;
  process.chdir(mkdtempSync(path.join(process.env.CONTINUAL_TORCH_FOLDER ?? tmpdir(), 'page-')));
  try {
    await import(pathToFileURL(file));
    process.send({ file });
  } catch (error) {
    process.send({ file, error: describe(error) });
  }
}
