// TorchScript models of several inputs, their data, and strategies that train them.
import {
  benchmarkFromDatasets,
  type Dataset,
  IterableDataset,
  jit,
  MAS,
  Naive,
  optim,
  type Sample,
  type Tensor,
  TensorDataset,
} from '../../lib/index';
import { fixturePath } from './fixtures';

/** `test/fixtures/inputs/NAME.pt` */
export const loadInputs = (name: string) => jit.load(fixturePath('inputs', `${name}.pt`));

/** A strategy as the recorded runs had it. */
export function inputStrategy(model: Awaited<ReturnType<typeof loadInputs>>, withMas = false, options = {}): Naive {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const common = { model, optimizer, trainMbSize: 4, evalMbSize: 4, trainEpochs: 2, evaluator: null, ...options };
  return withMas ? new MAS({ ...common, alpha: 0.5, lambdaReg: 1 }) : new Naive(common);
}

/** A stream with an experience for each dataset. */
export const streamOf = (...train: Dataset[]) => benchmarkFromDatasets({ train }).trainStream;

/** The samples of data in memory, one by one. */
export function sampleBySample(data: TensorDataset, options = {}): IterableDataset {
  const { inputs, y } = data;
  const at = (i: number): Sample[0] => {
    const row = (tensor: Tensor) => tensor.select(0, i);
    if (Array.isArray(inputs)) return (inputs as readonly Tensor[]).map(row);
    return Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, row(tensor)]));
  };
  return new IterableDataset(function* (): Generator<Sample> {
    for (let i = 0; i < data.length; i++) yield [at(i), y.select(0, i)];
  }, options);
}
