// The native build. `build/cmake` is CMake's own folder, so that node-gyp's files in `build/` never meet it; what it
// makes is copied whole to `build/Release`, where the addon is loaded from.
import { availableParallelism } from 'node:os';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describeCuda } from '../../lib/libtorch/libtorch-folder.js';
import { MANIFEST, manifestOf } from '../../lib/libtorch/local-build.js';
import { packageCommand, packageVersion } from './dependencies.mjs';
import { diskFullError, isDiskFull } from './failures.mjs';
import { describeOwner, isAlive } from './lock.mjs';
import { SetupError, runStep } from './report.mjs';
import { groupLives, run, signalGroup, sleep } from './run.mjs';
import { hashFiles, listFiles, readStamp, sha256, writeStamp } from './stamp.mjs';
import { findCompiler } from './tools.mjs';

const CONFIG = 'Release';
// One compiler that reads libtorch's headers takes about this much.
const BYTES_PER_JOB = 2.5 * 2 ** 30;
const exe = process.platform === 'win32' ? '.exe' : '';
const OUTPUTS = ['continual_torch.node', 'opener.node', `continual_torch_core_test${exe}`];
/** How `npm run prebuild`, which reaches this only through node-gyp, names the run path of an addon to be published. */
export const RUN_PATH_VARIABLE = 'CONTINUAL_TORCH_PREBUILD_RUN_PATH';

export function nativePaths(root) {
  const build = join(root, 'build');
  return {
    cmake: join(build, 'cmake'),
    release: join(build, CONFIG),
    marker: join(build, '.building'),
    /** What the loader reads: for which libtorch the binaries in `release` are. */
    manifest: join(build, CONFIG, MANIFEST),
    /** What the set-up reads: what the last build was made of. */
    stamp: join(build, '.continual-torch-native.json'),
    environment: join(build, 'cmake', '.continual-torch-environment.json'),
  };
}

/**
 * What objects depend on besides the sources. Files inside npm packages all carry one date of 1985, so no make ever
 * sees that a header in them has changed; the same goes for the precompiled header and another libtorch.
 */
export function buildEnvironment({ root, env, libtorch }) {
  const packages = ['cmake-js', 'node-addon-api', 'node-api-headers'];
  return {
    root,
    libtorch: { root: libtorch.root, version: libtorch.version, cuda: libtorch.cuda },
    compiler: findCompiler(env)?.about ?? 'none',
    packages: Object.fromEntries(packages.map((name) => [name, packageVersion(root, name)])),
    config: CONFIG,
    flags: [env.CXXFLAGS ?? '', env.LDFLAGS ?? ''],
    runPath: env[RUN_PATH_VARIABLE],
  };
}

function nativeHash({ root, environment }) {
  const files = [...listFiles(join(root, 'native')), join(root, 'CMakeLists.txt')];
  return sha256(JSON.stringify(environment), hashFiles(root, files));
}

function outputsWhole(paths, outputs) {
  return existsSync(paths.manifest) && Object.entries(outputs).every(([name, size]) =>
    statSync(join(paths.release, name), { throwIfNoEntry: false })?.size === size);
}

/** @returns {string | null} why the addon has to be built, or null */
export function nativeStale({ root, env, libtorch }) {
  const paths = nativePaths(root);
  if (existsSync(paths.marker)) return 'the last build did not come to its end';
  const stamp = readStamp(paths.stamp);
  if (stamp === null) return 'it is not built yet';
  if (!outputsWhole(paths, stamp.outputs)) return 'files of it are missing';
  const environment = buildEnvironment({ root, env, libtorch });
  if (stamp.hash === nativeHash({ root, environment })) return null;
  const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
  if (!same(stamp.environment.libtorch, environment.libtorch)) return 'it was built for another libtorch';
  if (!same(stamp.environment, environment)) return 'compiler, flags or npm packages have changed';
  return 'its sources have changed';
}

/** Ends a build whose set-up was killed: it would go on writing into the folder that is to be deleted. */
async function endOrphan(marker) {
  const owner = readStamp(marker)?.build;
  if (!owner || isAlive(owner) !== true || process.platform === 'win32') return;
  signalGroup(owner.pid, 'SIGTERM');
  while (groupLives(owner.pid)) await sleep(100);
}

function wipe(paths) {
  // Deleting takes a while and may be interrupted; a renamed folder is out of the way at once.
  const trash = `${paths.cmake}.old-${process.pid}`;
  if (existsSync(paths.cmake)) {
    try {
      renameSync(paths.cmake, trash);
    } catch (error) {
      if (!['EXDEV', 'EBUSY'].includes(error.code)) throw error;
      rmSync(paths.cmake, { recursive: true, force: true });
    }
  }
  rmSync(trash, { recursive: true, force: true, maxRetries: 3 });
}

/**
 * Makes the build folder fit to build in, and leaves the marker behind.
 * @returns {Promise<string | null>} why the old build was deleted, or null
 */
export async function prepareBuildFolder({ root, environment }) {
  const paths = nativePaths(root);
  const interrupted = existsSync(paths.marker);
  if (interrupted) await endOrphan(paths.marker);
  rmSync(paths.stamp, { force: true });
  writeStamp(paths.marker, { setup: describeOwner() });
  let why = null;
  if (existsSync(paths.cmake)) {
    // What was half written when a build was killed can look newer than its source, and would be taken for whole.
    if (interrupted) why = 'the last build was killed, so it starts afresh';
    else if (JSON.stringify(readStamp(paths.environment)) !== JSON.stringify(environment)) {
      why = 'objects of another libtorch, compiler or header package are of no use, so it starts afresh';
    }
    if (why !== null) wipe(paths);
  }
  writeStamp(paths.environment, environment);
  return why;
}

export function buildJobs(env = process.env) {
  const asked = Number(env.CMAKE_BUILD_PARALLEL_LEVEL);
  if (Number.isInteger(asked) && asked > 0) return asked;
  const memory = process.availableMemory?.() ?? Infinity;
  return Math.max(1, Math.min(availableParallelism(), Math.floor(memory / BYTES_PER_JOB)));
}

/** The last `[ 42%] Building ...` (make) or `[3/40] Building ...` (ninja) in a piece of output. */
export function buildProgress(text) {
  const last = [...text.matchAll(/^\[\s*(\d+%|\d+\/\d+)\] (.*)$/gm)].at(-1);
  return last ? `${last[1]} ${last[2].replace(/ CXX object .*\//, ' ')}` : null;
}

function buildFailure(output, root) {
  if (isDiskFull(output)) return diskFullError('the native build', root);
  const killed = /Killed signal terminated program|out of memory|cannot allocate memory/i.test(output)
    ? '\nThe compiler ran out of memory. CMAKE_BUILD_PARALLEL_LEVEL=1 makes it compile one file at a time.' : '';
  return new SetupError(`the native build failed:\n${output.trimEnd()}${killed}`);
}

/**
 * Copies a build's products where they are loaded from. Each appears whole or not at all, the manifest last: until then
 * programs that start load what was there before.
 */
function publish(paths, libtorch, env) {
  mkdirSync(paths.release, { recursive: true });
  const outputs = {};
  const moves = [];
  for (const name of OUTPUTS) {
    const made = join(paths.cmake, CONFIG, name);
    if (!existsSync(made) && name !== OUTPUTS[0]) continue;
    const aside = join(paths.release, `.${name}.aside-${process.pid}`);
    copyFileSync(made, aside);
    moves.push([aside, join(paths.release, name)]);
    outputs[name] = statSync(aside).size;
  }
  for (const [aside, place] of moves) renameSync(aside, place);
  writeStamp(paths.manifest, manifestOf(libtorch, env));
  return outputs;
}

export async function buildNative({ root, env, libtorch, reporter, why }) {
  const paths = nativePaths(root);
  const environment = buildEnvironment({ root, env, libtorch });
  const jobs = buildJobs(env);
  const target = `libtorch ${libtorch.version} (${describeCuda(libtorch.cuda)})`;
  const patience = existsSync(paths.cmake) ? '' : ', which takes minutes the first time';
  const opening = `${why}; compiling for ${target} with ${jobs} job${jobs === 1 ? '' : 's'}${patience}`;
  await runStep(reporter, 'native build', opening, async (progress) => {
    const cmakeJs = packageCommand(root, 'cmake-js', 'cmake-js');
    if (cmakeJs === null) throw new SetupError('cmake-js is not installed, and it drives the build. Run npm ci.');
    const afresh = await prepareBuildFolder({ root, environment });
    if (afresh !== null) reporter.say(`native build: ${afresh}`);
    // A file saved while the compiler runs must lead to another build, so the hash is taken before.
    const hash = nativeHash({ root, environment });
    let orderly = false;
    try {
      const { code, output } = await run(process.execPath, [cmakeJs, 'build', '--config', CONFIG, '--out', paths.cmake,
        '--parallel', String(jobs), `--CDLIBTORCH_ROOT=${libtorch.root}`,
        `--CDPREBUILD_RUN_PATH=${env[RUN_PATH_VARIABLE] ?? ''}`], {
        cwd: root,
        // CMakeLists.txt asks `node` where node-addon-api lies; it shall ask this one.
        env: { ...env, PATH: `${dirname(process.execPath)}${delimiter}${env.PATH ?? ''}` },
        onStart: (pid) => writeStamp(paths.marker, { setup: describeOwner(), build: describeOwner(pid) }),
        onOutput: (text) => progress(buildProgress(text) ?? undefined),
      });
      orderly = true;
      if (code !== 0) throw buildFailure(output, root);
      writeStamp(paths.stamp, { hash, environment, outputs: publish(paths, libtorch, env) });
    } catch (error) {
      orderly ||= error.killed === false;
      throw error;
    } finally {
      if (orderly) rmSync(paths.marker, { force: true });
    }
  });
}
