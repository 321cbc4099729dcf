// On the device for tests: `touch` reads its memory as the host does; else prints, as JSON, what other trials came to.
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { Generator, manualSeed, nn, setDefaultDevice, type Tensor, tensor, torch } from '../../../lib/index';
import { native } from '../../../lib/native/binding';

const { standinReads, standinTouch } = native as unknown as {
  standinReads: () => number;
  standinTouch: (handle: unknown) => number;
};

const reason = (fails: () => unknown): string => {
  try {
    return `no error, but ${String(fails())}`;
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};
const readsOf = (work: () => unknown): number => {
  const before = standinReads();
  work();
  return standinReads() - before;
};
const drawn = (): number[] => {
  manualSeed(5);
  return torch.rand([3]).toNumbers();
};

async function main(): Promise<void> {
  setDefaultDevice('standin');
  if (!isMainThread) {
    parentPort!.postMessage(drawn());
    return;
  }
  const x = tensor([1, 2]);
  if (process.argv[2] === 'touch') {
    console.log(standinTouch(tensor([1], { device: 'cpu', dtype: 'uint8' }).handle));
    console.log(standinTouch(x.handle));
  }
  const layer = new nn.Linear(2, 1);
  const loss = layer.forward(x).square().sum();
  const ofWorker = new Promise<number[]>((resolve, reject) => {
    new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, { eval: true }).once('message', resolve).once('error', reject);
  });
  const generator = new Generator();
  generator.manualSeed(5);
  console.log(
    JSON.stringify({
      device: x.device,
      mixed: reason(() => x.add(tensor([1, 2], { device: 'cpu' }))),
      index: x.index(tensor([1], { dtype: 'int64', device: 'cpu' })).toNumbers(),
      reads: {
        computing: readsOf(() => x.mul(2).add(1).matmul(x)),
        backward: readsOf(() => loss.backward()),
        item: readsOf(() => loss.item()),
        copy: readsOf(() => x.cpu()),
      },
      gradient: (layer.weight.grad as Tensor).device,
      drawn: { here: drawn(), worker: await ofWorker, generator: torch.rand([3], { generator }).toNumbers() },
    }),
  );
}

void main();
