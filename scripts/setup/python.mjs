// The Python on PATH: its PyTorch may be the libtorch to use, and its pip fetches one.
import { probe } from './run.mjs';

export const pythonCommand = process.platform === 'win32' ? 'python' : 'python3';

// Finds the package without importing it. The current folder is taken off the path: a folder named `torch` that
// happens to lie there is not an installed PyTorch; nor is a leftover folder without __init__.py (its origin is None).
const WHERE_IS_TORCH = `
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import importlib.util
spec = importlib.util.find_spec("torch")
print(spec.submodule_search_locations[0] if spec and spec.origin else "")
`;

/** @returns {{python: boolean, torch: string | null}} */
export function findPythonTorch(env = process.env) {
  const answer = probe(pythonCommand, ['-c', WHERE_IS_TORCH], { env });
  if (!answer.ok) return { python: !answer.missing && answer.stderr !== '', torch: null };
  return { python: true, torch: answer.stdout.trim() || null };
}

/** @returns {{python: string | null, pip: string | null}} their versions */
export function pythonVersions(env = process.env) {
  const python = probe(pythonCommand, ['-c', 'import platform; print(platform.python_version())'], { env });
  if (!python.ok) return { python: null, pip: null };
  const pip = probe(pythonCommand, ['-m', 'pip', '--version'], { env });
  return { python: python.stdout.trim(), pip: pip.ok ? (/^pip (\S+)/.exec(pip.stdout)?.[1] ?? 'unknown') : null };
}
