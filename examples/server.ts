// A server that goes on learning: it knows the digits 0 to 4, and learns the others from what it is told.
//
//   curl --data-binary @image localhost:3000/predict              784 bytes, row by row, 0 is black
//   curl --data-binary @image 'localhost:3000/feedback?digit=7'   what it should have answered
//   curl localhost:3000/status
//
// PORT, FOLDER (what it has been told and has learned: it goes on from there) and SAMPLES (how many it learns at a time) may be set.
import { EventEmitter, once } from 'node:events';
import { existsSync } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import {
  benchmarkFromDatasets,
  CheckpointPlugin,
  DataLoader,
  manualSeed,
  MAS,
  nn,
  optim,
  setNumThreads,
  splitMNIST,
  tensor,
  TensorDataset,
  torch,
} from 'continual-torch';
import fastify from 'fastify';

const { PORT = '3000', FOLDER = 'digits-server', SAMPLES = '500' } = process.env;
const [samples, pixels, record] = [Number(SAMPLES), 784, 785];
const normalize = { mean: 0.1307, std: 0.3081 };

/** Every fifth digit that users send is kept to judge by, and not learned. */
const isHeldOut = (index: number) => index % 5 === 4;

const newModel = () =>
  new nn.Sequential(new nn.Flatten(), new nn.Linear(pixels, 256), new nn.ReLU(), new nn.Linear(256, 256), new nn.ReLU(), new nn.Linear(256, 10));

/** Digits that users have sent, on disk: an image and its label behind the other. */
class Feedback {
  private constructor(private readonly file: FileHandle, public count: number) {}

  static async open(name: string): Promise<Feedback> {
    const file = await open(name, 'a+');
    const count = Math.floor((await file.stat()).size / record);
    await file.truncate(count * record); // one that was cut off when the process ended
    return new Feedback(file, count);
  }

  async add(image: Uint8Array, digit: number): Promise<void> {
    await this.file.appendFile(Buffer.concat([image, Uint8Array.of(digit)]));
    this.count++;
  }

  async read(from: number, to: number, isWanted: (index: number) => boolean): Promise<TensorDataset> {
    const bytes = Buffer.alloc((to - from) * record);
    await this.file.read(bytes, 0, bytes.length, from * record);
    const wanted = Array.from({ length: to - from }, (_, i) => i).filter((i) => isWanted(from + i));
    const images = Buffer.concat(wanted.map((i) => bytes.subarray(i * record, i * record + pixels)));
    const labels = wanted.map((i) => bytes[i * record + pixels]!);
    return new TensorDataset(images, labels, { sampleShape: [1, 28, 28], transform: { toFloat: true, normalize } });
  }
}

/** Answers in one go what has come while the model was busy with those before. */
class Answers {
  private waiting: { image: Uint8Array; resolve: (scores: number[]) => void; reject: (error: unknown) => void }[] = [];
  private isBusy = false;

  constructor(public model: nn.Module) {}

  of(image: Uint8Array): Promise<number[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ image, resolve, reject });
      if (!this.isBusy) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isBusy = true;
    while (this.waiting.length > 0) {
      const now = this.waiting.splice(0, 64);
      try {
        const images = tensor(Buffer.concat(now.map(({ image }) => image)), { shape: [now.length, 1, 28, 28] });
        const scores = (await this.model.predict(images.div(255).sub_(normalize.mean).div_(normalize.std)));
        const rows = scores.softmax(1).toArray() as number[][];
        now.forEach(({ resolve }, i) => resolve(rows[i]!));
      } catch (error) {
        now.forEach(({ reject }) => reject(error));
      }
    }
    this.isBusy = false;
  }
}

/** Mini-batch by mini-batch, so that requests are answered in between. */
async function accuracy(model: nn.Module, data: TensorDataset): Promise<number> {
  let correct = 0;
  for await (const [x, y] of new DataLoader(data.eval(), { batchSize: 250 })) {
    correct += (await model.predict(x)).argmax(1).eq(y).sum().item();
  }
  return correct / Math.max(data.length, 1);
}

async function main(): Promise<void> {
  setNumThreads(1);
  manualSeed(1);
  await mkdir(FOLDER, { recursive: true });
  const [checkpoints, servedFile] = [path.join(FOLDER, 'checkpoints'), path.join(FOLDER, 'served.pt')];
  const feedback = await Feedback.open(path.join(FOLDER, 'feedback.bin'));
  const digits = await splitMNIST({ nExperiences: 2, fixedClassOrder: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
  const known = digits.testStream[0]!.dataset.subset(Array.from({ length: 1000 }, (_, i) => 5 * i));

  const model = newModel();
  const strategy = new MAS({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05 }),
    trainMbSize: 32,
    trainEpochs: 3,
    lambdaReg: 0.1,
    normalize: 'mean',
    penaltyUpdate: 'proximal',
    plugins: [new CheckpointPlugin(checkpoints, { everySeconds: 10, everyExperiences: 1 })],
    evaluator: null,
  });
  const stopping = new AbortController();
  const { signal } = stopping;
  for (const name of ['SIGINT', 'SIGTERM']) process.once(name, () => stopping.abort());

  await strategy.load(checkpoints, { optional: true });
  const { clock } = strategy;
  // The first experience is what it shall know; then come those of its users.
  if (clock.trainExpCounter === 0) await strategy.train(digits.trainStream[0]!, { signal });
  const learned = () => (clock.trainExpCounter - 1) * samples;

  const answers = new Answers(newModel());
  if (existsSync(servedFile)) answers.model.loadStateDict((await torch.load(servedFile)) as nn.StateDict);
  let [served, isLearning] = [0, false];

  /** Serves what has been learned where it does as well as what is served, on what was known and on what users say. */
  async function judge(): Promise<void> {
    const told = await feedback.read(Math.max(0, feedback.count - 5000), feedback.count, isHeldOut);
    const quality = async (each: nn.Module) => ((await accuracy(each, known)) + (await accuracy(each, told))) / 2;
    const candidate = await strategy.snapshot();
    const [now, then] = [await quality(candidate), await quality(answers.model)];
    served = Math.max(now, then);
    console.log(`${learned()} learned: accuracy ${now.toFixed(4)}, of what is served ${then.toFixed(4)}`);
    if (now < then) return;
    answers.model = candidate.clone();
    await torch.save(answers.model.stateDict(), servedFile);
  }
  await judge();

  const told = new EventEmitter();
  const app = fastify({ bodyLimit: pixels });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => {
    if (body.length === pixels) done(null, body);
    else done(Object.assign(new Error(`expected ${pixels} bytes, got ${body.length}`), { statusCode: 400 }));
  });
  app.post<{ Body: Buffer }>('/predict', async ({ body }) => {
    const scores = await answers.of(body);
    const confidence = Math.max(...scores);
    return { digit: scores.indexOf(confidence), confidence };
  });
  const digit = { type: 'integer', minimum: 0, maximum: 9 };
  const schema = { querystring: { type: 'object', required: ['digit'], properties: { digit } } };
  app.post<{ Body: Buffer; Querystring: { digit: number } }>('/feedback', { schema }, async ({ body, query }) => {
    await feedback.add(body, query.digit);
    told.emit('feedback');
    return { received: feedback.count };
  });
  app.get('/status', () => ({ received: feedback.count, learned: learned(), accuracy: served, isLearning }));
  console.log(`listening at ${await app.listen({ port: Number(PORT) })}`);

  try {
    for (;;) {
      while (feedback.count < learned() + samples) await once(told, 'feedback', { signal });
      const next = await feedback.read(learned(), learned() + samples, (index) => !isHeldOut(index));
      isLearning = true;
      await strategy.train(benchmarkFromDatasets({ train: [next] }).trainStream[0]!, { signal });
      await judge();
      isLearning = false;
    }
  } catch (error) {
    if (!signal.aborted) throw error; // else what was under way has been saved
  } finally {
    await app.close();
  }
}

void main();
