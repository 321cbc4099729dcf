// Predictions, snapshots and checkpoints in threads and processes that end. Arguments: a scenario, what is at work in it, a folder.
import '../../support/device';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMainThread, parentPort, threadId, Worker, workerData } from 'node:worker_threads';
import {
  CheckpointPlugin,
  type ContinualTorchError,
  Generator,
  loadSafetensors,
  manualSeed,
  MAS,
  nn,
  optim,
  saveSafetensors,
  setNumThreads,
  type Tensor,
  torch,
} from '../../../lib/index';
import { features, smallBenchmark } from '../../support/small-runs';

const [scenario, what, folder] = (isMainThread ? process.argv.slice(2) : workerData) as [string, string, string];
const cpu = { device: 'cpu' } as const;
setNumThreads(1); // several threads of JavaScript compute at once

class Written extends nn.Module {
  body = wide();
  override forward(x: Tensor): Tensor {
    return this.body.forward(x);
  }
}

function wide(): nn.Module {
  return new nn.Sequential(new nn.Linear(features, 512), new nn.ReLU(), new nn.Linear(512, 512), new nn.ReLU(), new nn.Linear(512, 4));
}

function strategyOf(checkpoints: string, trainEpochs: number) {
  manualSeed(1);
  const model = wide();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const plugins = [new CheckpointPlugin(checkpoints, { everyIterations: 7 })];
  const generator = new Generator(cpu).manualSeed(2);
  return new MAS({ model, optimizer, trainMbSize: 8, trainEpochs, evaluator: null, plugins, generator });
}

const { trainStream } = smallBenchmark({ train: 64 });
const x = torch.ones([512, features]);

/** What goes on for longer than anyone waits; it is under way when the promise resolves. */
const endless: Record<string, () => Promise<void>> = {
  predict: () => repeated(wide(), (model) => model.predict(x, { batchSize: 64 })),
  typescript: () => repeated(new Written(), (model) => model.predict(x, { batchSize: 1 })),
  clone: () => repeated(wide(), (model) => Promise.all([model.predict(x), model.clone().predict(x)])),
  snapshot: () => trained(async (strategy) => (await strategy.snapshot()).predict(x)),
  save: () => trained((strategy) => strategy.save(folder)),
  load: () => repeated(strategyOf(folder, 1), (strategy) => strategy.save(folder).then(() => strategy.load(folder))),
};

async function repeated<T>(of: T, work: (of: T) => Promise<unknown>): Promise<void> {
  await work(of);
  void (async () => {
    for (;;) await work(of);
  })();
}

async function trained(beside: (strategy: MAS) => Promise<unknown>): Promise<void> {
  const strategy = strategyOf(folder, 1_000_000);
  void strategy.train(trainStream);
  await repeated(strategy, beside);
}

/** Trains to the end, is asked for snapshots and predicts all the time; what comes of it. */
async function run(checkpoints: string): Promise<string> {
  const strategy = strategyOf(checkpoints, 5);
  let isTraining = true;
  const training = strategy.train(trainStream).finally(() => (isTraining = false));
  while (isTraining) await (await strategy.snapshot()).predict(x);
  await training;
  const hash = createHash('sha256');
  for (const tensor of strategy.model.stateDict().values()) hash.update(Buffer.from(tensor.to('cpu').toTypedArray().buffer as ArrayBuffer));
  return hash.update(Buffer.from(strategy.generator!.getState().toTypedArray().buffer as ArrayBuffer)).digest('hex');
}

function startWorker(...data: string[]): Worker {
  return new Worker(`require('tsx/cjs'); require(${JSON.stringify(__filename)});`, { eval: true, workerData: data, stdout: true });
}

const said = async (worker: Worker) => ((await once(worker, 'message')) as [string])[0];

const weights = () => path.join(folder, 'weights.safetensors');

const contests: Record<string, () => Promise<string>> = {
  save: () => strategyOf('unused', 1).save(folder).then(path.basename, ({ code, message }: ContinualTorchError) => `${code} ${message}`),
  async write() {
    for (let i = 0; i < 20; i++) await saveSafetensors({ value: torch.full([100_000], threadId + i / 100) }, weights());
    return 'done';
  },
};

/** Three threads that wait until each is there; what they say. */
async function atOnce(contest: string): Promise<string[]> {
  const barrier = new Int32Array(new SharedArrayBuffer(4));
  const workers = [1, 2, 3].map(() => startWorker('contest', contest, folder));
  await Promise.all(workers.map(said));
  const answers = workers.map(said);
  for (const worker of workers) worker.postMessage(barrier);
  Atomics.store(barrier, 0, 1);
  Atomics.notify(barrier, 0);
  return Promise.all(answers);
}

const scenarios: Record<string, () => Promise<void>> = {
  /** The thread ends in the middle of it. */
  async exit() {
    await endless[what]!();
    setImmediate(() => process.exit(3));
  },

  /** Nobody waits for it, and nothing else is to be done. */
  async end() {
    void wide().predict(x, { batchSize: 4 }).then(({ shape }) => console.log(shape.join(' ')));
    await nextTurn();
  },

  /** Threads are ended in the middle of it, and then this one goes on. */
  async terminate() {
    for (let i = 0; i < 3; i++) {
      const worker = startWorker('work', what, path.join(folder, String(i)));
      await said(worker);
      for (let turns = 0; turns < 7 * i; turns++) await nextTurn();
      await worker.terminate();
      const saved = path.join(folder, String(i));
      const loaded = existsSync(saved) && (await strategyOf(folder, what === 'load' ? 1 : 1_000_000).load(saved, { optional: true }));
      if (loaded) console.log(`loaded ${loaded.number}`);
    }
    console.log(await run(path.join(folder, 'here')));
  },

  async work() {
    await endless[what]!();
    parentPort!.postMessage('at work');
  },

  /** Each beside the others, as if it were alone. */
  async several() {
    const alone = await run(path.join(folder, 'alone'));
    const workers = [1, 2, 3].map((i) => startWorker('run', '', path.join(folder, String(i))));
    const beside = await Promise.all([...workers.map(said), run(path.join(folder, 'here'))]);
    console.log(beside.map((digest) => (digest === alone ? 'same' : 'other')).join(' '));
  },

  async run() {
    parentPort!.postMessage(await run(folder));
  },

  /** All of them save into one folder at the same moment. */
  async contested() {
    for (const answer of (await atOnce('save')).sort()) console.log(answer);
    await strategyOf('unused', 1).load(folder);
    console.log(readdirSync(folder).join(' '));
  },

  /** All of them write one file at the same moment, each other values, again and again. */
  async written() {
    await atOnce('write');
    console.log(readdirSync(folder).join(' '));
    const { value } = Object.fromEntries(await loadSafetensors(weights())) as { value: Tensor };
    const [first, ...others] = value.toNumbers();
    console.log(others.every((number) => number === first) ? 'whole' : 'mixed');
  },

  async contest() {
    parentPort!.postMessage('ready');
    const [barrier] = (await once(parentPort!, 'message')) as [Int32Array];
    Atomics.wait(barrier, 0, 0);
    parentPort!.postMessage(await contests[what]!());
  },
};

void scenarios[scenario]!();
