// What `npm run doctor` tells: every tool, every place that may hold libtorch, and the state of what was built.
import { machineSection, placeSection } from '../../lib/libtorch/doctor.js';
import { describeCuda } from '../../lib/libtorch/libtorch-folder.js';
import { thisMachine } from '../../lib/libtorch/machine.js';
import { pythonCommand, which } from '../../lib/libtorch/python-torch.js';
import { findLibtorch } from './libtorch.mjs';
import { nativePaths, nativeStale } from './native.mjs';
import { packagesStale } from './npm-packages.mjs';
import { probe } from './run.mjs';
import { readStamp } from './stamp.mjs';
import { checkCMake, checkCompiler, checkMake, checkPython, findCompiler } from './tools.mjs';
import { typescriptStale } from './typescript.mjs';

function toolRow(name, { ok, found }, path) {
  return { name, ok, text: `${found ?? 'none'}${path && path !== found ? `  ${path}` : ''}` };
}

function toolRows(env) {
  const compiler = findCompiler(env)?.command[0];
  const npm = probe(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['--version'], { env });
  return [
    toolRow('npm', { ok: npm.ok, found: npm.ok ? npm.stdout.trim() : null }, which('npm', env)),
    // Its pip is but the second way to a libtorch.
    { ...toolRow('Python', checkPython(env), which(pythonCommand, env)), ok: checkPython(env).ok || null },
    toolRow('CMake', checkCMake(env), which('cmake', env)),
    toolRow('C++20 compiler', checkCompiler(env), compiler && which(compiler, env)),
    toolRow('ninja or make', checkMake(env), null),
  ];
}

function stateRow(name, stale) {
  return stale === null ? { name, ok: true, text: 'up to date' } : { name, ok: null, text: `to be done: ${stale}` };
}

function nativeRow({ root, env, libtorch }) {
  const built = readStamp(nativePaths(root).stamp)?.environment.libtorch;
  const forWhich = built ? `, built for ${built.version} (${describeCuda(built.cuda)}) in ${built.root}` : '';
  const stale = libtorch === null ? 'libtorch comes first' : nativeStale({ root, env, libtorch });
  const row = stateRow('native addon', stale);
  return { ...row, text: row.text + forWhich };
}

function verdict({ refusal, tools, native }) {
  if (refusal !== null) return { ok: false, text: refusal };
  const needed = native.ok ? [] : ['CMake', 'C++20 compiler', 'ninja or make'];
  const missing = tools.filter(({ name, ok }) => needed.includes(name) && !ok).map(({ name }) => name);
  if (missing.length > 0) {
    return { ok: false, text: `Missing: ${missing.join(', ')}. \`npm run setup\` tells how to get what is missing.` };
  }
  if (native.ok) return { ok: true, text: 'All is there.' };
  return { ok: true, text: 'All that is needed is there or can be fetched: `npm run setup` does the rest.' };
}

/**
 * @returns {{sections: import('../../lib/libtorch/doctor.js').Section[], verdict: {ok: boolean, text: string},
 *   isBuilt: boolean}} `isBuilt`: all is up to date and can be loaded
 */
export function diagnose({ root, env = process.env }) {
  const tools = toolRows(env);
  const { chosen, looked, refusal } = findLibtorch({ root, env, all: true });
  const native = nativeRow({ root, env, libtorch: chosen });
  const made = [stateRow('npm packages', packagesStale(root)), native, stateRow('TypeScript', typescriptStale(root))];
  return {
    sections: [
      machineSection(thisMachine({ root, env })),
      { title: 'Tools', rows: tools },
      placeSection(looked, chosen),
      { title: 'Made by the set-up', rows: made },
    ],
    verdict: verdict({ refusal, tools, native }),
    isBuilt: made.every(({ ok }) => ok === true),
  };
}
