// One set-up at a time. The second waits for the first and then finds nothing left to do. By hand, because it is held
// while npm brings the packages.
import { spawnSync } from 'node:child_process';
import {
  closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { sleep } from './run.mjs';

// An owner on another host cannot be asked whether it lives; it touches its lock instead.
const TOUCH_MS = 5_000;
const UNTOUCHED_MS = 60_000;
// A lock is created and then written: for a moment it is empty.
const UNWRITTEN_MS = 5_000;

// Who holds a lock, and whether that process still lives. A process id alone is not enough: ids come round again, and
// in a container they start from 1.

/** Something that differs between two processes with one id: the start time, where the system tells it cheaply. */
export function processStart(pid) {
  if (process.platform === 'linux') {
    try {
      // The name in field 2 may hold spaces and brackets, so fields are counted from its closing bracket.
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    } catch {
      return null;
    }
  }
  if (process.platform === 'darwin') {
    return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim() || null;
  }
  return null;
}

export function describeOwner(pid = process.pid) {
  return { pid, start: processStart(pid), host: hostname() };
}

/**
 * @param {{pid: number, start: string | null, host: string}} owner
 * @returns {boolean | null} null where it cannot be known: the owner ran on another host (or in another container).
 */
export function isAlive(owner) {
  if (owner.host !== hostname()) return null;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  const start = processStart(owner.pid);
  return start === null || owner.start === null || start === owner.start;
}

function readOwner(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

function isAbandoned(file) {
  const owner = readOwner(file);
  let age;
  try {
    age = Date.now() - statSync(file).mtimeMs;
  } catch {
    return false;
  }
  if (owner === null) return age > UNWRITTEN_MS;
  const alive = isAlive(owner);
  return alive === null ? age > UNTOUCHED_MS : !alive;
}

function tryTake(file) {
  try {
    const handle = openSync(file, 'wx');
    writeSync(handle, JSON.stringify(describeOwner()));
    closeSync(handle);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Moves an abandoned lock out of the way. Between two that do so at once, the rename decides. */
function breakLock(file) {
  const before = readFileSync(file, 'utf8');
  const aside = `${file}.dead-${process.pid}`;
  renameSync(file, aside);
  if (readFileSync(aside, 'utf8') !== before) renameSync(aside, file);
  rmSync(aside, { force: true });
}

/**
 * Runs `work` while holding the lock `file`.
 * @param {{onWait?: (owner: object | null) => void, pollMs?: number}} options `onWait` is called once, before waiting.
 */
export async function withLock(file, work, { onWait, pollMs = 300 } = {}) {
  mkdirSync(dirname(file), { recursive: true });
  let told = false;
  while (!tryTake(file)) {
    if (isAbandoned(file)) {
      try {
        breakLock(file);
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
      continue;
    }
    if (!told) onWait?.(readOwner(file));
    told = true;
    await sleep(pollMs);
  }
  const touch = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // Somebody removed the lock by hand; there is nothing left to touch.
    }
  }, TOUCH_MS);
  touch.unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    rmSync(file, { force: true });
  }
}
