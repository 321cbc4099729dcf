// The tools that the set-up needs but cannot fetch. All that is missing is told in one message.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { which } from '../../lib/libtorch/python-torch.js';
import { pythonVersions } from './python.mjs';
import { SetupError } from './report.mjs';
import { probe } from './run.mjs';

const OLDEST_CMAKE = [3, 18];
const windows = process.platform === 'win32';

// <concepts> and <span> came last to the standard libraries, so they tell a compiler with C++20 from one with its flag.
const TINY_CXX20 = `#include <concepts>
#include <span>
int same(std::integral auto x) { return int(x); }
int main() { return same(0); }
`;

const HOW_TO = {
  cmake: { debian: 'cmake', fedora: 'cmake', macos: 'brew install cmake', windows: 'winget install Kitware.CMake' },
  compiler: {
    debian: 'g++', fedora: 'gcc-c++', macos: 'xcode-select --install',
    windows: 'winget install Microsoft.VisualStudio.2022.BuildTools, with "Desktop development with C++"',
  },
  make: { debian: 'make', fedora: 'make', macos: 'xcode-select --install', windows: null },
};

const firstLine = (text) => text.split('\n')[0].trim();

export function checkCMake(env = process.env) {
  const answer = probe('cmake', ['--version'], { env });
  const version = /version (\d+)\.(\d+)(\S*)/.exec(answer.stdout);
  if (!answer.ok || !version) return { ok: false, found: null };
  const [major, minor] = [Number(version[1]), Number(version[2])];
  const ok = major > OLDEST_CMAKE[0] || (major === OLDEST_CMAKE[0] && minor >= OLDEST_CMAKE[1]);
  return { ok, found: `${major}.${minor}${version[3]}` };
}

function visualStudio(env) {
  const programs = env['ProgramFiles(x86)'] ?? 'C:\\Program Files (x86)';
  const finder = join(programs, 'Microsoft Visual Studio', 'Installer', 'vswhere.exe');
  if (!existsSync(finder)) return null;
  const parts = ['-latest', '-products', '*', '-requires', 'Microsoft.VisualStudio.Component.VC.Tools.x86.x64'];
  return firstLine(probe(finder, [...parts, '-property', 'displayName'], { env }).stdout) || null;
}

/** The compiler that CMake will take ($CXX, else its own order), and its first line about itself; null: none. */
export function findCompiler(env = process.env) {
  if (windows && !env.CXX) {
    const name = visualStudio(env);
    return name === null ? null : { command: ['cl'], about: name };
  }
  const candidates = env.CXX ? [env.CXX.trim().split(/\s+/)] : [['c++'], ['g++'], ['clang++']];
  for (const command of candidates) {
    const answer = probe(command[0], [...command.slice(1), '--version'], { env });
    if (answer.ok) return { command, about: firstLine(answer.stdout) };
  }
  return null;
}

export function checkCompiler(env = process.env) {
  const compiler = findCompiler(env);
  if (compiler === null) return { ok: false, found: null };
  const [command, ...args] = compiler.command;
  if (windows && !env.CXX) return { ok: true, found: compiler.about };
  const trial = probe(command, [...args, '-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], { env, input: TINY_CXX20 });
  const why = firstLine(trial.stderr.split('\n').find((line) => /error/.test(line)) ?? trial.stderr);
  return { ok: trial.ok, found: trial.ok ? compiler.about : `${compiler.about}, which fails on a C++20 file: ${why}` };
}

/** Visual Studio brings its own build tool. */
export function checkMake(env = process.env) {
  if (windows) return { ok: true, found: 'Visual Studio' };
  const found = which('ninja', env) ?? which('make', env);
  return { ok: found !== null, found };
}

export function checkPython(env = process.env) {
  const { python, pip } = pythonVersions(env);
  if (python === null) return { ok: false, found: null };
  return { ok: pip !== null, found: pip === null ? `Python ${python} without pip` : `Python ${python}, pip ${pip}` };
}

function howToGet(keys) {
  const list = (system) => [...new Set(keys.map((key) => HOW_TO[key][system]).filter(Boolean))];
  return [
    'How to get it:',
    `  Debian, Ubuntu   sudo apt-get install ${list('debian').join(' ')}`,
    `  Fedora           sudo dnf install ${list('fedora').join(' ')}`,
    `  macOS            ${list('macos').join('; ')}`,
    `  Windows          ${list('windows').join('; ') || 'nothing to install'}`,
  ];
}

/**
 * @param {{build: boolean, env?: NodeJS.ProcessEnv}} need  `build`: the addon is to be compiled
 * @throws SetupError that names all that is missing or too old, why it is needed, and how to get it
 */
export function requireTools({ build, env = process.env }) {
  if (!build) return;
  const checks = [
    ['cmake', `CMake ${OLDEST_CMAKE.join('.')} or later`, 'it drives the native build', checkCMake],
    ['compiler', 'a C++20 compiler', 'it compiles the native addon', checkCompiler],
    ['make', 'make or ninja', 'CMake calls it to run the compiler', checkMake],
  ];
  const missing = checks
    .map(([key, name, why, check]) => ({ key, name, why, ...check(env) }))
    .filter((tool) => !tool.ok);
  if (missing.length === 0) return;
  throw new SetupError(
    [
      missing.length === 1 ? 'a tool is missing or too old:' : 'tools are missing or too old:',
      ...missing.map(({ name, why, found }) => `  ${name}: ${why} (found: ${found ?? 'none'})`),
      ...howToGet(missing.map(({ key }) => key)),
    ].join('\n'),
  );
}
