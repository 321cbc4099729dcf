// The programs that users write: each trains the same small model, so each has to print the same.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { packageCommand } from '../setup/dependencies.mjs';
import { runIn } from './project.mjs';

const RESOLUTIONS = { node16: 'node16', nodenext: 'nodenext', bundler: 'esnext' };

/** The first TypeScript of the README. */
export function readmeExample(root) {
  const block = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(root, 'README.md'), 'utf8'));
  if (block === null) throw new Error('README.md holds no TypeScript');
  return block[1];
}

/** Compiles with the repository's own compiler, as strict as it gets, the package's declarations included. */
export async function compile({ root, project, file, resolution, outDir }) {
  const args = [
    packageCommand(root, 'typescript', 'tsc'), file, '--outDir', outDir, '--strict', '--skipLibCheck', 'false',
    '--target', 'es2022', '--module', RESOLUTIONS[resolution], '--moduleResolution', resolution,
  ];
  await runIn(project, [process.execPath, ...args]);
}

/** esbuild, in one of two ways: the package bundled, and its binaries left where npm put them; or left whole. */
async function bundle({ root, project, outfile, external }) {
  // esbuild comes with tsx.
  const { build } = createRequire(createRequire(join(root, 'package.json')).resolve('tsx/package.json'))('esbuild');
  await build({
    absWorkingDir: project.folder, entryPoints: ['commonjs.cjs'], outfile, external,
    bundle: true, platform: 'node', format: 'cjs', logLevel: 'error',
  });
}

/** Copies the programs into the project. @returns {Promise<{name: string, command: string[]}[]>} */
export async function prepareConsumers({ root, project }) {
  const programs = join(root, 'test', 'install');
  for (const name of readdirSync(programs)) copyFileSync(join(programs, name), join(project.folder, name));
  writeFileSync(join(project.folder, 'readme.mts'), readmeExample(root));
  const node = (name, file) => ({ name, command: [process.execPath, file] });
  const consumers = [
    node('CommonJS', 'commonjs.cjs'), node('ES module, named imports', 'module.mjs'), node('worker threads', 'workers.cjs'),
    node('forked process', 'fork.cjs'),
  ];
  for (const resolution of Object.keys(RESOLUTIONS)) {
    const outDir = `typescript-${resolution}`;
    await compile({ root, project, file: 'typescript.mts', resolution, outDir });
    consumers.push(node(`TypeScript, ${resolution}`, join(outDir, 'typescript.mjs')));
  }
  mkdirSync(join(project.folder, 'bundles'));
  await bundle({ root, project, outfile: 'bundles/all.cjs', external: ['@continual-torch/*'] });
  await bundle({ root, project, outfile: 'bundles/without.cjs', external: ['continual-torch'] });
  return [...consumers, node('esbuild, bundled', 'bundles/all.cjs'), node('esbuild, external', 'bundles/without.cjs')];
}

/** Runs consumers one after the other. @throws Error where one prints another version or loss than the first */
export async function runConsumers({ project, consumers, version, user }) {
  let expected = null;
  for (const { name, command } of consumers) {
    const { stdout, seconds } = await runIn(project, command, { user });
    expected ??= stdout;
    if (stdout !== expected) throw new Error(`${name} printed ${stdout}, not ${expected}`);
    const found = JSON.parse(stdout).version;
    if (found !== version) throw new Error(`${name} has version ${found}, not ${version}`);
    console.log(`  ${name.padEnd(26)} ${seconds.toFixed(1)} s`);
  }
}
