import { readdirSync } from 'node:fs';
import path from 'node:path';
import { cudaLibraryNames } from './cuda-libraries';
import { libraryFault, libraryName, minorVersion, whyUnreadable } from './libtorch-folder';
import { localBuild } from './local-build';
import { type Machine, platformName } from './machine';
import { libtorchPlaces, type Place } from './search-order';
import { packageFaults } from './platform-packages';
import { addonPackage } from './platforms';

/** Binaries that fit together, as far as can be told without loading them. Paths are absolute. */
export interface Candidate {
  place: Place;
  addon: string;
  opener: string;
  /** Of libtorch, in the order of loading. */
  libraries: string[];
  /** What registers CUDA with it, in the order of loading; empty: a CPU build. */
  cudaLibraries: string[];
}

/** A place that did not do, and why. */
export interface Attempt {
  source: string;
  why: string;
}

/**
 * Which libtorch, and which addon for it, in the order of search.
 * @param attempts is told of every place that cannot be used
 */
export function* candidates(machine: Machine, attempts: Attempt[]): Generator<Candidate> {
  for (const look of libtorchPlaces(machine)) {
    const place = look();
    const { source, root, version, cuda, faults, final } = place;
    if (faults.length > 0) attempts.push({ source, why: faults.join('; ') });
    else {
      const library = (name: string) => path.join(root!, 'lib', libraryName(name, machine.platform));
      const why: string[] = [];
      let fitting = 0;
      for (const { addon, opener } of addonsFor(minorVersion(version!), machine, why)) {
        fitting++;
        yield {
          place,
          addon,
          opener,
          libraries: ['c10', 'torch_cpu'].map(library),
          cudaLibraries: cuda === null ? [] : cudaLibraryNames.map(library),
        };
      }
      if (fitting === 0) attempts.push({ source, why: `no addon for libtorch ${version} in ${root}: ${why.join('; ')}` });
    }
    if (final) return;
  }
}

interface Addon {
  addon: string;
  opener: string;
}

function* addonsFor(minor: string, machine: Machine, why: string[]): Generator<Addon> {
  for (const look of [prebuiltAddon, locallyBuiltAddon]) {
    const found = look(minor, machine);
    if (typeof found === 'string') why.push(found);
    else yield found;
  }
}

function prebuiltAddon(minor: string, machine: Machine): Addon | string {
  const name = addonPackage(platformName(machine));
  const root = machine.packageFolder(name);
  if (root === null) return `${name} is not installed`;
  const faults = packageFaults(root, machine);
  if (faults.length > 0) return faults.join('; ');
  const folder = path.join(root, 'prebuilds', platformName(machine));
  const addon = path.join(folder, `libtorch-${minor}.node`);
  if (whyUnreadable(addon) === 'is missing') return `${name} is built for ${builtFor(folder).join(', ') || 'none'}`;
  return whole({ addon, opener: path.join(folder, 'opener.node') }, machine);
}

function builtFor(folder: string): string[] {
  return namesIn(folder).flatMap((name) => /^libtorch-(.*)\.node$/.exec(name)?.[1] ?? []);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function locallyBuiltAddon(minor: string, machine: Machine): Addon | string {
  const build = localBuild(machine);
  if (build === null) return 'there is no local build';
  if (minorVersion(build.version) !== minor) {
    return `the local build ${build.addon} is for libtorch ${build.version} of ${build.libtorch} (\`npm run setup\` builds it anew)`;
  }
  return whole(build, machine);
}

function whole({ addon, opener }: Addon, machine: Machine): Addon | string {
  for (const file of [addon, opener]) {
    const fault = libraryFault(file, machine);
    if (fault !== null) return `${file} ${fault}`;
  }
  return { addon, opener };
}
