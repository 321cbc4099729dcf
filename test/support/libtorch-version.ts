import type { Context } from 'mocha';
import { torchVersion } from '../../lib/index';

const minor = (version: string) => version.split('.').slice(0, 2).join('.');

/** Skips a test, and says so, where the loaded libtorch is not of the minor version that something was made with. */
export function skipUnlessLibtorch(context: Context, version: string, what: string): void {
  if (minor(version) === minor(torchVersion)) return;
  console.warn(`      SKIPPED: libtorch ${torchVersion} is loaded, ${what} ${version}`);
  context.skip();
}
