// `npm pack` of a staged folder.
import { npmCommand, npmEnvironment } from '../setup/npm-packages.mjs';
import { probe } from '../setup/run.mjs';

/** As npm names it. */
export const tarballName = (name, version) => `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;

/**
 * @param {string} folder
 * @param {string} destination  where the tarball goes
 * @returns {{name: string, version: string, filename: string, size: number, unpackedSize: number,
 *   files: {path: string, size: number}[]}}
 */
export function packFolder(folder, destination, env = process.env) {
  const [command, ...first] = npmCommand(env);
  const args = ['pack', folder, '--pack-destination', destination, '--json', '--ignore-scripts', '--loglevel=error'];
  const { ok, stdout, stderr } = probe(command, [...first, ...args], { env: npmEnvironment(env), timeoutMs: 600_000 });
  if (!ok) throw new Error(`npm pack ${folder} failed:\n${stderr.trim()}`);
  // npm 12 answers with an object whose keys are the packages' names, earlier ones with a list.
  return Object.values(JSON.parse(stdout))[0];
}
