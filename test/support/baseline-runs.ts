// Strategies whose weights can be told by hand, and what they were trained on.
import {
  benchmarkFromDatasets,
  type Benchmark,
  EvaluationPlugin,
  Generator,
  nn,
  optim,
  type Plugin,
  type Strategy,
  type SupervisedTemplateOptions,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { setValues } from './small-runs';

/** One sample each, x = 1, 2, 3, ... and a target twice that. */
export function oneSampleBenchmark(experiences = 3): Benchmark {
  const dataset = (x: number) => new TensorDataset(tensor([[x]], { dtype: 'float32' }), tensor([[2 * x]], { dtype: 'float32' }));
  return benchmarkFromDatasets({ train: Array.from({ length: experiences }, (_, k) => dataset(k + 1)) });
}

/** output = w x, and options of a strategy in which w is learned from squared errors. */
export function scalarOptions(w: number, options: Omit<Partial<SupervisedTemplateOptions>, 'model'> = {}) {
  const model = new nn.Linear(1, 1, { bias: false });
  setValues(model.weight, [w]);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.5 });
  return {
    model,
    optimizer,
    criterion: new nn.MSELoss(),
    trainMbSize: 8,
    evaluator: new EvaluationPlugin({ loggers: [] }),
    generator: new Generator({ device: 'cpu' }),
    ...options,
  };
}

/** Notes the inputs of every training mini-batch, a number each. */
export class InputLog implements Plugin {
  readonly batches: number[][] = [];

  beforeTrainingIteration({ mbX }: Strategy): void {
    this.batches.push(mbX!.flatten().toNumbers());
  }
}
