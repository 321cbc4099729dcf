// One addon for one libtorch, made by prebuildify. node-gyp deletes `build` before it builds, so it works on a copy of
// the sources; npm packages are found further up, in the repository.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packageCommand } from '../setup/dependencies.mjs';
import { RUN_PATH_VARIABLE, buildEnvironment } from '../setup/native.mjs';
import { hashFiles, listFiles, sha256 } from '../setup/stamp.mjs';
import { onceFor } from './once.mjs';
import { osAndCpu, runPath } from './platforms.mjs';

/** The native tests are left out: what is published is not tested by them, and they take a quarter of the time. */
const SOURCES = [
  'native/core', 'native/binding', 'native/opener', 'scripts/build-native.mjs', 'scripts/setup', 'CMakeLists.txt',
  'binding.gyp', 'package.json', 'package-lock.json',
];

/** Of lib the set-up, which runs before there is a compiler for it, reads what is JavaScript already. */
function sourceNames(root) {
  const inLibtorch = readdirSync(join(root, 'lib', 'libtorch')).filter((name) => name.endsWith('.js'));
  return [...SOURCES, ...inLibtorch.map((name) => `lib/libtorch/${name}`)];
}

function sourceFiles(root) {
  return sourceNames(root).map((name) => join(root, name)).flatMap((path) => (statSync(path).isFile() ? [path] : listFiles(path)));
}

/** The headers beside the running Node, where it has them; else node-gyp fetches some. */
function nodeHeaders() {
  const folder = dirname(dirname(process.execPath));
  return existsSync(join(folder, 'include', 'node', 'common.gypi')) ? { npm_config_nodedir: folder } : {};
}

/**
 * @param {{root: string, work: string, platform: string, libtorch: {root: string, version: string, minor: string}}} options
 *   `work`: a folder below the repository that is this addon's alone
 * @returns {Promise<{addon: string, opener: string}>} the files
 */
export async function prebuildAddon({ root, work, platform, libtorch }) {
  const [os, arch] = osAndCpu(platform);
  const env = {
    ...process.env, ...nodeHeaders(), LIBTORCH: libtorch.root, [RUN_PATH_VARIABLE]: runPath(platform) ?? '',
  };
  const environment = buildEnvironment({ root, env, libtorch: { ...libtorch, cuda: null } });
  const addon = join(work, 'prebuilds', platform, `libtorch-${libtorch.minor}.node`);
  const opener = join(work, 'build', 'Release', 'opener.node');
  await onceFor({
    inputs: sha256(JSON.stringify(environment), hashFiles(root, sourceFiles(root))),
    stamp: `${work}.json`,
    outputs: [addon, opener],
    async make() {
      console.log(`prebuild: the addon for libtorch ${libtorch.version} in ${libtorch.root}, which takes minutes`);
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work, { recursive: true });
      for (const name of sourceNames(root)) cpSync(join(root, name), join(work, name), { recursive: true });
      const args = ['--napi', '--strip', '--name', `libtorch-${libtorch.minor}`];
      args.push('--platform', os, '--arch', arch, '--cwd', work);
      const prebuildify = packageCommand(root, 'prebuildify', 'prebuildify');
      const { status } = spawnSync(process.execPath, [prebuildify, ...args], { env, stdio: 'inherit' });
      if (status !== 0) throw new Error(`prebuildify failed for libtorch ${libtorch.version}`);
    },
  });
  return { addon, opener };
}
