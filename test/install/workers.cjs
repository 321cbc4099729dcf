// Two workers train at the same time, each with an environment of its own; a third is terminated while it trains.
// All share libtorch's random numbers, so what they end with differs; the main thread then trains alone.
const { once } = require('node:events');
const { isMainThread, parentPort, Worker, workerData } = require('node:worker_threads');

async function work() {
  const { train } = require('./train.cjs');
  const library = require('continual-torch');
  if (workerData.endless) {
    parentPort.postMessage('training');
    await train(library, 1e9);
  }
  parentPort.postMessage({ loss: await train(library), threads: process.env.OMP_NUM_THREADS });
}

async function main() {
  const start = (data, env) => new Worker(__filename, { workerData: data, env: { ...process.env, ...env } });
  const endless = start({ endless: true });
  await once(endless, 'message');
  const workers = ['1', '2'].map((OMP_NUM_THREADS) => start({}, { OMP_NUM_THREADS }));
  const results = (await Promise.all(workers.map((worker) => once(worker, 'message')))).map(([result]) => result);
  await endless.terminate();
  for (const [i, { loss, threads }] of results.entries()) {
    if (!(loss > 0 && loss < 3)) throw new Error(`worker ${i} ended with the loss ${loss}`);
    if (threads !== String(i + 1)) throw new Error(`worker ${i} has OMP_NUM_THREADS=${threads}`);
  }
  const { report, train } = require('./train.cjs');
  report(await train(require('continual-torch')));
}

void (isMainThread ? main() : work());
