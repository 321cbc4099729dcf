// Where the platforms that packages are made for differ.
import { PLATFORMS } from '../../lib/libtorch/platforms.js';

/** @returns {[os: NodeJS.Platform, cpu: string]} */
export const osAndCpu = (platform) => platform.split('-');

/** Where an addon in prebuilds/<platform>/ finds libtorch: npm and pnpm both put the two packages side by side. */
export function runPath(platform) {
  const [os] = osAndCpu(platform);
  if (os === 'win32') return null;
  const origin = os === 'darwin' ? '@loader_path' : '$ORIGIN';
  return `${origin}/../../../libtorch-${platform}/lib`;
}

/** The platform of this machine. @throws Error where no packages are made for it */
export function thisPlatform({ platform = process.platform, arch = process.arch } = {}) {
  const name = `${platform}-${arch}`;
  if (!PLATFORMS.includes(name)) {
    throw new Error(`no packages are made for ${name}; the platforms: ${PLATFORMS.join(', ')}`);
  }
  return name;
}
