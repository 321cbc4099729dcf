import { compare, rcompare, satisfies } from '@renovatebot/pep440';
import { TESTED_VERSION } from '../libtorch-folder.js';
import { FetchError } from './failure';
import { NoSuchPage, readIndexPage, type Wheel } from './index-page';
import type { Platform } from './platform';
import { type Requirement, requirementsIn } from './requirements';
import { type Web, withoutCredentials } from './web';

/** Holds no library: its extras say which version of each one belongs to a CUDA. */
const toolkit = 'cuda-toolkit';

/**
 * The wheels whose libraries make up PyTorch: its own first; for a CUDA then NVIDIA's that it is linked with.
 * @param variant "cpu", or a CUDA as wheels name it ("cu126")
 * @param metadataOf reads a wheel's metadata, of which the index may know without the wheel
 */
export async function planWheels(
  web: Web,
  index: URL,
  variant: string,
  platform: Platform,
  metadataOf: (wheel: Wheel) => Promise<string>,
): Promise<Wheel[]> {
  const torch = await findTorch(web, index, variant, platform);
  if (variant === 'cpu') return [torch];
  // PyTorch names every library that it is linked with, so what these in turn require is among them.
  const isWanted = (name: string) => name === toolkit || name.startsWith('nvidia-');
  const required = requirementsIn(await metadataOf(torch), platform, isWanted);
  const libraries = required.filter(({ name }) => name !== toolkit);
  for (const requirement of required.filter(({ name }) => name === toolkit)) {
    const metadata = await metadataOf(await findWheel(web, index, platform, requirement));
    libraries.push(...requirementsIn(metadata, platform, isWanted, requirement.extras));
  }
  const wheels = [torch];
  for (const name of new Set(libraries.map((library) => library.name))) {
    const all = libraries.filter((library) => library.name === name).map((library) => library.versions);
    const versions = all.filter(Boolean).join(',');
    wheels.push(await findWheel(web, index, platform, { name, extras: [], versions }));
  }
  return wheels;
}

/** PyTorch's wheel for any CPython: no Python code of it is run. The CPU's may go by the plain name, as on macOS. */
async function findTorch(web: Web, index: URL, variant: string, platform: Platform): Promise<Wheel> {
  const version = `${TESTED_VERSION}+${variant}`;
  const names = variant === 'cpu' ? [version, TESTED_VERSION] : [version];
  let offered: Wheel[];
  try {
    offered = await readIndexPage(web, index, 'torch');
  } catch (error) {
    if (!(error instanceof NoSuchPage)) throw error;
    throw new FetchError(`${error.message}: no PyTorch there. ${await otherVariants(web, index, platform)}`);
  }
  const fitting = offered.filter(({ platformTags }) => platformTags.some(platform.accepts));
  for (const name of names) {
    const wheel = fitting.find((each) => each.version === name);
    if (wheel) return wheel;
  }
  const versions = versionsFor(offered, platform);
  throw new FetchError(
    `${withoutCredentials(index)} has no torch ${version} for ${platform.name}. ` +
      (versions.length === 0 ? 'It has none for this platform.' : `It has ${versions.slice(-12).join(', ')}.`),
  );
}

/** PyTorch's server has the wheels of every variant in the folder above those of one. */
async function otherVariants(web: Web, index: URL, platform: Platform): Promise<string> {
  try {
    const above = new URL(index.pathname.endsWith('/') ? '..' : '.', index);
    const versions = versionsFor(await readIndexPage(web, above, 'torch'), platform);
    const variants = versions.filter((version) => version.startsWith(`${TESTED_VERSION}+cu`));
    const names = variants.map((version) => version.slice(version.indexOf('+') + 1));
    if (names.length > 0) return `Of torch ${TESTED_VERSION} for ${platform.name} there are ${names.join(', ')}.`;
  } catch (error) {
    if (!(error instanceof FetchError)) throw error;
  }
  return 'Expected is the folder that holds the folder torch/.';
}

function versionsFor(wheels: readonly Wheel[], platform: Platform): string[] {
  const fitting = wheels.filter((wheel) => wheel.platformTags.some(platform.accepts));
  return [...new Set(fitting.map(({ version }) => version))].sort(compare);
}

async function findWheel(web: Web, index: URL, platform: Platform, requirement: Requirement): Promise<Wheel> {
  const { name, versions } = requirement;
  const offered = await readIndexPage(web, index, name);
  const fitting = offered.filter(
    (wheel) => wheel.platformTags.some(platform.accepts) && satisfies(wheel.version, versions),
  );
  const [newest] = fitting.sort((a, b) => rcompare(a.version, b.version));
  if (newest) return newest;
  const there = versionsFor(offered, platform).slice(-12).join(', ') || 'none for this platform';
  throw new FetchError(`${withoutCredentials(index)} has no ${name} ${versions} for ${platform.name}. It has ${there}.`);
}
