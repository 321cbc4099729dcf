// @ts-check
// The PyTorch of the Python on PATH. JavaScript, because the set-up asks before there is a compiler for TypeScript.
const { spawnSync } = require('node:child_process');
const { accessSync, constants } = require('node:fs');
const path = require('node:path');

const windows = process.platform === 'win32';
const pythonCommand = windows ? 'python' : 'python3';
const patienceMs = 20_000;

// Finds the package without importing it. The current folder is taken off the path: a folder named `torch` that
// happens to lie there is not an installed PyTorch; nor is a leftover folder without __init__.py (its origin is None).
const WHERE_IS_TORCH = `
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import importlib.util
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec and spec.origin else "")
`;

/**
 * `python`: whether there is one that answers.
 * @typedef {{python: boolean, torch: string | null}} PythonTorch
 */

/**
 * The full path of a command, or null.
 * @param {string} command
 * @param {NodeJS.ProcessEnv} env
 */
function which(command, env = process.env) {
  const folders = Object.entries(env).find(([key]) => key.toUpperCase() === 'PATH')?.[1] ?? '';
  for (const folder of folders.split(path.delimiter).filter(Boolean)) {
    for (const suffix of windows ? ['.exe', '.cmd', '.bat'] : ['']) {
      const file = path.join(folder, command + suffix);
      try {
        accessSync(file, constants.X_OK);
        return file;
      } catch {
        // Not in this folder.
      }
    }
  }
  return null;
}

/**
 * Starts Python, which takes some hundredths of a second.
 * @param {NodeJS.ProcessEnv} env
 * @returns {PythonTorch}
 */
function askPython(env) {
  const python = which(pythonCommand, env);
  if (python === null) return { python: false, torch: null };
  try {
    const { status, stdout } = spawnSync(python, ['-c', WHERE_IS_TORCH], {
      // On Windows it would write to a pipe in the code page of the system.
      env: { ...env, PYTHONIOENCODING: 'utf-8' },
      encoding: 'utf8',
      timeout: patienceMs,
      windowsHide: true,
    });
    if (status !== 0) return { python: false, torch: null };
    // What is before it comes from a sitecustomize.
    const answer = stdout.replace(/\r?\n$/, '').split(/\r?\n/).at(-1);
    return { python: true, torch: answer || null };
  } catch {
    // Node's permission model throws.
    return { python: false, torch: null };
  }
}

/** What in the environment decides which Python that is, and where it looks. */
const decisive = ['PYTHONPATH', 'PYTHONHOME', 'PYTHONNOUSERSITE', 'VIRTUAL_ENV', 'CONDA_PREFIX', 'PYENV_VERSION'];

/**
 * What decides the answer of `askPython`, as far as it can be told without starting Python.
 * @param {NodeJS.ProcessEnv} env
 */
function pythonKey(env) {
  return [which(pythonCommand, env), ...decisive.map((name) => env[name])].map((part) => part ?? '').join('\n');
}

module.exports = { askPython, pythonCommand, pythonKey, which };
