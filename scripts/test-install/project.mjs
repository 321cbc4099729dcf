// An empty project of a user: a folder with a space and letters beyond ASCII in its path, a home without anything in it,
// and a PATH that holds Node and nothing that could build.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const windows = process.platform === 'win32';
// What a program cannot do without on Windows, and what leads to the registry everywhere.
const KEPT = /^(systemroot|comspec|pathext|temp|tmp|tmpdir|lang|lc_all|https?_proxy|no_proxy|node_extra_ca_certs)$/i;

/** Node, npm and a shell, which npm needs; no compiler, no CMake, no Python. */
function narrowPath(folder) {
  const node = dirname(process.execPath);
  if (windows) return [node, join(process.env.SystemRoot, 'System32')].join(delimiter);
  mkdirSync(folder);
  for (const name of ['node', 'npm', 'npx']) symlinkSync(join(node, name), join(folder, name));
  symlinkSync('/bin/sh', join(folder, 'sh'));
  return folder;
}

/** Makes the project; `remove` takes everything away again. */
export function createProject() {
  const top = realpathSync(mkdtempSync(join(tmpdir(), 'continual torch größe 測試 ')));
  const folder = join(top, 'project');
  const home = join(top, 'home');
  for (const each of [folder, home]) mkdirSync(each);
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  // Another user is to read it.
  for (const each of [top, folder]) chmodSync(each, 0o755);
  const kept = Object.entries(process.env).filter(([name]) => KEPT.test(name));
  const env = {
    ...Object.fromEntries(kept), PATH: narrowPath(join(top, 'bin')), HOME: home, USERPROFILE: home,
    LOCALAPPDATA: join(home, 'AppData', 'Local'), npm_config_ignore_scripts: 'true', npm_config_update_notifier: 'false',
  };
  return { folder, env, remove: () => rmSync(top, { recursive: true, force: true, maxRetries: 3 }) };
}

/** A user who may read the project and nothing else; null where only root could become one. */
export const stranger = !windows && process.getuid() === 0 ? { uid: 65534, gid: 65534 } : null;

function groupLives(pid) {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs a program to its end in the project.
 * @returns {Promise<{stdout: string, seconds: number}>}
 * @throws Error where it fails, takes ten minutes, or leaves a process behind
 */
export function runIn({ folder, env }, [command, ...args], { user = null } = {}) {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    // npm is a script of Windows' shell.
    const shell = windows && !existsSync(command);
    const child = spawn(command, args, { cwd: folder, env, ...user, detached: !windows, shell, timeout: 600_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const what = [command, ...args].join(' ');
      if (code !== 0) reject(new Error(`${what} ended with ${signal ?? code}:\n${stdout}${stderr}`));
      else if (!windows && groupLives(child.pid)) reject(new Error(`${what} left a process behind`));
      else resolve({ stdout, seconds: (performance.now() - started) / 1000 });
    });
  });
}
