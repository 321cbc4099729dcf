// `npm run test:arm64 [-- --torch VERSION] [-- FILE...]`: compiles for 64-bit ARM on an x86-64 machine with Debian's or Ubuntu's
// cross compiler and runs, under QEMU, the core's tests, the recorded runs, the traces and a small demo on several processors;
// with names of test files those instead, on one. Everything that it fetches and makes lies in build/arm64.
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { TESTED_VERSION } from '../lib/libtorch/libtorch-folder.js';
import { describeFailure } from './setup/failures.mjs';
import { withLock } from './setup/lock.mjs';
import { installPackages, packagesStale } from './setup/npm-packages.mjs';
import { createReporter, runStep } from './setup/report.mjs';
import { installSignalHandlers, probe, run } from './setup/run.mjs';
import { compileTypescript, typescriptStale } from './setup/typescript.mjs';
import { crossBuild } from './test-arm64/build.mjs';
import { fetchNode, fetchTorch } from './test-arm64/fetch.mjs';
import { createMachine, makeZlib } from './test-arm64/machines.mjs';
import { EMULATOR, requireTools } from './test-arm64/tools.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(root, 'build', 'arm64');
const env = process.env;
const reporter = createReporter({ name: 'test:arm64' });

/** Processors, and with what; `demo`: the demo as well, which takes as long as all the rest. */
const RUNS = [
  { processor: 'neoverse-n1', overrides: '', demo: true },
  { processor: 'neoverse-n1', overrides: 'on' },
  { processor: 'neoverse-n1', overrides: 'off' },
  { processor: 'sve-128', overrides: '' },
  { processor: 'sve-256', overrides: '' },
];

const fixtures = join(root, 'test', 'fixtures');
const recordings = (name) => readdirSync(join(fixtures, name), { withFileTypes: true });
const foldersOf = (name) => recordings(name).filter((entry) => entry.isDirectory()).map((entry) => join(fixtures, name, entry.name));

/** All but the one that pins a defect of the reference (test/training/templates/hook-sequence.test.ts). */
const traces = () => recordings('traces').map(({ name }) => name)
  .filter((name) => name.endsWith('.json') && name !== 'stop_last_epoch.json').map((name) => join(fixtures, 'traces', name));

async function prepare(version) {
  const step = (name, why, work) => runStep(reporter, name, why, work);
  const packages = packagesStale(root);
  if (packages) await installPackages({ root, env, reporter, why: packages });
  const typescript = typescriptStale(root);
  if (typescript) await compileTypescript({ root, env, reporter, why: typescript });
  let libtorch, node, addon;
  await step('libtorch', `${version} for aarch64`, async (progress) => {
    libtorch = await fetchTorch({ folder: join(folder, `torch-${version}`), version, env, progress });
  });
  await step('Node', '20 for aarch64', async (progress) => {
    node = await fetchNode({ folder: join(folder, 'node-20'), major: 20, env, progress });
  });
  await step('cross build', 'the core, its tests and the addon', async (progress) => {
    addon = await crossBuild({
      root, folder: join(folder, `cmake-${version}`), libtorch: { root: libtorch, version }, env, progress,
    });
  });
  const libraries = join(folder, 'libraries');
  makeZlib({ folder: libraries, env });
  const machineOf = (name) => createMachine({ folder: join(folder, 'machines'), name, node, libraries });
  return { machineOf, addon, libtorch };
}

/** Runs one program on a machine; @returns whether it ended well */
async function passes(name, command, args, { addon, libtorch, more = {} }) {
  const began = Date.now();
  console.log(`\n== ${name}`);
  const { code } = await run(command, args, {
    cwd: root,
    env: { ...env, CONTINUAL_TORCH_ADDON: addon, LIBTORCH: libtorch, OMP_WAIT_POLICY: 'PASSIVE', ...more },
    onOutput: (text) => process.stdout.write(text),
  });
  console.log(`== ${name}: ${code === 0 ? 'passes' : `FAILS (${code ?? 'ended by a signal'})`}, ${Math.round((Date.now() - began) / 1000)} s`);
  return code === 0;
}

async function runAll({ machineOf, addon, libtorch }) {
  const failed = [];
  for (const { processor, overrides, demo = false } of RUNS) {
    const machine = machineOf(processor);
    const cli = (name) => join(root, 'dist', 'cli', `${name}.js`);
    const programs = {
      'the core': [machine.run, [join(addon, 'continual_torch_core_test')]],
      'doctor': [machine.node, [cli('main'), 'doctor']],
      'recorded runs': [machine.node, [cli('parity'), ...foldersOf('parity'), ...foldersOf('runs')]],
      'traces': [machine.node, [cli('trace'), ...traces()]],
      ...(demo ? { 'the demo': [machine.node, [join(root, 'scripts', 'test-arm64', 'demo.mjs')]] } : {}),
    };
    for (const [what, [command, args]] of Object.entries(programs)) {
      const name = `${what} on ${processor}${overrides && `, overrides ${overrides}`}`;
      const more = { CONTINUAL_TORCH_OVERRIDES: overrides };
      if (!(await passes(name, command, args, { addon, libtorch, more }))) failed.push(name);
    }
  }
  return failed;
}

/** Under mocha; the compiler that tsx calls is this machine's own. */
async function runFiles(files, { machineOf, addon, libtorch }) {
  const { processor } = RUNS.find(({ demo }) => demo);
  const machine = machineOf(processor);
  const mocha = join(root, 'node_modules', 'mocha', 'lib', 'cli', 'cli.js');
  const more = {
    ESBUILD_BINARY_PATH: join(root, 'node_modules', '@esbuild', 'linux-x64', 'bin', 'esbuild'),
    NODE_OPTIONS: `--require ${JSON.stringify(machine.preload)}`,
  };
  const name = `${files.join(' ')} on ${processor}`;
  return (await passes(name, machine.node, [mocha, ...files], { addon, libtorch, more })) ? [] : [name];
}

async function main() {
  const { values, positionals: files } = parseArgs({
    options: { torch: { type: 'string', default: TESTED_VERSION } }, allowPositionals: true,
  });
  requireTools();
  const emulator = probe(EMULATOR, ['--version']).stdout.split('\n')[0];
  console.log(`test:arm64: ${emulator} on ${cpus()[0].model.trim()}, ${cpus().length} cores`);
  const onWait = () => reporter.say('another run is at work; waiting for that one');
  return withLock(join(folder, '.lock'), async () => {
    const made = await prepare(values.torch);
    const failed = files.length > 0 ? await runFiles(files, made) : await runAll(made);
    console.log(failed.length === 0 ? '\ntest:arm64: all is well' : `\ntest:arm64: failed: ${failed.join('; ')}`);
    return failed.length === 0 ? 0 : 1;
  }, { onWait });
}

installSignalHandlers();
try {
  process.exitCode = await main();
} catch (error) {
  const { message, exitCode } = describeFailure(error, root);
  reporter.fail(message);
  process.exitCode = exitCode;
}
