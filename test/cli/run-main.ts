// The package's command in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { cleanEnvironment, type Ended } from '../scripts/support';

const root = path.join(__dirname, '..', '..');

export function startMain(args: string[], env: NodeJS.ProcessEnv = {}): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', path.join(root, 'lib', 'cli', 'main.ts'), ...args], {
    cwd: root,
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
  });
  return { child, ended };
}

export const runMain = (args: string[], env?: NodeJS.ProcessEnv): Promise<Ended> => startMain(args, env).ended;
