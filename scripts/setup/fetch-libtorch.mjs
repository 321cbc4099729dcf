// Fetches PyTorch's CPU build with pip and keeps its C++ part in the cache folder. Everything is made in a folder
// aside and renamed at the very end: what has the final name is whole.
import { mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyFolder, copyRoot } from '../../lib/libtorch/cache-folder.js';
import { diskFullError, isDiskFull } from './failures.mjs';
import { TESTED_VERSION, inspectLibtorchFolder } from '../../lib/libtorch/libtorch-folder.js';
import { withLock } from './lock.mjs';
import { describeOwner, isAlive } from './owner.mjs';
import { downloadWheel } from './pip-download.mjs';
import { pythonCommand } from './python.mjs';
import { SetupError } from './report.mjs';
import { run } from './run.mjs';
import { readStamp, writeStamp } from './stamp.mjs';

const PYTORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu';
// Wheel 0.2 GB, pip's own cache of it 0.2 GB, unpacked 0.5 GB, and room to breathe.
const NEEDED_BYTES = 1.5e9;
const FIRST_BYTE_MS = { pytorch: 20_000, users: 60_000 };
const ASIDE = '.fetch-';
const UNPACKER = fileURLToPath(new URL('unpack_wheel.py', import.meta.url));

function waysOut(reasons) {
  return [
    `PyTorch ${TESTED_VERSION} (CPU) could not be fetched:`,
    ...reasons.map((reason) => `  - ${reason}`),
    'Ways out:',
    `  - reach ${PYTORCH_CPU_INDEX} (proxy: HTTPS_PROXY), or set CONTINUAL_TORCH_INDEX to a mirror of it;`,
    '  - unpack a libtorch by hand and let LIBTORCH name its folder;',
    `  - ${pythonCommand} -m pip install torch==${TESTED_VERSION}: the set-up uses the PyTorch of that Python;`,
    `  - if pip is older than 20.3, upgrade it: ${pythonCommand} -m pip install --upgrade pip`,
  ].join('\n');
}

/** Removes folders that a killed set-up left half made. One whose maker still lives is at work. */
export function removeDeadAsides(cache) {
  for (const name of readdirSync(cache).filter((each) => each.startsWith(ASIDE))) {
    const owner = readStamp(join(cache, name, 'owner.json'));
    if (owner === null || isAlive(owner) === false) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

function checkRoom(cache, statfs) {
  const { bavail, bsize } = statfs(cache);
  if (bavail * bsize >= NEEDED_BYTES) return;
  throw new SetupError(
    `too little room in ${cache}: PyTorch needs ${NEEDED_BYTES / 1e9} GB while it is unpacked ` +
      `(0.5 GB afterwards), and ${(bavail * bsize / 1e9).toFixed(1)} GB are free.\n` +
      'Free some space, or set XDG_CACHE_HOME (Linux) to a folder on a larger disk.',
  );
}

async function unpack(wheel, folder, progress) {
  const { code, output } = await run(pythonCommand, [UNPACKER, wheel, folder], {
    onOutput: (text) => progress(`unpacking, ${text.trim().split('\n').at(-1)}`),
  });
  if (code === 0) return null;
  if (code === 3) return 'what arrived is a CUDA build, which cannot load without the libraries of NVIDIA';
  if (isDiskFull(output)) throw diskFullError('unpacking PyTorch', folder);
  return `what arrived could not be unpacked: ${output.trim().split('\n').at(-1)}`;
}

async function fetchInto(aside, { indexes, env, cache, progress, pythons }) {
  const reasons = [];
  for (const index of indexes) {
    progress(`asking ${index.name}`);
    const { silentMs } = index;
    const { wheel, why } = await downloadWheel({ index, folder: aside, env, progress, silentMs, pythons });
    if (wheel === null) {
      reasons.push(`${index.name}: ${why}`);
      continue;
    }
    const unpacked = join(aside, 'unpacked');
    rmSync(unpacked, { recursive: true, force: true });
    const problem = await unpack(wheel, unpacked, progress);
    const { faults } = inspectLibtorchFolder(join(unpacked, 'torch'), { headers: true });
    if (problem === null && faults.length === 0) {
      rmSync(copyFolder(cache), { recursive: true, force: true });
      renameSync(unpacked, copyFolder(cache));
      return copyRoot(cache);
    }
    reasons.push(`${index.name}: ${problem ?? `what arrived ${faults.join('; ')}`}`);
  }
  throw new SetupError(waysOut(reasons));
}

/**
 * Fetches PyTorch's CPU build into a cache folder.
 *
 * @param {string} cache  a folder that can be written
 * @param {{env?: NodeJS.ProcessEnv, progress?: (text: string) => void, onWait?: () => void,
 *   statfs?: typeof statfsSync, pythons?: (string | null)[]}} options
 * @returns {Promise<string>} the libtorch root
 * @throws SetupError with every way out where no index gave a CPU build
 */
export async function fetchLibtorch(
  cache,
  { env = process.env, progress = () => {}, onWait, statfs = statfsSync, pythons } = {},
) {
  const own = env.CONTINUAL_TORCH_INDEX || PYTORCH_CPU_INDEX;
  const indexes = [
    { name: own, url: own, silentMs: FIRST_BYTE_MS.pytorch },
    { name: "the index that this user's pip is set to", url: null, silentMs: FIRST_BYTE_MS.users },
  ];
  return withLock(join(cache, '.lock'), async () => {
    removeDeadAsides(cache);
    // Another checkout may have fetched the copy while this one waited for the lock.
    if (inspectLibtorchFolder(copyRoot(cache), { headers: true }).faults.length === 0) return copyRoot(cache);
    checkRoom(cache, statfs);
    const aside = join(cache, `${ASIDE}${process.pid}`);
    mkdirSync(aside, { recursive: true });
    writeStamp(join(aside, 'owner.json'), describeOwner());
    try {
      return await fetchInto(aside, { indexes, env, cache, progress, pythons });
    } finally {
      rmSync(aside, { recursive: true, force: true });
    }
  }, { onWait });
}
