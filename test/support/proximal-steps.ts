// Steps under a penalty that is applied behind the update.
import {
  benchmarkFromDatasets,
  type DType,
  MASPlugin,
  type MASPluginOptions,
  nn,
  noGrad,
  optim,
  type Plugin,
  QuadraticPenalty,
  type Strategy,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { assertTensorClose } from './assertions';
import { setValues, smallBenchmark, smallModel } from './small-runs';

export const row = (values: readonly number[], dtype: DType = 'float32') => tensor([[...values]], { dtype });

/** The memory of the linear model of two weights; with lr 0.1 and lambdaReg 2, c is (0.6, 1). */
export const importance = [1.5, 2.5];
export const anchor = [1, -2];
export const start = [1.5, -3];

interface Steps extends MASPluginOptions {
  optimizer?: (weight: Tensor) => optim.Optimizer;
  /** How many mini-batches of one sample (1, 1) there are; the loss is the output's mean, its gradient (1, 1). */
  count?: number;
  weights?: readonly number[];
  memory?: { importance: Record<string, Tensor>; anchor: Record<string, Tensor> };
  plugins?: Plugin[];
  template?: typeof SupervisedTemplate;
  options?: Partial<SupervisedTemplateOptions>;
}

/** The weights behind some steps of F(x) = w.x, which is to be held from its first experience on. */
export async function steps({ optimizer, count = 1, weights = start, memory, plugins = [], template = SupervisedTemplate, options, ...mas }: Steps = {}): Promise<number[]> {
  const model = new nn.Linear(2, 1, { bias: false });
  setValues(model.weight, [...weights]);
  const plugin = new MASPlugin({ lambdaReg: 2, penaltyUpdate: 'proximal', ...mas });
  plugin.loadStateDict(memory ?? { importance: { weight: row(importance) }, anchor: { weight: row(anchor) } });
  let learned: number[] = [];
  const strategy = new template({
    model,
    optimizer: (optimizer ?? ((weight) => new optim.SGD([weight], { lr: 0.1 })))(model.weight),
    criterion: (output) => output.mean(),
    trainMbSize: 1,
    evaluator: null,
    plugins: [plugin, ...plugins, { afterTrainingExp: () => void (learned = model.weight.toNumbers()) }],
    ...options,
  });
  const rows = Array.from({ length: count }, () => [1, 1]);
  const data = new TensorDataset(tensor(rows), tensor(rows.map(() => 0), { dtype: 'int64' }));
  await strategy.train(benchmarkFromDatasets({ train: [data] }).trainStream);
  return learned;
}

export function assertClose(actual: readonly number[], expected: readonly number[]): void {
  assertTensorClose(tensor([...actual]), tensor([...expected]));
}

/** What the phase does, of tensor operations. */
export function pull(theta: Tensor, omega: Tensor, to: Tensor, factor: number): void {
  noGrad(() => {
    const c = omega.mul(factor);
    theta.copy_(theta.add(c.mul(to)).div(c.add(1)));
  });
}

/** Two experiences of an MLP; afterwards its parameters. */
export async function trained(plugins: Plugin[], dtype: DType, makeOptimizer: (model: nn.Module) => optim.Optimizer) {
  const model = smallModel();
  model.parameters().forEach((theta, at) => setValues(theta, Array.from({ length: theta.numel() }, (_, i) => Math.sin(at + i))));
  model.to(dtype);
  const strategy = new SupervisedTemplate({
    model,
    optimizer: makeOptimizer(model),
    trainMbSize: 4,
    trainEpochs: 3,
    evaluator: null,
    plugins: [{ beforeForward: (s: Strategy) => void (s.mbX = s.mbX!.to(dtype)) }, ...plugins],
  });
  await strategy.train(smallBenchmark().trainStream, { shuffle: false });
  return model;
}

/** Trains on data with SGD of learning rate 0.1, where nothing but a penalty behind the update has a say. */
export async function pulledAlone(model: nn.Module, penalty: QuadraticPenalty, data: TensorDataset): Promise<void> {
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    criterion: (output) => output.sum().mul(0),
    evaluator: null,
    plugins: [{ afterUpdate: (s: Strategy) => s.runNative([penalty.proximal]) }],
  });
  await strategy.train(benchmarkFromDatasets({ train: [data] }).trainStream);
}
