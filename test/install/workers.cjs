// Two workers train at the same time, each with an environment of its own; a third is terminated while it trains.
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
  const [first, second] = results;
  if (first.loss !== second.loss) throw new Error(`two workers: ${first.loss} and ${second.loss}`);
  if (first.threads !== '1' || second.threads !== '2') throw new Error('a worker has another environment');
  require('continual-torch');
  require('./train.cjs').report(first.loss);
}

void (isMainThread ? main() : work());
