import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { cpus, hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { cacheFolders } from './cache-folder';
import { whyUnreadable } from './libtorch-folder';
import type { Machine } from './machine';
import { makeFolder } from './make-folder';

/** Set in the child: where the program that started it cannot run code of ours, it may find itself started again. */
export const trialMark = 'CONTINUAL_TORCH_TRIAL';

/** Loading takes a fraction of a second; from a cold network disk it may take many. */
const patienceMs = 120_000;
const failed = 3;

/** Loads everything as `load` does, the addon with every symbol resolved at once. Its one argument is JSON. */
const program = `
const [opener, libraries, addon] = JSON.parse(process.argv[1]);
const say = (text) => require('node:fs').writeSync(1, text + '\\n');
try {
  say('trial');
  const { open } = require(opener);
  for (const library of libraries) {
    say(library);
    open(library);
  }
  if (addon !== null) {
    say(addon);
    process.dlopen({ exports: {} }, addon, require('node:os').constants.dlopen.RTLD_NOW ?? 0);
  }
} catch (error) {
  say(error.message);
  process.exitCode = ${failed};
}
`;

/** What is loaded, in this order. */
export interface Binaries {
  opener: string;
  libraries: string[];
  addon: string | null;
}

/**
 * Loads binaries in a child process first, where they have never been loaded on this machine: a crash there is a message
 * here.
 * @returns why they cannot be loaded, or null
 */
export function tryInChild({ opener, libraries, addon }: Binaries, machine: Machine): string | null {
  const key = keyOf([opener, ...libraries, ...(addon === null ? [] : [addon])], machine);
  const folders = [...cacheFolders(machine), path.join(tmpdir(), 'continual-torch')].map((folder) =>
    path.join(folder, 'loaded'),
  );
  if (folders.some((folder) => whyUnreadable(path.join(folder, key)) === null)) return null;
  const ended = runChild([opener, libraries, addon], machine);
  // Where no process can be started, or it is none of Node.js, or is interrupted with this one, nothing is known.
  if (ended === null || !ended.stdout.startsWith('trial\n')) return null;
  const { status, signal, stdout, stderr } = ended;
  if (signal === 'SIGINT' || signal === 'SIGTERM') return null;
  if (status === 0) {
    remember(folders, key);
    return null;
  }
  const last = lastLine(stdout);
  if (status === failed) return last;
  const at = last === 'trial' ? opener : last;
  return `loading ${at} ends the process (${describeEnd(status, signal)})${stderr.trim() ? `: ${lastLine(stderr)}` : ''}`;
}

function runChild(parts: unknown, machine: Machine): SpawnSyncReturns<string> | null {
  try {
    const ended = spawnSync(process.execPath, ['-e', program, JSON.stringify(parts)], {
      encoding: 'utf8',
      timeout: patienceMs,
      windowsHide: true,
      // What the parent preloads or inspects is none of the child's business.
      env: { ...machine.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1', [trialMark]: '1' },
    });
    const hasRun = ended.error === undefined || (ended.error as NodeJS.ErrnoException).code === 'ETIMEDOUT';
    // Deno's permissions leave the output out.
    return hasRun && typeof ended.stdout === 'string' ? ended : null;
  } catch {
    // Node's permission model throws.
    return null;
  }
}

function describeEnd(status: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGILL') return 'SIGILL: this processor lacks an instruction that is used there';
  if (signal === 'SIGKILL') return 'SIGKILL: perhaps for lack of memory';
  // Windows: STATUS_ILLEGAL_INSTRUCTION, STATUS_DLL_NOT_FOUND.
  if (status === 0xc000001d) return 'this processor lacks an instruction that is used there';
  if (status === 0xc0000135) return 'a DLL is missing';
  return signal ?? `status ${status}`;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)!;

/** Another file, machine or Node.js is tried anew. */
function keyOf(files: string[], { glibc }: Machine): string {
  const looks = files.map((file) => {
    const stat = whyUnreadable(file) === null ? statSync(file) : null;
    return [file, stat?.size, stat?.mtimeMs, stat?.ctimeMs];
  });
  const about = [process.version, process.arch, glibc, hostname(), cpus()[0]?.model, looks];
  return createHash('sha256').update(JSON.stringify(about)).digest('hex');
}

function remember(folders: string[], key: string): void {
  for (const folder of folders) {
    try {
      makeFolder(folder);
      writeFileSync(path.join(folder, key), '', { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      // A read-only file system, or a user without a home: the next folder.
    }
  }
}
