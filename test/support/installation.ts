// An installed package with its platform packages, made of this checkout's build: what loads there loads for users.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { minorVersion } from '../../lib/libtorch/libtorch-folder';
import { thisMachine } from '../../lib/libtorch/machine';
import { localBuild } from '../../lib/libtorch/local-build';
import { withTempFolder } from './temp-folder';

const checkout = path.join(__dirname, '..', '..');
const platform = `${process.platform}-${process.arch}`;
const build = localBuild(thisMachine())!;

export const libtorchMinor = minorVersion(build.version);
export const realLibtorch = build.libtorch;
export const addonPackageName = `@continual-torch/${platform}`;
export const libtorchPackageName = `@continual-torch/libtorch-${platform}`;

export interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Installation {
  /** The project's folder; `node_modules` lies in it. */
  folder: string;
  modules: string;
  /** The folder of the user's cache. */
  cache: string;
  /** Runs CommonJS code in the project. */
  run(code: string, options?: { env?: NodeJS.ProcessEnv; uid?: number }): Run;
}

/** Prints where the addon came from; or the error's code and message, and what of libtorch was loaded all the same. */
export const report = `
  try {
    const { torch } = require('continual-torch');
    torch.ones([2]);
    const { source, root } = require('continual-torch/dist/native/binding').loaded.candidate.place;
    console.log(JSON.stringify({ source, root }));
  } catch ({ code, message }) {
    process.report.excludeNetwork = true;
    const loaded = process.report.getReport().sharedObjects.filter((file) => /torch/.test(file));
    console.log(JSON.stringify({ code, message, loaded }));
  }
`;

/** What \`report\` prints. */
export interface Report {
  source?: string;
  root?: string;
  code?: string;
  message?: string;
  loaded?: string[];
}

/** `report` in a project. */
export function reported(installation: Installation, options?: Parameters<Installation['run']>[1]): Report {
  const { stdout, stderr, status } = installation.run(report, options);
  if (status !== 0) throw new Error(`ended with ${status}: ${stderr}`);
  return JSON.parse(stdout) as Report;
}

export function withInstallation(
  work: (installation: Installation) => void | Promise<void>,
  { addon = true, libtorch = true } = {},
): Promise<void> {
  return withTempFolder(async (folder) => {
    const modules = path.join(folder, 'node_modules');
    installMain(path.join(modules, 'continual-torch'));
    if (addon) installAddon(path.join(modules, addonPackageName));
    if (libtorch) installLibtorch(path.join(modules, libtorchPackageName));
    const cache = path.join(folder, 'cache');
    const kept = Object.entries(process.env).filter(([key]) => !/^(LIBTORCH|CONTINUAL_TORCH.*|VIRTUAL_ENV|CONDA_PREFIX)$/.test(key));
    const environment = { ...Object.fromEntries(kept), XDG_CACHE_HOME: cache };
    await work({
      folder,
      modules,
      cache,
      run: (code, { env = {}, uid } = {}) => {
        const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', code], {
          cwd: folder,
          env: { ...environment, ...env },
          encoding: 'utf8',
          uid,
        });
        return { status, stdout, stderr };
      },
    });
  });
}

/** As in the published package: compiled code, and dependencies beside it. */
export function installMain(folder: string): void {
  const { name, version, main, dependencies } = JSON.parse(
    readFileSync(path.join(checkout, 'package.json'), 'utf8'),
  ) as { name: string; version: string; main: string; dependencies: Record<string, string> };
  mkdirSync(folder, { recursive: true });
  cpSync(path.join(checkout, 'dist'), path.join(folder, 'dist'), { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ name, version, main, dependencies }));
  const modules = path.join(folder, 'node_modules');
  for (const dependency of Object.keys(dependencies)) {
    mkdirSync(path.dirname(path.join(modules, dependency)), { recursive: true });
    symlinkSync(path.join(checkout, 'node_modules', dependency), path.join(modules, dependency));
  }
}

function installAddon(folder: string): void {
  const prebuilds = path.join(folder, 'prebuilds', platform);
  mkdirSync(prebuilds, { recursive: true });
  cpSync(build.addon, path.join(prebuilds, `libtorch-${libtorchMinor}.node`));
  cpSync(build.opener, path.join(prebuilds, 'opener.node'));
  writeContents(folder, prebuilds);
}

function installLibtorch(folder: string): void {
  const lib = path.join(folder, 'lib');
  mkdirSync(lib, { recursive: true });
  // Large, and never written to.
  for (const name of readdirSync(path.join(build.libtorch, 'lib'))) {
    symlinkSync(path.join(build.libtorch, 'lib', name), path.join(lib, name));
  }
  writeFileSync(path.join(folder, 'build-version'), build.version);
  writeContents(folder, lib);
}

function writeContents(folder: string, files: string): void {
  const sizes = readdirSync(files).map((name) => {
    const file = path.join(files, name);
    return [path.relative(folder, file), statSync(file).size] as const;
  });
  writeFileSync(path.join(folder, 'contents.json'), JSON.stringify({ glibc: null, files: Object.fromEntries(sizes) }));
}
