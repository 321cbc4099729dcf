// What the machine has to have: nothing is installed here.
import { SetupError } from '../setup/report.mjs';
import { which } from '../../lib/libtorch/python-torch.js';
import { checkCMake, checkMake, checkPython } from '../setup/tools.mjs';

export const COMPILER = 'aarch64-linux-gnu-g++';
export const EMULATOR = 'qemu-aarch64';

const command = (name) => (env) => ({ ok: which(name, env) !== null });

const TOOLS = [
  { name: COMPILER, why: 'it compiles for 64-bit ARM', packages: ['crossbuild-essential-arm64'], check: command(COMPILER) },
  { name: EMULATOR, why: 'it runs what was compiled', packages: ['qemu-user'], check: command(EMULATOR) },
  { name: 'CMake 3.18 or later', why: 'it drives the native build', packages: ['cmake'], check: checkCMake },
  { name: 'make or ninja', why: 'CMake calls it to run the compiler', packages: ['make'], check: checkMake },
  { name: 'python3 with pip', why: 'it fetches PyTorch', packages: ['python3', 'python3-pip'], check: checkPython },
];

/**
 * @param {{env?: NodeJS.ProcessEnv, platform?: NodeJS.Platform, arch?: string}} [machine]
 * @throws SetupError on a machine where this does not run, and one that names all that is missing and how to get it
 */
export function requireTools({ env = process.env, platform = process.platform, arch = process.arch } = {}) {
  if (platform !== 'linux' || arch !== 'x64') {
    const instead = arch === 'arm64' ? '; this machine runs 64-bit ARM itself: npm test' : '';
    throw new SetupError(`QEMU's user mode and Debian's cross compiler are for Linux on x64, not ${platform} on ${arch}${instead}`);
  }
  const missing = TOOLS.filter(({ check }) => !check(env).ok);
  if (missing.length === 0) return;
  throw new SetupError(
    [
      'missing:',
      ...missing.map(({ name, why }) => `  ${name}: ${why}`),
      'How to get it on Debian and Ubuntu:',
      `  sudo apt-get install ${missing.flatMap(({ packages }) => packages).join(' ')}`,
    ].join('\n'),
  );
}
