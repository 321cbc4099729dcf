// The Python on PATH as the set-up needs it: its pip is the second way to a libtorch.
import { pythonCommand } from '../../lib/libtorch/python-torch.js';
import { probe } from './run.mjs';

/** @returns {{python: string | null, pip: string | null}} their versions */
export function pythonVersions(env = process.env) {
  const python = probe(pythonCommand, ['-c', 'import platform; print(platform.python_version())'], { env });
  if (!python.ok) return { python: null, pip: null };
  const pip = probe(pythonCommand, ['-m', 'pip', '--version'], { env });
  return { python: python.stdout.trim(), pip: pip.ok ? (/^pip (\S+)/.exec(pip.stdout)?.[1] ?? 'unknown') : null };
}
