// Trains to the end what it can load from a folder, or from the beginning, and prints a digest of all that there is then: of every
// tensor, every number and every file. Arguments: which of the runs, the folder of the checkpoints, that of the logs.
import '../../support/device';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  CheckpointPlugin,
  CSVLogger,
  DataLoader,
  EarlyStoppingPlugin,
  EvaluationPlugin,
  EWCPlugin,
  type Experience,
  forgettingMetrics,
  forwardTransferMetrics,
  Generator,
  IterableDataset,
  LFLPlugin,
  lossMetrics,
  LRSchedulerPlugin,
  LwFPlugin,
  manualSeed,
  MASPlugin,
  type MASPluginOptions,
  models,
  nn,
  optim,
  type Plugin,
  RWalkPlugin,
  SlidingWindow,
  SupervisedPlugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Strategy,
  SynapticIntelligencePlugin,
  Tensor,
  TensorDataset,
  type TensorDatasetOptions,
  torch,
} from '../../../lib/index';
import { takeApart } from '../../../lib/checkpoint/state-tree';

const [run = '', checkpoints = '', logs = '', everyIterations = '3'] = process.argv.slice(2);
const features = 12;
const samples = 120;

function data(offset: number, classes: readonly number[], options: TensorDatasetOptions = {}, shape: number[] = [features]): TensorDataset {
  const generator = new Generator().manualSeed(offset);
  const y = Array.from({ length: samples }, (_, i) => classes[i % classes.length]!);
  const x = torch.randn([samples, ...shape], { generator }).add(tensorOf(y).mul(0.3).view([samples, ...shape.map(() => 1)]));
  return new TensorDataset(x, y, options);
}

const tensorOf = (values: number[]) => torch.tensor(values, { dtype: 'float32' });

/** Counts what it sees, and draws random numbers. */
class Drawing extends SupervisedPlugin {
  private seen: number[] = [];
  override beforeTrainingExp(): void {
    this.seen.push(torch.rand([1]).item());
  }
  override afterTrainingEpoch({ clock }: Strategy): void {
    this.seen.push(torch.rand([1]).item() + clock.trainExpEpochs);
  }
  stateDict() {
    return { seen: this.seen };
  }
  loadStateDict(state: unknown): void {
    this.seen = [...(state as { seen: number[] }).seen];
  }
}

class Net extends nn.Module {
  first = new nn.Linear(features, 16);
  norm = new nn.BatchNorm1d(16);
  drop = new nn.Dropout(0.3);
  last = new models.IncrementalClassifier(16);
  override forward(x: Tensor): Tensor {
    return this.last.forward(this.drop.forward(torch.relu(this.norm.forward(this.first.forward(x)))));
  }
}

type Experiences = Experience<never>[];
interface Parts {
  options: Pick<SupervisedTemplateOptions, 'model' | 'optimizer'> & Partial<SupervisedTemplateOptions>;
  plugins: Plugin[];
  train: readonly unknown[];
  test: readonly unknown[];
}

const streams = (datasets: (set: number) => TensorDataset | IterableDataset, test = datasets) => {
  const benchmark = benchmarkFromDatasets({ train: [0, 1, 2].map(datasets as never), test: [0, 1, 2].map((i) => test(i + 10)) as never });
  return { train: [...benchmark.trainStream], test: [...benchmark.testStream] };
};

const runs: Record<string, () => Parts> = {
  joined: () => {
    const model = new nn.Sequential(new nn.Linear(features, 24), new nn.ReLU(), new nn.Dropout(0.4), new nn.Linear(24, 4));
    return {
      options: { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }), trainEpochs: 3 },
      plugins: [new MASPlugin({ lambdaReg: 0.5 }), new Drawing()],
      ...streams((set) => data(set, [0, 1, 2, 3])),
    };
  },
  evaluated: () => {
    const model = new models.SimpleMLP({ inputSize: features, hiddenSize: 20, numClasses: 4, dropRate: 0.5 });
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const early = new EarlyStoppingPlugin({ patience: 2, valStreamName: 'test', metricName: 'Loss_Stream', mode: 'min' });
    return {
      options: { model, optimizer, trainEpochs: 4, evalEvery: 1, generator: new Generator({ device: 'cpu' }).manualSeed(7) },
      plugins: [new LRSchedulerPlugin(new optim.StepLR(optimizer, { stepSize: 2, gamma: 0.5 })), new MASPlugin(), early],
      ...streams((set) => data(set, [0, 1, 2, 3])),
    };
  },
  typescript: () => {
    const model = new Net();
    const optimizer = new optim.RMSprop(model.parameters(), { lr: 0.003, momentum: 0.5, centered: true });
    const noisy = (x: Tensor) => x.add(torch.randn(x.shape).mul(0.1));
    return {
      options: { model, optimizer, trainEpochs: 2 },
      plugins: [new MASPlugin({ alpha: 0.3 }), new Drawing(), { afterBackward: () => undefined }],
      ...streams((set) => data(set, [2 * (set % 10), 2 * (set % 10) + 1], { transform: noisy, evalTransform: (x: Tensor) => x })),
    };
  },
  heads: () => {
    const model = new models.MTSimpleMLP({ inputSize: features, hiddenSize: 16 });
    return {
      options: { model, optimizer: new optim.Adagrad(model.parameters(), { lr: 0.05 }), trainEpochs: 2 },
      plugins: [new MASPlugin(), new Drawing()],
      ...streams((set) => data(set, [0, 1, 2].slice(0, 2 + (set % 2)), {}).withTaskLabels(set % 10)),
    };
  },
  iterable: () => {
    const model = new nn.Sequential(new nn.Linear(features, 8), new nn.Tanh(), new nn.Linear(8, 2));
    const source = (set: number) =>
      new IterableDataset(
        () => {
          const generator = new Generator().manualSeed(set);
          const x = torch.randn([samples, features], { generator });
          return Array.from({ length: samples }, (_, i) => [x.select(0, i), i % 2] as const);
        },
        { length: samples, classes: [0, 1], transform: (x: Tensor) => x.add(torch.rand([1])) },
      );
    return {
      options: { model, optimizer: new optim.AdamW(model.parameters(), { lr: 0.01, amsgrad: true }), trainEpochs: 2 },
      plugins: [new MASPlugin()],
      ...streams(source),
    };
  },
  window: () =>
    measured({ preset: 'capymoa', lambdaReg: 3, importanceData: new SlidingWindow(64), keepHistory: true, normalize: 'mean' }),
  proximal: () => measured({ preset: 'paper', lambdaReg: 3, penaltyUpdate: 'proximal', batchSize: 32, keepHistory: true }),
  shuffled: () => measured({ preset: 'facil', lambdaReg: 3, maxSamples: 50, importanceData: ownImages, keepHistory: true }),
  ewc: () => protectedBy('joined', new EWCPlugin({ ewcLambda: 5, granularity: 'sample', keepImportanceData: true })),
  si: () => protectedBy('joined', new SynapticIntelligencePlugin({ siLambda: [1, 3], eps: 0.1, clip: null })),
  rwalk: () => protectedBy('joined', new RWalkPlugin({ deltaT: 7 })),
  lwf: () => protectedBy('heads', new LwFPlugin({ alpha: 0.5 })),
  lfl: () => protectedBy('evaluated', new LFLPlugin({ lambdaE: 2 })),
  ownLoader: () => {
    const parts = runs.joined!();
    return { ...parts, plugins: [...parts.plugins, { beforeTrainingExp: shuffledTwice }] };
  },
};

/** A run with what a variant of MAS remembers. */
const measured = (options: MASPluginOptions) => protectedBy('joined', new MASPlugin(options));

/** One of the runs with another method. */
function protectedBy(run: string, method: Plugin): Parts {
  const { options: { model, optimizer }, ...parts } = runs[run]!(); // prettier-ignore
  return { ...parts, options: { model, optimizer, trainEpochs: 2 }, plugins: [method, new Drawing()] };
}

/** What importances are measured on in place of an experience's data, other numbers each time. */
function ownImages(): Tensor {
  return torch.randn([samples, features]);
}

/** Mini-batches that JavaScript draws and that cannot seek. */
function shuffledTwice(strategy: Strategy): void {
  const loader = new DataLoader(strategy.adaptedDataset as TensorDataset, { batchSize: 10, shuffle: true });
  strategy.dataloader = {
    length: loader.length,
    async *[Symbol.asyncIterator]() {
      for await (const [x, y, t] of loader) yield [x.add(torch.rand([1])), y, t] as [Tensor, Tensor, Tensor];
    },
  };
}

function digest(strategy: SupervisedTemplate): string {
  const hash = createHash('sha256');
  const { json, tensors } = takeApart('the strategy', strategy.checkpoint()!.state);
  for (const [name, tensor] of tensors) hash.update(name).update(Buffer.from(tensor.contiguous().toTypedArray().buffer as ArrayBuffer));
  // Checkpoints are counted from where they were begun, and processes told apart.
  const withoutPlugin = (key: string, value: unknown): unknown =>
    key === 'process' || (value as { name?: string } | null)?.name === 'CheckpointPlugin' ? null : value;
  hash.update(JSON.stringify(json, withoutPlugin)).update(JSON.stringify(strategy.evaluator.results));
  for (const file of readdirSync(logs).sort()) hash.update(file).update(readFileSync(path.join(logs, file)));
  return hash.digest('hex');
}

async function main(): Promise<void> {
  manualSeed(1);
  const { options, plugins, train, test } = runs[run]!();
  const evaluator = new EvaluationPlugin(
    accuracyMetrics({ epoch: true, experience: true, stream: true, trainedExperience: true }),
    lossMetrics({ epoch: true, experience: true, stream: true }),
    forgettingMetrics({ experience: true, stream: true }),
    ...(options.evalEvery === undefined ? [] : [forwardTransferMetrics({ stream: true })]),
    { loggers: [new CSVLogger(logs)] },
  );
  const checkpoint = new CheckpointPlugin(checkpoints, { everyIterations: Number(everyIterations), everyEpochs: 1, everyExperiences: 1 });
  const strategy = new SupervisedTemplate({ ...options, trainMbSize: 10, evalMbSize: 40, evaluator, plugins: [...plugins, checkpoint] });
  const resumed = await strategy.load(checkpoints, { optional: true });
  console.log(`from ${JSON.stringify(resumed && resumed.number)}`);
  if (resumed === null && options.evalEvery !== undefined) await strategy.eval(test as Experiences);
  for (const experience of (train as Experiences).slice(strategy.clock.trainExpCounter)) {
    await strategy.train(experience, options.evalEvery === undefined ? {} : { evalStreams: [test as Experiences] });
    await strategy.eval(test as Experiences);
  }
  console.log(JSON.stringify({ digest: digest(strategy), iterations: strategy.clock.trainIterations }));
}

void main();
