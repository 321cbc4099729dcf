import { FetchError } from './failure';

/** A platform in the words that wheels and their requirements use. */
export interface Platform {
  /** For messages. */
  name: string;
  /** What the environment markers of a requirement compare. */
  markers: Readonly<Record<string, string>>;
  /** Whether a platform tag of a wheel's name is for this platform; `any` is for all. */
  accepts(tag: string): boolean;
}

const macOS: Platform = {
  name: 'macOS arm64',
  markers: { platform_system: 'Darwin', sys_platform: 'darwin', platform_machine: 'arm64', os_name: 'posix' },
  accepts: (tag) => tag === 'any' || /^macosx_.*_(arm64|universal2)$/.test(tag),
};

/** @throws FetchError where PyTorch has no build for this machine */
export function cpuPlatformOf(platform: NodeJS.Platform = process.platform, arch: string = process.arch): Platform {
  const found = platform === 'darwin' && arch === 'arm64' ? macOS : cudaPlatform(platform, arch);
  if (found === null) throw new FetchError(`PyTorch has no build for ${platform} ${arch}.`);
  return found;
}

/** @throws FetchError where PyTorch has no CUDA build for this machine */
export function platformOf(platform: NodeJS.Platform = process.platform, arch: string = process.arch): Platform {
  const found = cudaPlatform(platform, arch);
  if (found !== null) return found;
  const why = platform === 'darwin' ? 'CUDA does not exist on macOS' : `PyTorch has no CUDA build for ${platform} ${arch}`;
  throw new FetchError(`${why}. The CPU build needs nothing of this command.`);
}

function cudaPlatform(platform: NodeJS.Platform, arch: string): Platform | null {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[arch];
  if (platform === 'linux' && machine !== undefined) {
    return {
      name: `Linux ${machine}`,
      markers: { platform_system: 'Linux', sys_platform: 'linux', platform_machine: machine, os_name: 'posix' },
      accepts: (tag) => tag === 'any' || (tag.startsWith('manylinux') && tag.endsWith(`_${machine}`)),
    };
  }
  if (platform === 'win32' && arch === 'x64') {
    return {
      name: 'Windows x64',
      markers: { platform_system: 'Windows', sys_platform: 'win32', platform_machine: 'AMD64', os_name: 'nt' },
      accepts: (tag) => tag === 'any' || tag === 'win_amd64',
    };
  }
  return null;
}
