// Makes a TensorboardLogger for the folder given, in this thread and in a worker; each has files of its own.
import '../../support/device';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { TensorboardLogger } from '../../../lib/index';

const log = (folder: string) => new TensorboardLogger(folder).logMetrics([{ name: 'one', value: 1, x: 0 }]);
const folder = isMainThread ? process.argv[2]! : (workerData as string);
if (isMainThread) {
  // Within the same second: the time is part of the name.
  const now = Date.now();
  Date.now = () => now;
  log(folder);
  const target = JSON.stringify(__filename);
  const code = `Date.now = () => ${now}; require('tsx/cjs'); require(${target});`;
  new Worker(code, { eval: true, workerData: folder });
} else {
  log(folder);
}
