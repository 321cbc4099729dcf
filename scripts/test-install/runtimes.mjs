// Other runtimes that have Node-API: the same programs, the same loss.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runIn } from './project.mjs';

/** As docs/installing.md says. */
const RUNTIMES = [
  { name: 'Bun', spec: 'bun@1.4.5', command: ['bun', 'run'] },
  { name: 'Deno', spec: 'deno@2.9.6', command: ['deno', 'run', '--allow-all', '--no-prompt'] },
];

/** TypeScript as it is: these runtimes take out the types themselves. */
const PROGRAMS = ['commonjs.cjs', 'module.mjs', 'workers.cjs', 'fork.cjs', 'typescript.mts'];

/** Installs the runtimes into the project. @returns {Promise<{name: string, command: string[]}[]>} */
export async function prepareRuntimes(project) {
  // Unlike this package, these put their program in place by a script.
  await runIn(project, ['npm', 'install', '--no-save', '--ignore-scripts=false', ...RUNTIMES.map(({ spec }) => spec)]);
  return RUNTIMES.flatMap(({ name, command: [program, ...args] }) => {
    const bin = join(project.folder, 'node_modules', '.bin', process.platform === 'win32' ? `${program}.cmd` : program);
    if (!existsSync(bin)) throw new Error(`${name}: npm has installed no ${bin}`);
    return PROGRAMS.map((file) => ({ name: `${name}, ${file}`, command: [bin, ...args, file] }));
  });
}
