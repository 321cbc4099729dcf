// The core, its tests and the addon, cross-compiled by the one CMakeLists.txt.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MANIFEST, manifestOf } from '../../lib/libtorch/local-build.js';
import { which } from '../../lib/libtorch/python-torch.js';
import { packageCommand } from '../setup/dependencies.mjs';
import { buildEnvironment, buildJobs, buildProgress } from '../setup/native.mjs';
import { SetupError } from '../setup/report.mjs';
import { run } from '../setup/run.mjs';
import { readStamp, writeStamp } from '../setup/stamp.mjs';
import { COMPILER } from './tools.mjs';

const TOOLCHAIN = fileURLToPath(new URL('toolchain.cmake', import.meta.url));

/** A precompiled header is in the way of ccache unless it is told how to look at it. */
function withCompilerCache(env) {
  if (env.CMAKE_CXX_COMPILER_LAUNCHER || which('ccache', env) === null) return env;
  return {
    CCACHE_SLOPPINESS: 'pch_defines,time_macros,include_file_mtime,include_file_ctime',
    ...env,
    CMAKE_CXX_COMPILER_LAUNCHER: 'ccache',
    CXXFLAGS: `${env.CXXFLAGS ?? ''} -fpch-preprocess`,
  };
}

/**
 * @param {{root: string, folder: string, libtorch: {root: string, version: string}, env: NodeJS.ProcessEnv,
 *   progress: (text?: string) => void}} options  `folder`: where CMake works
 * @returns {Promise<string>} the folder of what was built, fit for CONTINUAL_TORCH_ADDON
 */
export async function crossBuild({ root, folder, libtorch, env, progress }) {
  const cmakeJs = packageCommand(root, 'cmake-js', 'cmake-js');
  const building = withCompilerCache(env);
  // Objects of another compiler, libtorch or header package, or of a build that was killed, are of no use (native.mjs).
  const stamp = `${folder}.json`;
  const environment = buildEnvironment({ root, env: { ...building, CXX: COMPILER }, libtorch: { ...libtorch, cuda: null } });
  if (JSON.stringify(readStamp(stamp)) !== JSON.stringify(environment)) rmSync(folder, { recursive: true, force: true });
  rmSync(stamp, { force: true });
  const args = [cmakeJs, 'build', '--config', 'Release', '--out', folder, '--parallel', String(buildJobs(env)),
    `--CDCMAKE_TOOLCHAIN_FILE=${TOOLCHAIN}`, `--CDLIBTORCH_ROOT=${libtorch.root}`];
  const { code, output } = await run(process.execPath, args, {
    cwd: root, env: building, onOutput: (text) => progress(buildProgress(text) ?? undefined),
  });
  writeStamp(stamp, environment);
  if (code !== 0) throw new SetupError(`the build for arm64 failed:\n${output.trimEnd()}`);
  const release = join(folder, 'Release');
  writeStamp(join(release, MANIFEST), manifestOf(libtorch, env));
  return release;
}
