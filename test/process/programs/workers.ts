// A worker is terminated while it trains; a second one, and then this thread, train to the end.
import '../../support/device';
import path from 'node:path';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { MAS, optim } from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';
import { smallBenchmark, smallModel } from '../../support/small-runs';

/** tsx registers itself in workers only if it is asked to, before the file is loaded. */
function startWorker(file: string): Worker {
  const target = JSON.stringify(path.join(__dirname, file));
  return new Worker(`require('tsx/cjs'); require(${target});`, { eval: true, stdout: true });
}

async function main(): Promise<void> {
  const first = startWorker('endless-training.ts');
  first.stdout.resume();
  await once(first, 'message');
  await first.terminate();
  console.log('terminated');

  const second = startWorker('train-and-end.ts');
  second.stdout.resume();
  const [status] = (await once(second, 'exit')) as [number];
  console.log(`second worker: ${status}`);

  const model = smallModel();
  const strategy = new MAS({ model, optimizer: new optim.SGD(model.parameters()), evaluator: quietEvaluator() });
  await strategy.train(smallBenchmark().trainStream);
  console.log(`main thread: ${strategy.clock.trainExpCounter} experiences`);
}

void main();
