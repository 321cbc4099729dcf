/** A process that trains one run after the other, on one thread. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setNumThreads, torchVersion } from 'continual-torch';
import { trainAsAuthors } from './authors';
import type { AuthorsMode, Scenario, Setting } from './published';
import type { Result, Run } from './results';
import { train } from './training';

const { version } = JSON.parse(readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string };

async function outcome({ target, column, setting, seed, samples }: Run): Promise<Pick<Result, 'accuracies' | 'learned'>> {
  if (target === 'authors') return trainAsAuthors(column as AuthorsMode, seed, samples);
  return { accuracies: await train(target, column as Scenario, setting as Setting, seed, samples) };
}

async function answer(run: Run): Promise<void> {
  const begin = performance.now();
  const { accuracies, learned } = await outcome(run);
  if (![...accuracies, ...(learned ?? [])].every(Number.isFinite)) throw new Error(`expected accuracies, got ${accuracies.join(', ')}`);
  const result: Result = {
    ...run,
    accuracies,
    ...(learned && { learned }),
    version,
    torch: torchVersion,
    processor: os.cpus()[0]?.model ?? 'unknown',
    seconds: Math.round((performance.now() - begin) / 100) / 10,
    date: new Date().toISOString().slice(0, 10),
  };
  process.send!(result);
}

setNumThreads(1);
process.on('message', (run: Run) => void answer(run));
process.once('disconnect', () => process.exit());
