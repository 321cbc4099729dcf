// One `pip download` of one PyTorch wheel from one index, with a deadline while nothing arrives.
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { diskFullError, isDiskFull } from './failures.mjs';
import { TESTED_VERSION } from '../../lib/libtorch/libtorch-folder.js';
import { pythonCommand } from './python.mjs';
import { run } from './run.mjs';

// CPU wheels of this version take 80 to 200 MB on every platform, CUDA wheels for Linux 500 to 900 MB. Stopping by
// size spares the user the download of a build that would be refused after it.
const LARGEST_CPU_WHEEL_MB = 400;
// An interpreter whose own tags match no wheel can still fetch one for another: no Python code of it is ever run.
const OTHER_PYTHONS = ['3.13', '3.12', '3.11', '3.10'];
const STALLED_MS = 90_000;

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

function verdictOf(output, code, index) {
  if (isDiskFull(output)) return { kind: 'disk full' };
  const unreachable = [...output.matchAll(/Could not fetch URL (\S+?):? (.*?)(?: - skipping)?$/gm)]
    // One of several indexes of the user may well lack torch (404); it is the others that matter then.
    .find(([, url, why]) => (index.url === null ? !why.startsWith('404') : url.startsWith(index.url)));
  if (unreachable) return { kind: 'unreachable', why: rootCause(unreachable[2]) };
  if (/is not a trusted or secure host/.test(output) && index.url !== null) {
    return { kind: 'unreachable', why: 'pip trusts no plain http address (its setting trusted-host says otherwise)' };
  }
  if (/No matching distribution found|Could not find a version/.test(output)) return { kind: 'absent' };
  const lastError = output.split('\n').filter((line) => /ERROR|Error/.test(line)).at(-1);
  return { kind: 'failed', why: lastError?.trim().slice(0, 300) ?? `pip ended with status ${code}` };
}

async function downloadOnce({ index, spec, python, folder, env, silentMs, progress }) {
  const temporary = join(folder, 'tmp');
  const wheels = join(folder, 'wheel');
  for (const each of [temporary, wheels]) {
    rmSync(each, { recursive: true, force: true });
    mkdirSync(each, { recursive: true });
  }
  const args = ['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--no-input', '--progress-bar', 'off',
    // Only its debug messages tell an index that cannot be reached from one that lacks the wheel.
    '-vv', '--disable-pip-version-check', '--dest', wheels];
  // The user's own index keeps the user's own patience; ours must fail over quickly.
  if (index.url !== null) args.push('--index-url', index.url, '--timeout', '10', '--retries', '0');
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
    if ((announced ?? arrived / 1e6) > LARGEST_CPU_WHEEL_MB) {
      const size = announced ?? `over ${LARGEST_CPU_WHEEL_MB}`;
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
    return stopped ?? verdictOf(output, code, index);
  } finally {
    clearInterval(watch);
  }
}

/**
 * Asks one index for the CPU wheel, under both of its names and for several Pythons.
 * @param {{index: {name: string, url: string | null}, folder: string, env: NodeJS.ProcessEnv, silentMs: number,
 *   progress?: (text: string) => void, pythons?: (string | null)[]}} options
 *   `silentMs`: how long to wait for the first byte; `url` null: the index that the user's pip is set to.
 * @returns {Promise<{wheel: string} | {wheel: null, why: string}>}
 */
export async function downloadWheel({ index, folder, env, silentMs, progress = () => {}, pythons }) {
  for (const python of pythons ?? [null, ...OTHER_PYTHONS]) {
    for (const spec of [`torch==${TESTED_VERSION}+cpu`, `torch==${TESTED_VERSION}`]) {
      const answer = await downloadOnce({ index, spec, python, folder, env, silentMs, progress });
      if (answer.kind === 'arrived') return { wheel: answer.wheel };
      if (answer.kind === 'disk full') throw diskFullError('the download of PyTorch', folder);
      if (answer.kind !== 'absent') return { wheel: null, why: answer.why };
    }
  }
  return { wheel: null, why: `it has no wheel of torch ${TESTED_VERSION} for this platform` };
}
