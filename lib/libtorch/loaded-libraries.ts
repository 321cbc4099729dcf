import { readFileSync } from 'node:fs';
import path from 'node:path';

/** What this process has loaded, as far as the runtime and the system tell. */
export interface LoadedLibraries {
  files: string[];
  /** glibc's version; null where there is none: not Linux, or Linux with musl. */
  glibc: string | null;
}

/** What Node.js reports. Deno leaves the libraries out, Bun lists none; both make up the version of glibc. */
interface Report {
  header: { glibcVersionRuntime?: string };
  sharedObjects?: string[];
}

export function loadedLibraries(): LoadedLibraries {
  const { header, sharedObjects = [] } = report();
  if (sharedObjects.length > 0) return { files: sharedObjects, glibc: header.glibcVersionRuntime ?? null };
  const files = mappedLibraries();
  return { files, glibc: glibcAmong(files) };
}

function report(): Report {
  // The report also lists network interfaces, which may take seconds to look up, unless told not to.
  const settings = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const before = settings.excludeNetwork;
  settings.excludeNetwork = true;
  try {
    return settings.getReport() as unknown as Report;
  } finally {
    settings.excludeNetwork = before;
  }
}

/** Linux tells which files are mapped into a process; elsewhere nothing is known. */
function mappedLibraries(): string[] {
  try {
    const maps = readFileSync('/proc/self/maps', 'utf8');
    const files = maps.split('\n').flatMap((line) => /^(?:\S+ +){5}(\/.*\.(?:so(?:\.\d+)*|node))$/.exec(line)?.[1] ?? []);
    return [...new Set(files)];
  } catch {
    return [];
  }
}

/** The C library says its version in the text that it prints when it is run as a program. */
function glibcAmong(files: string[]): string | null {
  const libc = files.find((file) => /^libc(-[\d.]+)?\.so/.test(path.basename(file)));
  if (libc === undefined) return null;
  return /GNU C Library [^\n\0]*version (\d+\.\d+)/.exec(readFileSync(libc, 'latin1'))?.[1] ?? null;
}
