// Memory of a SharedArrayBuffer under a tensor whose array is gone, and in a worker that goes before or after it.
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { asTensor, type Tensor } from '../../../lib/index';

const length = 2 ** 20;

async function collect(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    global.gc!();
    await nextTurn();
  }
}

function sharedOnes(): Tensor {
  return asTensor(new Float32Array(new SharedArrayBuffer(4 * length)).fill(1), { device: 'cpu' });
}

async function main(): Promise<void> {
  const x = sharedOnes();
  await collect();
  // What takes the place of memory that was freed would be seen.
  const others = Array.from({ length: 8 }, () => new Float32Array(new SharedArrayBuffer(4 * length)).fill(9));
  console.log(`sum: ${x.sum().item()}`);
  others.length = 0;

  const buffer = new SharedArrayBuffer(4 * length);
  const y = asTensor(new Float32Array(buffer), { device: 'cpu' });
  const worker = new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, { eval: true, workerData: buffer });
  await once(worker, 'message');
  console.log(`from the worker: ${y.index(0).item()}`);
  await once(worker, 'exit');
  y.fill_(2);
  await collect();
  console.log(`after the worker: ${y.sum().item()}`);
}

if (isMainThread) {
  void main();
} else {
  asTensor(new Float32Array(workerData as SharedArrayBuffer), { device: 'cpu' }).fill_(42);
  parentPort!.postMessage('done');
}
