// What the first argument names is done with numbers of threads; counts of the process's threads are relative to the start.
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import {
  autocast,
  type ContinualTorchError,
  getNumInteropThreads,
  getNumThreads,
  jit,
  nn,
  setNumInteropThreads,
  setNumThreads,
  tensor,
  torch,
} from '../../../lib/index';

const large = torch.ones([500, 500], { device: 'cpu' });
/** Too small for the way to the compute thread, large enough for a team. */
const medium = torch.ones([180, 180], { device: 'cpu' });

const threads = () => readdirSync('/proc/self/task').length;
const started = async () => {
  await stat('/'); // starts libuv's threads
  return threads();
};

/** How many threads there are beyond those of the start, once as many as expected; what else there is after a while. */
async function beyond(start: number, expected: number): Promise<number> {
  for (let i = 0; i < 400 && threads() !== start + expected; i++) await delay(5);
  return threads() - start;
}

function computeHere(): void {
  for (let i = 0; i < 5; i++) {
    medium.matmul(medium);
    torch.ones([400, 400], { device: 'cpu' }).exp();
  }
}

/** After it the team is the compute thread's. */
const job = () => jit.saveToBuffer(new nn.Linear(2, 2));

function codeOf(run: () => void): string {
  try {
    run();
  } catch (error) {
    return (error as ContinualTorchError).code;
  }
  return 'no error';
}

const scenarios: Record<string, () => Promise<void>> = {
  async teams() {
    setNumThreads(1); // the pool for quantized operators stays as it is at first: of no threads
    const start = await started();
    for (const n of [3, 1, 4, 2, 3, 2]) {
      setNumThreads(n);
      large.matmul(large);
      const first = await beyond(start, n - 1);
      await job();
      computeHere();
      large.matmul(large);
      console.log(`${n}: ${first} ${await beyond(start, n - 1)}`);
    }
  },

  async autocast() {
    setNumThreads(2);
    await job();
    large.matmul(large);
    const start = await started();
    // The team comes back to this thread meanwhile.
    autocast('cpu', () => {
      for (let i = 0; i < 250; i++) large.matmul(large);
    });
    large.matmul(large);
    console.log(await beyond(start, 0));
  },

  async workers() {
    setNumThreads(3);
    const target = JSON.stringify(__filename);
    const worker = new Worker(`require('tsx/cjs'); require(${target});`, { eval: true });
    const says = async () => ((await once(worker, 'message')) as [string])[0];
    console.log(await says());
    setNumThreads(1);
    worker.postMessage('');
    console.log(await says());
    console.log(`main thread: ${getNumThreads()}`);
    await once(worker, 'exit');
  },

  async interop() {
    setNumInteropThreads(3);
    console.log(getNumInteropThreads());
    console.log(codeOf(() => setNumInteropThreads(3)));
    console.log(getNumInteropThreads());
  },

  async forked() {
    setNumThreads(2);
    const model = await jit.load(path.join(__dirname, '../../fixtures/torchscript/forking.pt'), { device: 'cpu' });
    console.log(model.forward(tensor([2, 4], { device: 'cpu' })).toNumbers().join(' '));
    console.log(codeOf(() => setNumInteropThreads(2)));
  },

  async limit() {
    setNumThreads(2);
    large.matmul(large);
    // Room for the stacks of a few threads more.
    // The loader of TypeScript makes a WebAssembly module meanwhile, which takes more, and does without it.
    process.on('unhandledRejection', (error) => {
      if (!/WebAssembly/.test(String(error))) throw error;
    });
    const size = Number(/VmSize:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;
    execFileSync('prlimit', ['--pid', String(process.pid), `--as=${size + 2 ** 29}`]);
    console.log(codeOf(() => setNumThreads(1024)));
    console.log(codeOf(() => setNumInteropThreads(1024)));
    console.log(getNumThreads());
    setNumThreads(3);
    console.log(`${getNumThreads()} ${large.matmul(large).shape.join(' ')}`);
  },

  async exit() {
    await job();
    process.on('exit', () => {
      setNumThreads(3);
      console.log(`${getNumThreads()} ${large.matmul(large).shape.join(' ')}`);
    });
  },
};

async function inWorker(): Promise<void> {
  parentPort!.postMessage(`worker: ${getNumThreads()}`);
  await once(parentPort!, 'message');
  const before = getNumThreads();
  setNumThreads(2);
  const start = await started();
  await job();
  computeHere();
  large.matmul(large);
  parentPort!.postMessage(`worker: ${before} ${getNumThreads()}, more threads: ${await beyond(start, 1)}`);
}

void (isMainThread ? scenarios[process.argv[2]!]!() : inWorker());
