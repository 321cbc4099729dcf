// Who holds a lock or a half-made folder, and whether that process still lives. A process id alone is not enough:
// ids come round again, and in a container they start from 1.
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { spawnSync } from 'node:child_process';

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
