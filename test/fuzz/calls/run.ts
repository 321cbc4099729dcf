import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FuzzOptions } from '../command';
import { outcomes } from './outcomes';

/** A call that ended its process, did not end, or failed with something else than an error of this package. */
export interface CallFinding {
  index: number;
  call: string;
  what: string;
}

const child = path.join(__dirname, 'child.ts');
/** tsx by its address: the children run in a folder of their own, where files that a call makes may lie. */
const tsx = pathToFileURL(createRequire(__filename).resolve('tsx')).href;

interface Ended {
  how: string;
  stdout: string;
  stderr: string;
}

function run(args: (string | number)[], cwd: string): Promise<Ended> {
  const started = spawn(process.execPath, ['--import', tsx, child, ...args.map(String)], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    started[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] = (output[stream] + text).slice(-100_000)));
  }
  return new Promise((resolve, reject) => {
    started.once('error', reject);
    started.once('close', (code, signal) => resolve({ how: signal ?? `exit ${code}`, ...output }));
  });
}

/** What a sanitizer, C++ or V8 has said at the end; not the warnings of libtorch before it. */
function report(stderr: string): string {
  const found = /^(=+\d+=+ ?ERROR|terminate called|FATAL ERROR|#? ?Fatal error|.*runtime error:)[^]*/m.exec(stderr);
  return found === null ? '' : `\n${found[0].slice(0, 8000)}`;
}

/** Makes `count` calls, in a new process after each that ended one. Counts outcomes; more memory than the limit is one. */
export async function fuzzCalls({ count, seed, from }: FuzzOptions): Promise<{ counts: Map<string, number>; findings: CallFinding[] }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'continual-torch-calls-'));
  const counts = new Map<string, number>();
  const note = (outcome: string) => counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const findings: CallFinding[] = [];
  const find = async (index: number, what: string) => {
    findings.push({ index, what, call: (await run([seed, index], folder)).stdout.trim() });
  };
  try {
    for (let index = from; index < from + count; ) {
      const file = path.join(folder, `${index}.outcomes`);
      const { how, stdout, stderr } = await run([seed, index, from + count, file], folder);
      if (!existsSync(file)) throw new Error(`calls: no process for them: ${how}\n${stderr}`);
      const done = readFileSync(file);
      for (const outcome of done) note(outcomes[outcome]!);
      const lines = stdout.split('\n').filter((line) => line.startsWith('{"index"'));
      for (const { index: at, error } of lines.map((line) => JSON.parse(line) as { index: number; error: string })) await find(at, error);
      index += done.length;
      if (index === from + count) {
        // The last call may have left what ends the process at its exit.
        if (how !== 'exit 0') await find(index - 1, `${how} at the end of the process${report(stderr)}`);
        continue;
      }
      const limit = /^(time|memory)$/m.exec(stdout)?.[1];
      note(limit ?? how);
      if (limit !== 'memory') await find(index, limit ?? how + report(stderr));
      index++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { counts, findings };
}
