// What `npm run doctor` tells: every tool, every place that may hold libtorch, and the state of what was built.
import { arch, release } from 'node:os';
import { cacheFolders } from '../../lib/libtorch/cache-folder.js';
import { ACCEPTED_TEXT } from '../../lib/libtorch/libtorch-folder.js';
import { describeCuda, findLibtorch } from './libtorch.mjs';
import { nativePaths, nativeStale } from './native.mjs';
import { packagesStale } from './npm-packages.mjs';
import { probe } from './run.mjs';
import { readStamp } from './stamp.mjs';
import { checkCMake, checkCompiler, checkMake, checkPython, findCompiler, which } from './tools.mjs';
import { pythonCommand } from './python.mjs';
import { typescriptStale } from './typescript.mjs';

function systemText() {
  // The report also lists network interfaces, which may take seconds to look up, unless told not to.
  process.report.excludeNetwork = true;
  const glibc = process.report.getReport().header.glibcVersionRuntime;
  const libc = glibc ? `, glibc ${glibc}` : ', no glibc (PyTorch has no build for musl)';
  return `${process.platform} ${release()} on ${arch()}${process.platform === 'linux' ? libc : ''}`;
}

function toolRow(name, { ok, found }, path) {
  return { name, ok, text: `${found ?? 'none'}${path && path !== found ? `  ${path}` : ''}` };
}

function toolRows(env) {
  const compiler = findCompiler(env)?.command[0];
  const npm = probe(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['--version'], { env });
  return [
    { name: 'Node.js', ok: true, text: `${process.versions.node}  ${process.execPath}` },
    toolRow('npm', { ok: npm.ok, found: npm.ok ? npm.stdout.trim() : null }, which('npm', env)),
    { name: 'system', ok: true, text: systemText() },
    toolRow('Python', checkPython(env), which(pythonCommand, env)),
    toolRow('CMake', checkCMake(env), which('cmake', env)),
    toolRow('C++20 compiler', checkCompiler(env), compiler && which(compiler, env)),
    toolRow('ninja or make', checkMake(env), null),
  ];
}

function placeRow({ source, path, found, version, cuda, verdict, reason }) {
  const what = found ? `${version ?? 'unknown version'}, ${describeCuda(cuda)}` : 'nothing';
  const why = reason === '' ? verdict : `${verdict}: ${reason}`;
  const ok = { taken: true, refused: false }[verdict] ?? null;
  return { name: source, ok, text: [what, path, why].filter(Boolean).join('  ') };
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

function verdict({ refusal, chosen, tools, native }) {
  if (refusal !== null) return { ok: false, text: refusal };
  const forBuild = native.ok ? [] : ['CMake', 'C++20 compiler', 'ninja or make'];
  const needed = chosen === null ? [...forBuild, 'Python'] : forBuild;
  const missing = tools.filter(({ name, ok }) => needed.includes(name) && !ok).map(({ name }) => name);
  if (missing.length > 0) {
    return { ok: false, text: `Missing: ${missing.join(', ')}. \`npm run setup\` tells how to get what is missing.` };
  }
  if (native.ok) return { ok: true, text: 'All is there.' };
  return { ok: true, text: 'All that is needed is there or can be fetched: `npm run setup` does the rest.' };
}

/**
 * @returns {{sections: {title: string, rows: {name: string, ok: boolean | null, text: string}[]}[],
 *   verdict: {ok: boolean, text: string}}} `ok` of a row: good, bad, or neither
 */
export function diagnose({ root, env = process.env }) {
  const tools = toolRows(env);
  const { chosen, looked, refusal } = findLibtorch({ root, env, all: true, caches: cacheFolders({ root, env }) });
  const native = nativeRow({ root, env, libtorch: chosen });
  return {
    sections: [
      { title: 'Tools', rows: tools },
      { title: `libtorch, in the order of search; accepted: ${ACCEPTED_TEXT}`, rows: looked.map(placeRow) },
      {
        title: 'Made by the set-up',
        rows: [stateRow('npm packages', packagesStale(root)), native, stateRow('TypeScript', typescriptStale(root))],
      },
    ],
    verdict: verdict({ refusal, chosen, tools, native }),
  };
}
