// What a worker does with random numbers, and what the main thread then draws.
import { once } from 'node:events';
import { isMainThread, Worker } from 'node:worker_threads';
import { jit, manualSeed, nn, torch } from '../../../lib/index';

const draw = () => torch.rand([3]).toNumbers().join(' ');

/** All the doors through which something draws or sets what is drawn from. */
async function disturb(): Promise<void> {
  manualSeed(9);
  torch.seed();
  torch.setRngState(torch.getRngState());
  torch.rand([3]);
  torch.randperm(5);
  torch.ones([3]).bernoulli_(0.5).add_(1).multinomial(2, true);
  torch.dropout(torch.ones([2 ** 20]), 0.5, true);
  new nn.GRU(4, 4, { numLayers: 2, dropout: 0.5 }).forward(torch.ones([2, 3, 4]));
  const model = await jit.load(await jit.saveToBuffer(new nn.Sequential(new nn.Linear(4, 4), new nn.Dropout(0.5))));
  model.forward(torch.ones([2, 3, 4]));
  nn.init.orthogonal_(torch.empty([3, 3]));
}

async function main(): Promise<void> {
  if (!isMainThread) {
    console.log(draw());
    return disturb();
  }
  const worker = () => new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, { eval: true });
  console.log(draw());
  manualSeed(5);
  const expected = draw();
  manualSeed(5);
  await once(worker(), 'exit');
  await once(worker(), 'exit');
  console.log(draw() === expected ? 'undisturbed' : 'disturbed');
}

void main();
