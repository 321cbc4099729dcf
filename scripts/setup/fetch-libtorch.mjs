// PyTorch's CPU build for the cache folder: fetched as `continual-torch fetch-libtorch` fetches CUDA's, or else with pip,
// which may know a mirror. npm's packages are there by now; what is TypeScript of lib is loaded by tsx.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TESTED_VERSION } from '../../lib/libtorch/libtorch-folder.js';
import { pythonCommand } from '../../lib/libtorch/python-torch.js';
import { packageFolder } from './dependencies.mjs';
import { isDiskFull } from './failures.mjs';
import { pythonVersions } from './python.mjs';
import { SetupError } from './report.mjs';
import { interruptionSignal, run, throwIfInterrupted } from './run.mjs';

const PYTORCH_CPU_INDEX = 'https://download.pytorch.org/whl/cpu';
// An interpreter whose own tags match no wheel can still fetch one for another: no Python code of it is ever run.
const OTHER_PYTHONS = ['3.13', '3.12', '3.11', '3.10'];
const FIRST_BYTE_MS = 60_000; // The user's own index keeps the user's own patience.
const STALLED_MS = 90_000;

/** The fetcher, in lib/libtorch/fetch. */
function loadFetcher(root) {
  if (packageFolder(root, 'tsx') === null) throw new SetupError('tsx is not installed, and it loads what fetches libtorch. Run npm ci.');
  const tsx = createRequire(join(root, 'package.json'))('tsx/cjs/api');
  return tsx.require('../../lib/libtorch/fetch/index.ts', import.meta.url);
}

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

function largestFile(folder) {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch {
    return 0;
  }
  let largest = 0;
  for (const entry of entries) {
    // pip may remove a temporary file between the listing and this look at it.
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const size = entry.isFile() ? (statSync(file, { throwIfNoEntry: false })?.size ?? 0) : 0;
    largest = Math.max(largest, size);
  }
  return largest;
}

function announcedMegabytes(output) {
  const [, number, unit] = /\.whl \((\d+(?:\.\d+)?) (kB|MB|GB)\)/.exec(output) ?? [];
  return number === undefined ? null : Number(number) * { kB: 1e-3, MB: 1, GB: 1e3 }[unit];
}

const UNWANTED_SETTINGS =
  /^PIP_(NO_BINARY|ONLY_BINARY|PLATFORM|PYTHON_VERSION|IMPLEMENTATION|ABI|PRE|REQUIRE_(VIRTUALENV|HASHES)|QUIET|LOG)$/i;

/** Without pip's settings that would change what is asked for; its indexes, certificates and proxies stay. */
function pipEnvironment(env, temporary) {
  const kept = Object.entries(env).filter(([key]) => !UNWANTED_SETTINGS.test(key));
  return {
    ...Object.fromEntries(kept),
    // pip downloads to its temporary folder first. Ours lies on the disk whose room was checked; /tmp may be small.
    TMPDIR: temporary, TEMP: temporary, TMP: temporary,
    PYTHONIOENCODING: 'utf-8',
  };
}

/** What is left of a message of urllib3 when the objects it names are taken off. */
function rootCause(message) {
  const cause = /Caused by \w+\(['"]?(?:<[^>]*>: )?(.*?)['"]?\)+$/.exec(message)?.[1];
  return (cause ?? message).slice(0, 250);
}

function verdictOf(output, code) {
  if (isDiskFull(output)) return { kind: 'disk full' };
  const unreachable = [...output.matchAll(/Could not fetch URL (\S+?):? (.*?)(?: - skipping)?$/gm)]
    // One of several indexes of the user may well lack torch (404); it is the others that matter then.
    .find(([, , why]) => !why.startsWith('404'));
  if (unreachable) return { kind: 'unreachable', why: rootCause(unreachable[2]) };
  if (/No matching distribution found|Could not find a version/.test(output)) return { kind: 'absent' };
  const lastError = output.split('\n').filter((line) => /ERROR|Error/.test(line)).at(-1);
  return { kind: 'failed', why: lastError?.trim().slice(0, 300) ?? `pip ended with status ${code}` };
}

/** One `pip download`, with a deadline while nothing arrives. */
async function downloadOnce({ spec, python, folder, env, silentMs, largest, progress }) {
  const temporary = join(folder, 'tmp');
  const wheels = join(folder, 'wheel');
  for (const each of [temporary, wheels]) {
    rmSync(each, { recursive: true, force: true });
    mkdirSync(each, { recursive: true });
  }
  const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-input', '--progress-bar', 'off',
    // Only its debug messages tell an index that cannot be reached from one that lacks the wheel.
    '-vv', '--disable-pip-version-check', '--dest', wheels];
  if (python !== null) args.push('--python-version', python, '--implementation', 'cp');

  const deadline = new AbortController();
  let stopped = null;
  const stop = (verdict) => {
    stopped ??= verdict;
    deadline.abort();
  };
  let output = '';
  let arrived = 0;
  let lastSign = Date.now();
  const watch = setInterval(() => {
    const now = Math.max(largestFile(temporary), largestFile(wheels));
    const announced = announcedMegabytes(output);
    if (now > arrived) {
      arrived = now;
      lastSign = Date.now();
    }
    const silence = Date.now() - lastSign;
    if ((announced ?? arrived / 1e6) > largest / 1e6) {
      const size = announced ?? `over ${largest / 1e6}`;
      stop({ kind: 'cuda', why: `the wheel there is a CUDA build (${size} MB)` });
    } else if (silence > (arrived === 0 ? silentMs : STALLED_MS)) {
      stop({ kind: 'unreachable', why: `nothing arrived for ${Math.round(silence / 1000)} s` });
    }
    const ofTotal = announced === null ? '' : ` of ${Math.round(announced)}`;
    if (arrived > 1e6) progress(`${Math.round(arrived / 1e6)}${ofTotal} MB`);
  }, 500);
  try {
    const { code } = await run(pythonCommand, [...args, spec], {
      env: pipEnvironment(env, temporary), abort: deadline.signal, onOutput: (text) => { output += text; },
    });
    const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl'));
    if (code === 0 && wheel) {
      if (/\+(cu|rocm|xpu)/.test(wheel)) return { kind: 'cuda', why: `what it has is no CPU build, ${wheel}` };
      return { kind: 'arrived', wheel: join(wheels, wheel) };
    }
    return stopped ?? verdictOf(output, code);
  } finally {
    clearInterval(watch);
  }
}

/** Asks pip for the CPU wheel, under both of its names and for several Pythons. @returns the wheel, or why there is none */
async function downloadWithPip({ folder, env, silentMs, largest, progress, pythons }) {
  for (const python of pythons) {
    for (const spec of [`torch==${TESTED_VERSION}+cpu`, `torch==${TESTED_VERSION}`]) {
      const answer = await downloadOnce({ spec, python, folder, env, silentMs, largest, progress });
      if (answer.kind === 'arrived') return { wheel: answer.wheel };
      if (answer.kind === 'disk full') throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
      if (answer.kind !== 'absent') return { why: answer.why };
    }
  }
  return { why: `it has no wheel of torch ${TESTED_VERSION} for this platform` };
}

/**
 * @param {string} cache  a folder that can be written
 * @param {{root: string, env?: NodeJS.ProcessEnv, progress?: (text: string) => void, onWait?: () => void,
 *   statfs?: Function, waitsMs?: number[], silentMs?: number, pythons?: (string | null)[]}} options
 *   `root`: of this package; `waitsMs`: between tries; `silentMs`: how long pip may bring nothing
 * @returns {Promise<string>} the libtorch root
 * @throws SetupError with every way out where no index gave a CPU build
 */
export async function fetchLibtorch(cache, {
  root, env = process.env, progress = () => {}, onWait, statfs, waitsMs, silentMs = FIRST_BYTE_MS, pythons = [null, ...OTHER_PYTHONS],
}) {
  const { FetchError, NoRoom, fetchBuild, largestCpuWheel, placeBuild, requireRoom } = loadFetcher(root);
  mkdirSync(cache, { recursive: true });
  const own = env.CONTINUAL_TORCH_INDEX || PYTORCH_CPU_INDEX;
  const placing = { cache, onWait, signal: interruptionSignal, progress: { update: (_fraction, text) => progress(text), stop() {} } };
  const ways = [
    {
      name: own.replace(/\/\/[^/@]*@/, '//'), // without user name and password
      async fetch() {
        if (!/^https?:/.test(own) || !URL.canParse(own)) throw new FetchError('is no http or https address');
        return fetchBuild('cpu', { ...placing, index: new URL(own), statfs, waitsMs });
      },
    },
    {
      name: "the index that this user's pip is set to",
      fetch() {
        // Before the lock, which cannot be kept up while a process is waited for.
        if (pythonVersions(env).pip === null) throw new FetchError(`there is no ${pythonCommand} with pip`);
        return placeBuild('cpu', placing, async (_aside, scratch) => {
          requireRoom(cache, undefined, statfs);
          const { wheel, why } = await downloadWithPip({ folder: scratch, env, silentMs, largest: largestCpuWheel, progress, pythons });
          if (wheel === undefined) throw new FetchError(why);
          return [wheel];
        });
      },
    },
  ];
  const reasons = [];
  for (const { name, fetch } of ways) {
    try {
      return await fetch();
    } catch (error) {
      throwIfInterrupted();
      const advice = 'Free some space, or set XDG_CACHE_HOME (Linux) to a folder on a larger disk.';
      if (error instanceof NoRoom) throw new SetupError(`${error.message}\n${advice}`);
      if (isDiskFull(error)) throw new SetupError(`the disk is full: the download of PyTorch needs more room in ${cache}.\n${advice}`);
      if (!(error instanceof FetchError)) throw error;
      reasons.push(`${name}: ${error.message}`);
    }
  }
  throw new SetupError(waysOut(reasons));
}
