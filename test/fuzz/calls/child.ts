// Makes the calls of a range: `child.ts SEED FROM TO FILE`, one byte in FILE behind each; `child.ts SEED INDEX` describes one.
import { openSync, writeSync } from 'node:fs';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import { ContinualTorchError, manualSeed } from '../../../lib/index';
import { Recording } from '../../support/recorded-operators';
import { describe } from './describe';
import { limits } from './limits';
import { makeCall } from './make-call';
import { outcomes } from './outcomes';

const [seed, from, to] = process.argv.slice(2, 5).map(Number) as [number, number, number | undefined];

/** Ends the process from beside it where a call takes too much: a call that does not come back runs no timer. */
function startWatch(): (index: number) => void {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const watch = new Worker(
    `const { shared, limits } = require('node:worker_threads').workerData;
    const { writeSync } = require('node:fs');
    let [seen, since] = [-1, Date.now()];
    const end = (why) => { writeSync(1, why + '\\n'); process.kill(process.pid, 'SIGKILL'); };
    setInterval(() => {
      if (shared[0] !== seen) [seen, since] = [shared[0], Date.now()];
      else if (Date.now() - since > limits.milliseconds) end('time');
      if (process.memoryUsage.rss() > limits.bytes) end('memory');
    }, 10);`,
    { eval: true, execArgv: [], workerData: { shared, limits } },
  );
  watch.unref();
  return (index) => (shared[0] = index);
}

/** What an error of a call may be. */
function outcomeOf(error: unknown, isOperator: boolean): string {
  if (error instanceof ContinualTorchError) return error.code;
  // JavaScript's own, where a getter or a method got a receiver of another class.
  if (!isOperator && (error instanceof TypeError || error instanceof RangeError)) return error.name;
  return 'other';
}

async function main(): Promise<void> {
  const recording = await Recording.load();
  if (to === undefined) {
    const { name, args } = makeCall(seed, from, recording);
    console.log(`${name}(${args.map((arg) => describe(arg)).join(', ')})`);
    return;
  }
  process.on('unhandledRejection', () => undefined);
  const file = openSync(process.argv[5]!, 'a');
  const begins = startWatch();
  for (let index = from; index < to; index++) {
    const call = makeCall(seed, index, recording);
    begins(index);
    manualSeed(index);
    let outcome = 'value';
    try {
      await call.run();
    } catch (error) {
      outcome = outcomeOf(error, /^(torch|Tensor\.prototype)\./.test(call.name));
      if (outcome === 'other') console.log(JSON.stringify({ index, error: inspect(error) }));
    }
    writeSync(file, Uint8Array.of(outcomes.indexOf(outcome)));
  }
}

void main();
