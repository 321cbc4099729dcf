// A worker exits while a job of its own is under way.
import path from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const library = JSON.stringify(path.join(__dirname, '../../../lib/index'));
const worker = new Worker(
  `require('tsx/cjs');
const { jit, nn } = require(${library});
void jit.saveToBuffer(new nn.Linear(2000, 2000));
process.exit(3);`,
  { eval: true },
);
void once(worker, 'exit').then(([status]) => console.log(`exit ${String(status)}`));
