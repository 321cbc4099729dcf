// Read by the type checker alone: what it must accept, and what it must refuse.
import { z } from 'zod';
import {
  type AllMetrics,
  benchmarkFromDatasets,
  DataLoader,
  type Experience,
  IterableDataset,
  type LastMetrics,
  type Logger,
  parseOptions,
  type Plugin,
  type PluginMetric,
  supervisedOptions,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  TensorDataset,
} from '../../lib/index';

const memory = new TensorDataset([[0]], [0]);
const source = new IterableDataset(() => []);

/** A strategy with an option of its own. */
class Mine extends SupervisedTemplate {
  readonly strength: number;

  constructor(options: SupervisedTemplateOptions & { strength?: number }) {
    const schema = z.object({ ...supervisedOptions, strength: z.number('a number').default(1) });
    const { strength, ...rest } = parseOptions('Mine', schema, options);
    super(rest);
    this.strength = strength;
  }
}

/** A plugin, a metric and a logger for that strategy. */
class Strengthen {
  beforeBackward(strategy: Mine): void {
    strategy.loss.mul_(strategy.strength);
  }
}
export const plugins: Plugin[] = [new Strengthen(), { afterUpdate: (strategy: Mine) => void strategy.strength }];
export const metrics: PluginMetric[] = [{ afterEval: (strategy: Mine) => [{ name: 'strength', value: strategy.strength }] }];
export const logger: Logger = { logMetrics() {}, afterEval: (strategy: Mine) => void strategy.strength };

export function accepted(last: LastMetrics, all: AllMetrics): void {
  const accuracy: number | undefined = last['Top1_Acc_Stream/eval_phase/test_stream/Task000'];
  const matrix: Tensor | undefined = last['ConfusionMatrix_Stream/eval_phase/test_stream'];
  const own: number | Tensor | undefined = last['own'];
  const losses: number[] | undefined = all['Loss_Epoch/train_phase/train_stream/Task000']?.[1];
  const { trainStream, testStream, streams } = benchmarkFromDatasets({ train: [source], test: [memory] });
  const first: Experience<IterableDataset> | undefined = trainStream[0];
  for (const { dataset } of testStream) dataset.subset([0]);
  const length: number = new DataLoader(memory).length;
  const unknown: number | undefined = new DataLoader(source).length;
  void [accuracy, matrix, own, losses, first, length, unknown, streams];
}

/** Never called. */
export function refused(last: LastMetrics): void {
  // @ts-expect-error a metric of another name may be a tensor
  last['Top1_Accuracy']?.toFixed(2);
  // @ts-expect-error an accuracy is a number
  last['Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000']?.toArray();
  // @ts-expect-error it may not be there
  last['Loss_Stream/eval_phase/test_stream/Task000'].toFixed(2);
  // @ts-expect-error a source need not know its length
  new DataLoader(source).length.toFixed();
  const { trainStream } = benchmarkFromDatasets({ train: [source], test: [memory] });
  // @ts-expect-error data from a source has no subsets
  trainStream[0]!.dataset.subset([0]);
  // @ts-expect-error a place is a number
  trainStream.at('0');
  // @ts-expect-error there is no such option
  new Mine({ strenght: 1 });
}
