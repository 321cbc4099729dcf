// Runs programs of a range: `child.ts SEED FROM TO`. A line of JSON before each and one behind it.
import { inspect } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { FuzzRandom } from '../random';
import { check } from './check';
import { makeProgram } from './program';

/** One program in so many runs in a worker that is terminated somewhere in it. */
const workerEvery = 25;

let at = -1;
const say = (line: object) => console.log(JSON.stringify(line));

async function run(seed: number, index: number): Promise<void> {
  at = index;
  try {
    say({ index, outcomes: await check(makeProgram(seed, index)) });
  } catch (error) {
    say({ index, finding: inspect(error) });
  }
}

/** The process has to outlive it. */
async function runInWorker(seed: number, index: number): Promise<void> {
  const worker = new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, {
    eval: true,
    workerData: { seed, index },
    stdout: true,
    stderr: true,
  });
  await new Promise<void>((resolve) => {
    worker.once('exit', () => resolve());
    worker.once('error', (error) => say({ index, finding: `worker: ${inspect(error)}` }));
    worker.once('message', () => setTimeout(() => void worker.terminate(), new FuzzRandom(seed, index).below(40)));
  });
}

async function main(): Promise<void> {
  if (!isMainThread) {
    const { seed, index } = workerData as { seed: number; index: number };
    parentPort!.postMessage('begins');
    for (;;) await check(makeProgram(seed, index)).catch(() => {});
  }
  const [seed, from, to] = process.argv.slice(2).map(Number) as [number, number, number];
  process.on('unhandledRejection', (reason) => say({ index: at, finding: `nobody was told of ${inspect(reason)}` }));
  process.on('warning', () => {});
  for (let index = from; index < to; index++) {
    say({ index });
    if (index % workerEvery === workerEvery - 1) await runInWorker(seed, index);
    else await run(seed, index);
  }
}

void main();
