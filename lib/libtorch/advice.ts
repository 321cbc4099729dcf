import path from 'node:path';
import { TESTED_VERSION } from './libtorch-folder';
import { localBuild } from './local-build';
import { isCheckout, type Machine, platformName } from './machine';
import { addonPackage, libtorchPackage, PLATFORMS } from './platforms';

/** What helps where nothing could be loaded, for this machine: each a sentence or a command to copy. */
export function advice(machine: Machine, reasons: string): string[] {
  const { platform, arch, glibc, electron, env } = machine;
  const name = platformName(machine);
  if (platform === 'linux' && glibc === null) {
    return [
      'PyTorch has no build for musl (Alpine Linux): use an image with glibc, such as node:22-slim, instead of node:22-alpine',
    ];
  }
  if (!PLATFORMS.includes(name)) {
    return [
      `there are prebuilt packages for ${PLATFORMS.join(', ')}; this is ${name}`,
      ...(platform === 'darwin' && arch === 'x64' ? ['PyTorch has had no build for Macs with Intel processors since 2.3'] : []),
      ...(platform === 'win32' && arch === 'ia32' ? ['use the 64-bit Node.js'] : []),
      'a clone of the repository can be built for a libtorch of yours: LIBTORCH=/path/to/libtorch npm run setup',
    ];
  }
  const lines: string[] = [];
  if (electron !== null && machine.root.includes(`app.asar${path.sep}`)) {
    lines.push(
      "Electron: shared libraries cannot be loaded out of an asar archive; unpack them (electron-builder: asarUnpack: ['node_modules/@continual-torch/**'])",
    );
  }
  if (env['LIBTORCH']) lines.push('unset LIBTORCH to use the libtorch that comes with this package, or let it name another one');
  if (/needs glibc|version `GLIBC(XX)?_/.test(reasons)) lines.push('use a system with a newer glibc: Debian 12, Ubuntu 22.04, Fedora 36, RHEL 9 or later');
  if (/lacks an instruction/.test(reasons)) lines.push('libtorch for x64 needs a processor with SSE4.2; AVX2 for its full speed');
  if (/ACCESS_DENIED|loading addons is disabled/.test(reasons)) lines.push('Node.js with --permission needs --allow-addons, and --allow-fs-read of these folders');
  lines.push(...installAdvice(machine, reasons));
  return lines;
}

function installAdvice(machine: Machine, reasons: string): string[] {
  if (isCheckout(machine)) {
    const build = localBuild(machine);
    const again = build === null ? '' : `; the last build is for ${build.version}, LIBTORCH=${build.libtorch}`;
    return [`this is a clone of the repository: npm run setup${again}`];
  }
  const name = platformName(machine);
  const packages = [addonPackage(name), libtorchPackage(name)];
  const missing = packages.filter((each) => machine.packageFolder(each) === null);
  // Of a LIBTORCH that does not do, the addon alone is wanted.
  if (missing.length > 0 && (!machine.env['LIBTORCH'] || missing.includes(addonPackage(name)))) {
    const other = PLATFORMS.find((each) => each !== name && machine.packageFolder(addonPackage(each)) !== null);
    return [
      ...(other === undefined ? [] : [`these node_modules were installed for ${other}: install on the machine that runs them`]),
      `${missing.join(' and ')} ${missing.length > 1 ? 'are optional dependencies' : 'is an optional dependency'}, left out by ` +
        '--omit=optional, or by a lock file that was made on another platform:',
      '  npm install --include=optional continual-torch',
      'or, where the lock file came from another platform:',
      `  ${removal(machine)} && npm install`,
      'a bundle needs them in a node_modules beside it or further up',
      `to use a PyTorch of yours (${TESTED_VERSION} is tested): LIBTORCH=/path/to/site-packages/torch`,
    ];
  }
  if (!machine.env['LIBTORCH'] && /is damaged|is missing|is cut short|not a whole|ends the process/.test(reasons)) {
    return ['install the package once more:', `  ${removal(machine)} && npm install`];
  }
  return [];
}

const removal = ({ platform }: Machine): string =>
  platform === 'win32'
    ? 'Remove-Item -Recurse -Force node_modules, package-lock.json'
    : 'rm -rf node_modules package-lock.json';
