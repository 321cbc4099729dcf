import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { whyUnreadable } from './libtorch-folder';
import { loadedLibraries } from './loaded-libraries';

/** What decides which binaries fit here; a test describes another machine. */
export interface Machine {
  platform: NodeJS.Platform;
  arch: string;
  /** Its version; null where there is none: not Linux, or Linux with musl. */
  glibc: string | null;
  /** Its version; null in Node.js. */
  electron: string | null;
  env: NodeJS.ProcessEnv;
  /** The folder of this package; in a bundle the bundle itself, below which nothing lies. */
  root: string;
  /** The folder of a package that is installed beside this one, or null. */
  packageFolder(name: string): string | null;
  /** Shared libraries that this process has loaded. */
  sharedObjects(): string[];
}

function findRoot(): string {
  // `lib/` and `dist/` lie at the same depth below it.
  const folder = path.resolve(__dirname, '..', '..');
  try {
    const { name } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name?: unknown };
    return name === 'continual-torch' ? folder : __filename;
  } catch {
    return __filename;
  }
}

/** Where Node looks for packages; not `require.resolve`, which runs into the "exports" of a package half there. */
function packageFolder(name: string): string | null {
  const folders = createRequire(__filename).resolve.paths(name) ?? [];
  return folders.map((folder) => path.join(folder, name)).find((folder) => whyUnreadable(folder) !== 'is missing') ?? null;
}

export function thisMachine(): Machine {
  const { files, glibc } = loadedLibraries();
  return {
    platform: process.platform,
    arch: process.arch,
    glibc,
    electron: process.versions['electron'] ?? null,
    env: process.env,
    root: findRoot(),
    packageFolder,
    sharedObjects: () => files,
  };
}

/** "Node.js 20.20.2", for people. */
export function runtimeText({ electron }: Machine): string {
  if (electron !== null) return `Electron ${electron}`;
  const { node, bun, deno } = process.versions as NodeJS.ProcessVersions & { bun?: string; deno?: string };
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node.js ${node}`;
}

/** "linux-x64": the name that packages for this machine carry. */
export const platformName = ({ platform, arch }: Machine): string => `${platform}-${arch}`;

/** Whether a version such as glibc's "2.36" is at least another one. */
export function atLeast(version: string, needed: string): boolean {
  const [have, want] = [version, needed].map((text) => text.split('.').map(Number)) as [number[], number[]];
  for (const [position, number] of want.entries()) {
    const difference = (have[position] ?? 0) - number;
    if (difference !== 0) return difference > 0;
  }
  return true;
}
