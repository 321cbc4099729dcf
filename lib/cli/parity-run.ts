import { readFile } from 'node:fs/promises';
import path from 'node:path';
import {
  benchmarkFromDatasets,
  ContinualTorchError,
  type Criterion,
  EvaluationPlugin,
  jit,
  loadSafetensors,
  MASPlugin,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type Tensor,
  TensorDataset,
} from '../index';

export const kinds = ['loss', 'param', 'buffer', 'importance', 'logits'] as const;
export type Kind = (typeof kinds)[number];

export interface Comparison {
  /** Relative error of each tensor that both sides have. */
  errors: { key: string; kind: Kind; value: number }[];
  /** Tensors that only one side has. */
  missing: string[];
  tolerance: Record<Kind, number>;
}

interface Config {
  experiences: number;
  optimizer: { type: string } & Record<string, unknown>;
  criterion: string;
  lambdaReg: number;
  alpha: number;
  trainMbSize: number;
  trainEpochs: number;
  dropLast?: boolean;
  tolerance?: Partial<Record<Kind, number>>;
}

const defaultTolerance = 1e-5;

/** Trains as the recorded run did and compares with what it recorded. */
export async function replay(folder: string): Promise<Comparison> {
  const config = await readConfig(path.join(folder, 'config.json'));
  const data = await loadSafetensors(path.join(folder, 'data.safetensors'));
  const expected = await loadSafetensors(path.join(folder, 'expected.safetensors'));
  const actual = await train(config, folder, data);
  const tolerance = Object.fromEntries(
    kinds.map((kind) => [kind, config.tolerance?.[kind] ?? defaultTolerance]),
  ) as Comparison['tolerance'];
  const errors = [...expected]
    .filter(([key]) => actual.has(key))
    .map(([key, tensor]) => ({ key, kind: kindOf(key), value: relativeError(actual.get(key)!, tensor.toNumbers()) }));
  const missing = [
    ...[...expected.keys()].filter((key) => !actual.has(key)).map((key) => `${key} was recorded, and did not come`),
    ...[...actual.keys()].filter((key) => !expected.has(key)).map((key) => `${key} came, and was not recorded`),
  ];
  return { errors, missing, tolerance };
}

/** The run itself, through the public API: every value under the key that the recording has for it. */
async function train(config: Config, folder: string, data: Map<string, Tensor>): Promise<Map<string, number[]>> {
  const need = (key: string): Tensor => {
    const tensor = data.get(key);
    if (!tensor) throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `parity: data.safetensors of "${folder}" lacks ${key}`);
    return tensor;
  };
  const datasets = Array.from(
    { length: config.experiences },
    (_, k) => new TensorDataset(need(`exp${k}.x`), need(`exp${k}.y`)),
  );
  const model = await jit.load(path.join(folder, 'model.pt'));
  const mas = new MASPlugin({ lambdaReg: config.lambdaReg, alpha: config.alpha });
  const losses: number[] = [];
  const recorder: Plugin = { afterBackward: (strategy) => void losses.push(strategy.loss.item()) };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: makeOptimizer(config.optimizer, model.parameters()),
    criterion: makeCriterion(config.criterion),
    trainMbSize: config.trainMbSize,
    trainEpochs: config.trainEpochs,
    plugins: [mas, recorder],
    evaluator: new EvaluationPlugin({ loggers: [] }),
  });
  const actual = new Map<string, number[]>();
  for (const experience of benchmarkFromDatasets({ train: datasets }).trainStream) {
    await strategy.train(experience, { shuffle: false, dropLast: config.dropLast ?? false });
    const prefix = `exp${experience.currentExperience}`;
    const record = (kind: Kind, tensors: Map<string, Tensor>) =>
      tensors.forEach((tensor, name) => actual.set(`${prefix}.${kind}.${name}`, tensor.toNumbers()));
    actual.set(`${prefix}.loss`, losses.splice(0));
    record('param', model.namedParameters());
    record('buffer', model.namedBuffers());
    record('importance', mas.importance!);
    actual.set(`${prefix}.logits`, model.eval().forward(need('test.x')).toNumbers());
  }
  return actual;
}

function kindOf(key: string): Kind {
  const kind = key.split('.')[1];
  const known = kinds.find((name) => name === kind);
  if (!known) throw new ContinualTorchError('ERR_SAFETENSORS_FORMAT', `parity: expected a key of ${kinds.join(', ')}, got ${key}`);
  return known;
}

/** norm(actual - expected) / norm(expected), or norm(actual) where the expected norm is 0; NaN for another length. */
function relativeError(actual: number[], expected: number[]): number {
  if (actual.length !== expected.length) return NaN;
  const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const scale = norm(expected);
  return scale === 0 ? norm(actual) : norm(actual.map((value, i) => value - expected[i]!)) / scale;
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

async function readConfig(file: string): Promise<Config> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Config;
  } catch (cause) {
    throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `parity: cannot read "${file}": ${(cause as Error).message}`, {
      cause,
    });
  }
}
