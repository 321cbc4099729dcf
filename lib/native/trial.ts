import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { cacheFolders } from './cache-folder';
import type { Candidate } from './candidates';
import { driverLibrary } from './cuda-libraries';
import type { Machine } from './machine';

/** Loading takes a fraction of a second; from a cold network disk it may take many. */
const patienceMs = 120_000;
const failed = 3;

/** Loads everything as `load` does, with every symbol resolved at once. Its one argument is JSON. */
const program = `
const [opener, libraries, driver, cudaLibraries, addon] = JSON.parse(process.argv[1]);
try {
  const { open } = require(opener);
  libraries.forEach(open);
  try {
    open(driver);
    cudaLibraries.forEach(open);
  } catch {}
  process.dlopen({ exports: {} }, addon, require('node:os').constants.dlopen.RTLD_NOW ?? 0);
} catch (error) {
  process.stdout.write(String(error.message));
  process.exitCode = ${failed};
}
`;

/**
 * Loads binaries in a child process first, where they have never been loaded on this machine: a crash there is a message
 * here.
 * @returns why they cannot be loaded, or null
 */
export function tryInChild(candidate: Candidate, machine: Machine): string | null {
  if (!canSpawnNode()) return null;
  const { opener, libraries, cudaLibraries, addon } = candidate;
  const key = keyOf([opener, ...libraries, ...cudaLibraries, addon]);
  const folders = [...cacheFolders(machine), path.join(tmpdir(), 'continual-torch')].map((folder) =>
    path.join(folder, 'loaded'),
  );
  if (folders.some((folder) => existsSync(path.join(folder, key)))) return null;
  const parts = [opener, libraries, driverLibrary(machine), cudaLibraries, addon];
  const { error, status, signal, stdout, stderr } = spawnSync(process.execPath, ['-e', program, JSON.stringify(parts)], {
    encoding: 'utf8',
    timeout: patienceMs,
    windowsHide: true,
    // What the parent preloads or inspects is none of the child's business.
    env: { ...machine.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' },
  });
  // Where no process may be started, nothing can be tried.
  if (error && (error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') return null;
  if (error) return `loading it takes longer than ${patienceMs / 1000} s`;
  if (status === 0) {
    remember(folders, key);
    return null;
  }
  if (status === failed) return stdout;
  return `loading it ends the process (${describeEnd(status, signal)})${stderr.trim() ? `: ${lastLine(stderr)}` : ''}`;
}

function describeEnd(status: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGILL') return 'SIGILL: this processor lacks an instruction that is used there';
  // Windows: STATUS_ILLEGAL_INSTRUCTION, STATUS_DLL_NOT_FOUND.
  if (status === 0xc000001d) return 'this processor lacks an instruction that is used there';
  if (status === 0xc0000135) return 'a DLL is missing';
  return signal ?? `status ${status}`;
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1)!;

/** In a single executable application, or in another run time, the running program is no `node` to call. */
function canSpawnNode(): boolean {
  if (process.versions['bun'] || process.versions['deno'] || 'pkg' in process) return false;
  try {
    return !(process.getBuiltinModule?.('node:sea') as { isSea(): boolean } | undefined)?.isSea();
  } catch {
    return true;
  }
}

/** Another file, processor or Node.js is tried anew. */
function keyOf(files: string[]): string {
  const looks = files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return [file, stat?.size, stat?.mtimeMs];
  });
  const about = [process.version, process.arch, cpus()[0]?.model, looks];
  return createHash('sha256').update(JSON.stringify(about)).digest('hex');
}

function remember(folders: string[], key: string): void {
  for (const folder of folders) {
    try {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path.join(folder, key), '', { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      // A read-only file system, or a user without a home: the next folder.
    }
  }
}
