import path from 'node:path';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  ContinualTorchError,
  type Criterion,
  EvaluationPlugin,
  jit,
  lossMetrics,
  manualSeed,
  MASPlugin,
  models,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  Tensor,
  TensorDataset,
} from '../index';

/** `config.json` of a recorded run; test/fixtures/parity/README.md says what each key means. */
export interface Config {
  experiences: number;
  /** Absent: `model.pt` is loaded, and nothing in the run is random. */
  model?: { type: string; file?: string } & Record<string, unknown>;
  seed?: number;
  optimizer: { type: string } & Record<string, unknown>;
  criterion: string;
  lambdaReg: number;
  alpha: number;
  trainMbSize: number;
  trainEpochs: number;
  shuffle?: boolean;
  dropLast?: boolean;
  evalMbSize?: number;
  evalEvery?: number;
  /** For each experience: stream name, indices of the experiences evaluated while it is trained. */
  evalStreams?: Record<string, number[]>[];
  tolerance?: Record<string, number>;
}

/** The run itself, through the public API: every value under the key that the recording has for it. */
export async function train(config: Config, folder: string, data: Map<string, Tensor>): Promise<Map<string, number[]>> {
  const datasetOf = (key: string) => {
    const t = data.get(`${key}.t`);
    return new TensorDataset(need(data, `${key}.x`), need(data, `${key}.y`), { taskLabels: t ? t.toNumbers() : null });
  };
  const all = Array.from({ length: config.experiences }, (_, k) => k);
  const training = all.map((k) => datasetOf(`exp${k}`));
  const evaluated = all.filter((k) => data.has(`test${k}.x`)).map((k) => datasetOf(`test${k}`));
  const streamNames = new Set((config.evalStreams ?? []).flatMap((streams) => Object.keys(streams)));
  const { trainStream, streams } = benchmarkFromDatasets({
    ...Object.fromEntries([...streamNames].map((name) => [name, evaluated])),
    train: training,
  });

  const model = await makeModel(config, folder);
  const mas = new MASPlugin({ lambdaReg: config.lambdaReg, alpha: config.alpha });
  const recorder = new IterationRecorder();
  const levels = { experience: true, stream: true };
  const evaluator = new EvaluationPlugin(
    ...(streamNames.size > 0 ? [accuracyMetrics(levels), lossMetrics(levels)] : []),
    { loggers: [] },
  );
  const strategy = new SupervisedTemplate({
    model,
    optimizer: makeOptimizer(config.optimizer, model.parameters()),
    criterion: makeCriterion(config.criterion),
    trainMbSize: config.trainMbSize,
    trainEpochs: config.trainEpochs,
    evalMbSize: config.evalMbSize ?? null,
    evalEvery: config.evalEvery ?? -1,
    plugins: [mas, recorder],
    evaluator,
  });

  const actual = new Map<string, number[]>();
  for (const [k, experience] of trainStream.experiences.entries()) {
    const evalStreams = Object.entries(config.evalStreams?.[k] ?? {}).map(([name, indices]) =>
      indices.map((i) => streams.get(name)!.at(i)!),
    );
    recorder.begin(training[k]!);
    await strategy.train(experience, { shuffle: config.shuffle ?? false, dropLast: config.dropLast ?? false, evalStreams });
    const record = (kind: string, tensors: Map<string, Tensor>) =>
      tensors.forEach((tensor, name) => actual.set(`exp${k}.${kind}.${name}`, tensor.toNumbers()));
    actual.set(`exp${k}.loss`, recorder.losses);
    record('param', model.namedParameters());
    record('buffer', model.namedBuffers());
    record('importance', mas.importance!);
    model.eval();
    if (config.model === undefined) actual.set(`exp${k}.logits`, (model.forward(need(data, 'test.x'))).toNumbers());
    else {
      actual.set(`exp${k}.order`, recorder.order);
      actual.set(`exp${k}.batchSizes`, recorder.batchSizes);
      actual.set(`exp${k}.taskIds`, recorder.taskIds);
      evaluated.slice(0, k + 1).forEach(({ x }, j) => {
        actual.set(`exp${k}.logits.${j}`, (model.forward(x, need(data, `test${j}.t`))).toNumbers());
      });
    }
  }
  if (config.seed !== undefined) {
    actual.set('run.rng', (ops.aten.randint!(2 ** 30, [1], { dtype: 'int64', device: 'cpu' }) as Tensor).toNumbers());
  }
  for (const [name, [x, values]] of Object.entries(evaluator.getAllMetrics())) {
    actual.set(`metric.${name}.x`, x);
    actual.set(`metric.${name}.values`, values as number[]);
  }
  return actual;
}

/** Notes the loss of every iteration, and which samples it was trained on. */
class IterationRecorder implements Plugin {
  losses: number[] = [];
  order: number[] = [];
  batchSizes: number[] = [];
  taskIds: number[] = [];
  private positions = new Map<string, number>();

  begin(dataset: TensorDataset): void {
    this.losses = [];
    this.order = [];
    this.batchSizes = [];
    this.taskIds = [];
    this.positions = new Map(rows(dataset.x).map((row, i) => [row, i]));
  }

  beforeTrainingIteration({ mbX, mbTaskId }: SupervisedTemplate): void {
    const samples = rows(mbX!);
    this.order.push(...samples.map((row) => this.positions.get(row) ?? NaN));
    this.batchSizes.push(samples.length);
    this.taskIds.push(...mbTaskId!.toNumbers());
  }

  afterBackward({ loss }: SupervisedTemplate): void {
    this.losses.push(loss.item());
  }
}

/** Each sample as text, to know it again. */
function rows(x: Tensor): string[] {
  const values = x.toTypedArray();
  const size = values.length / x.shape[0]!;
  return Array.from({ length: x.shape[0]! }, (_, i) => values.slice(i * size, (i + 1) * size).join());
}

function need(data: Map<string, Tensor>, key: string): Tensor {
  const tensor = data.get(key);
  if (!tensor) throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `parity: data.safetensors lacks ${key}`);
  return tensor;
}

async function makeModel({ model: description, seed }: Config, folder: string): Promise<nn.Module> {
  if (!description) return jit.load(path.join(folder, 'model.pt'));
  const { type, file, ...sizes } = description;
  const scripted = type === 'TorchScript' ? await jit.load(path.join(folder, file ?? 'model.pt')) : null;
  if (seed !== undefined) manualSeed(seed);
  if (scripted) return scripted;
  const size = (name: string) => sizes[name] as number;
  if (type === 'MTSimpleMLP') return new models.MTSimpleMLP(sizes);
  const layers = [new nn.Linear(size('inputSize'), size('hiddenSize')), new nn.ReLU()];
  if (type === 'MLP') return new nn.Sequential(...layers, new nn.Linear(size('hiddenSize'), size('numClasses')));
  if (type === 'IncrementalMLP') {
    const head = new models.IncrementalClassifier(size('hiddenSize'), { initialOutFeatures: size('initialOutFeatures') });
    return new nn.Sequential(new nn.Flatten(), ...layers, head);
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `parity: expected model TorchScript, MLP, IncrementalMLP or MTSimpleMLP, got ${type}`,
  );
}

/** Which implementation computes the update; it does not change the result. */
const implementationChoices = new Set(['foreach', 'fused', 'capturable', 'differentiable']);

function makeOptimizer({ type, ...recorded }: Config['optimizer'], parameters: Tensor[]): optim.Optimizer {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(recorded)) {
    if (implementationChoices.has(name) || value === null) continue;
    options[name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())] = value;
  }
  const { decoupledWeightDecay, ...rest } = options;
  if (type === 'SGD') return new optim.SGD(parameters, options);
  if (type === 'AdamW') return new optim.AdamW(parameters, rest);
  // PyTorch's Adam with this flag is AdamW but for the default of its weight decay.
  if (type === 'Adam' && decoupledWeightDecay === true) return new optim.AdamW(parameters, { weightDecay: 0, ...rest });
  if (type === 'Adam') return new optim.Adam(parameters, rest);
  throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `parity: expected optimizer SGD, Adam or AdamW, got ${type}`);
}

function makeCriterion(name: string): Criterion {
  const crossEntropy = new nn.CrossEntropyLoss();
  if (name === 'CrossEntropyLoss') return crossEntropy;
  if (name === 'cross entropy of the output averaged over its last dim') {
    return (output, target) => crossEntropy.forward(ops.aten.mean!(output, [-1]) as Tensor, target);
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `parity: expected criterion "CrossEntropyLoss" or "cross entropy of the output averaged over its last dim", got "${name}"`,
  );
}
