// Runs that draw, from seeds, one after the other in this thread ("alone") or in workers at the same time ("together").
import { once } from 'node:events';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { createHash } from 'node:crypto';
import { manualSeed, setNumThreads, torch } from '../../../lib/index';
import { drawingModels, drawingRun } from '../../support/drawing-runs';

const seeds = [0, 1, 2, 3, 4, 5];

async function run(seed: number): Promise<void> {
  const results: unknown[] = [];
  for (const model of drawingModels) {
    manualSeed(seed);
    results.push(await drawingRun({ model }), torch.rand([2]).toNumbers());
  }
  const digest = createHash('sha256').update(JSON.stringify(results)).digest('hex');
  process.stdout.write(`${seed} ${digest}\n`);
}

async function main(): Promise<void> {
  setNumThreads(1);
  if (!isMainThread) return run(workerData as number);
  if (process.argv[2] === 'alone') {
    for (const seed of seeds) await run(seed);
    return;
  }
  const [own, ...others] = seeds as [number, ...number[]];
  const start = (seed: number) =>
    new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, { eval: true, workerData: seed });
  const ends = others.map((seed) => once(start(seed), 'exit'));
  await Promise.all([run(own), ...ends]);
}

void main();
