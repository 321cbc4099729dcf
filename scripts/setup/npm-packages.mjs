// node_modules as package-lock.json says. A stamp inside node_modules tells for which lock file it was installed;
// `npm ci` empties the folder first, so an interrupted one leaves no stamp.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { diskFullError, isDiskFull } from './failures.mjs';
import { SetupError, runStep } from './report.mjs';
import { run } from './run.mjs';
import { readStamp, sha256, writeStamp } from './stamp.mjs';

const stampFile = (root) => join(root, 'node_modules', '.continual-torch-setup.json');

function hashOf(file) {
  return existsSync(file) ? sha256(readFileSync(file)) : 'none';
}

// npm writes its own record of what it installed last of all; npm run by hand changes it and removes our stamp.
const installedRecord = (root) => join(root, 'node_modules', '.package-lock.json');

function currentStamp(root) {
  return { lock: hashOf(join(root, 'package-lock.json')), installed: hashOf(installedRecord(root)) };
}

/** Whether npm's record names every package of the lock file in its version; packages for other systems may miss. */
function recordMatchesLock(root) {
  const lock = readStamp(join(root, 'package-lock.json'))?.packages;
  const record = readStamp(installedRecord(root))?.packages;
  if (!lock || !record) return false;
  return Object.entries(lock).every(([path, { version, optional, devOptional, peer }]) => {
    const mayMiss = path === '' || optional || devOptional || peer;
    return record[path] === undefined ? mayMiss : record[path].version === version;
  });
}

/** @returns {string | null} why packages have to be installed, or null */
export function packagesStale(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing';
  const stamp = readStamp(stampFile(root));
  const current = currentStamp(root);
  if (stamp?.lock === current.lock && stamp.installed === current.installed) return null;
  if (recordMatchesLock(root)) return null;
  if (stamp === null) return 'node_modules was not installed to its end';
  return stamp.lock === current.lock ? 'node_modules was changed' : 'package-lock.json has changed';
}

/** Options of the `npm run` around us that would change what `npm ci` does: `npm run demo --json`, `--omit=dev`. */
const OPTIONS_OF_THE_CALLER = new Set([
  'omit', 'include', 'only', 'production', 'also', 'dev', 'dry_run', 'global', 'location', 'json', 'loglevel',
  'workspace', 'workspaces', 'include_workspace_root', 'if_present', 'package_lock', 'package_lock_only',
  'prefix', 'local_prefix', 'ignore_scripts',
]);

export function npmEnvironment(env) {
  return Object.fromEntries(Object.entries(env).filter(([key]) => {
    const option = /^npm_config_(.+)$/i.exec(key)?.[1].toLowerCase().replaceAll('-', '_');
    return option === undefined || !OPTIONS_OF_THE_CALLER.has(option);
  }));
}

/** npm's own script where it can be found: then no shell is needed, on Windows either. */
export function npmCommand(env) {
  const beside = dirname(process.execPath);
  const candidates = [
    basename(env.npm_execpath ?? '') === 'npm-cli.js' ? env.npm_execpath : null,
    join(beside, '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
    join(beside, 'node_modules', 'npm', 'bin', 'npm-cli.js'),
  ];
  const script = candidates.find((file) => file && existsSync(file));
  return script ? [process.execPath, script] : ['npm'];
}

export async function installPackages({ root, env, reporter, why }) {
  const locked = existsSync(join(root, 'package-lock.json'));
  const what = locked ? 'ci' : 'install';
  await runStep(reporter, 'npm packages', `${why}, so npm ${what} installs them`, async (progress) => {
    rmSync(stampFile(root), { force: true });
    const [command, ...first] = npmCommand(env);
    // No scripts: with a binding.gyp in its root npm would call node-gyp here, and that would wait for this set-up.
    const args = [...first, what, '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
    const { code, output, error } = await run(command, args, {
      cwd: root, env: npmEnvironment(env), onOutput: (text) => progress(text.trim().split('\n').at(-1).slice(0, 100)),
    });
    if (code === 0) {
      writeStamp(stampFile(root), currentStamp(root));
      return output.match(/added \d+ packages/)?.[0] ?? 'done';
    }
    if (isDiskFull(output)) throw diskFullError('npm', root);
    if (error) throw new SetupError(`npm could not be started (${error.message}). Install Node.js together with npm.`);
    throw new SetupError(`npm ${what} failed, in its own words:\n${output.trimEnd()}`);
  });
}
