// One set-up at a time. The second waits for the first and then finds nothing left to do.
import {
  closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describeOwner, isAlive } from './owner.mjs';
import { sleep } from './run.mjs';

// An owner on another host cannot be asked whether it lives; it touches its lock instead.
const TOUCH_MS = 5_000;
const UNTOUCHED_MS = 60_000;
// A lock is created and then written: for a moment it is empty.
const UNWRITTEN_MS = 5_000;

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
