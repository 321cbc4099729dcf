// Workers that call operators without an end are terminated, wherever they are.
import path from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const library = JSON.stringify(path.join(__dirname, '../../../lib/index'));
const endless = `require('tsx/cjs');
const { torch } = require(${library});
const x = torch.ones([100, 100]);
require('node:worker_threads').parentPort.postMessage('at work');
for (;;) x.mm(x);`;

async function main(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(endless, { eval: true });
    await once(worker, 'message');
    await worker.terminate();
    console.log('terminated');
  }
}

void main();
