// The set-up: what is stale is found first, without a lock and without output, so that a run with nothing to do costs
// next to nothing. Only then are tools checked, the lock taken, and the steps done in order.
import { join } from 'node:path';
import { cacheFolders, writableCache } from '../../lib/libtorch/cache-folder.js';
import { TESTED_VERSION, describeCuda } from '../../lib/libtorch/libtorch-folder.js';
import { describeFailure } from './failures.mjs';
import { fetchLibtorch } from './fetch-libtorch.mjs';
import { findLibtorch, passedOver } from './libtorch.mjs';
import { withLock } from './lock.mjs';
import { buildNative, nativeStale } from './native.mjs';
import { installPackages, packagesStale } from './npm-packages.mjs';
import { SetupError, createReporter, runStep } from './report.mjs';
import { installSignalHandlers, throwIfInterrupted } from './run.mjs';
import { requireTools } from './tools.mjs';
import { compileTypescript, typescriptStale } from './typescript.mjs';

/**
 * What has to be done, and why.
 * @returns {{packages: string | null, fetch: boolean, native: string | null, typescript: string | null,
 *   libtorch: ReturnType<typeof findLibtorch>}}
 */
export function plan({ root, env, nativeOnly = false }) {
  const libtorch = findLibtorch({ root, env });
  if (libtorch.refusal !== null) throw new SetupError(libtorch.refusal);
  const { chosen } = libtorch;
  const unknown = 'it is not built for the libtorch to be fetched';
  return {
    packages: nativeOnly ? null : packagesStale(root),
    fetch: chosen === null,
    native: chosen === null ? unknown : nativeStale({ root, env, libtorch: chosen }),
    typescript: nativeOnly ? null : typescriptStale(root),
    libtorch,
  };
}

const nothingToDo = ({ packages, fetch, native, typescript }) => !packages && !fetch && !native && !typescript;

async function fetchMissing({ root, env, reporter, looked }) {
  for (const line of passedOver(looked)) reporter.say(`libtorch: ${line}`);
  const why = `none was found, so PyTorch ${TESTED_VERSION} (CPU, a download of about 0.2 GB) is fetched`;
  await runStep(reporter, 'libtorch', why, async (progress) => {
    const cache = writableCache(cacheFolders({ root, env }));
    const onWait = () => reporter.say('libtorch: another set-up is fetching it; waiting for that one');
    const copy = await fetchLibtorch(cache, { root, env, progress, onWait });
    return `in ${copy}`;
  });
  return findLibtorch({ root, env }).chosen;
}

async function work({ root, env, reporter, nativeOnly, todo }) {
  if (todo.packages) await installPackages({ root, env, reporter, why: todo.packages });
  throwIfInterrupted();
  let libtorch = todo.libtorch.chosen;
  if (todo.fetch) libtorch = await fetchMissing({ root, env, reporter, looked: todo.libtorch.looked });
  else if (todo.native) {
    for (const line of passedOver(todo.libtorch.looked)) reporter.say(`libtorch: ${line}`);
    const { version, cuda, source } = libtorch;
    reporter.say(`libtorch: ${version} (${describeCuda(cuda)}) from ${source}, ${libtorch.root}`);
  }
  throwIfInterrupted();
  const native = todo.fetch ? nativeStale({ root, env, libtorch }) : todo.native;
  if (native) await buildNative({ root, env, libtorch, reporter, why: native });
  throwIfInterrupted();
  if (!nativeOnly && todo.typescript) await compileTypescript({ root, env, reporter, why: todo.typescript });
}

/**
 * Brings packages, libtorch, the addon and dist up to date.
 * @param {{root: string, env?: NodeJS.ProcessEnv, nativeOnly?: boolean}} options
 *   `nativeOnly`: libtorch and the addon alone, as node-gyp wants it.
 */
export async function setup({ root, env = process.env, nativeOnly = false, reporter = createReporter({ env }) }) {
  let todo = plan({ root, env, nativeOnly });
  if (nothingToDo(todo)) return;
  requireTools({ build: Boolean(todo.native), env });
  await withLock(join(root, '.cache', 'setup.lock'), async () => {
    todo = plan({ root, env, nativeOnly });
    if (!nothingToDo(todo)) await work({ root, env, reporter, nativeOnly, todo });
  }, {
    onWait: (owner) => {
      reporter.say(`another set-up (process ${owner?.pid ?? 'unknown'}) is at work in this folder; waiting for it`);
    },
  });
}

/** `setup` for a command line: one message and an exit code instead of an exception. */
export async function runSetup(options) {
  const reporter = createReporter();
  // `npm run demo 2>&1 | head` closes standard error early; the set-up goes on without it.
  process.stderr.on('error', () => {});
  installSignalHandlers();
  try {
    await setup({ ...options, reporter });
  } catch (error) {
    const { message, exitCode } = describeFailure(error, options.root);
    reporter.fail(message);
    process.exitCode = exitCode;
  }
}
