/** Strategies whose model answers as a test says, so that what metrics measure can be worked out by hand. */
import {
  benchmarkFromDatasets,
  EvaluationPlugin,
  type MetricArgument,
  nn,
  optim,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { setValues } from './small-runs';

/** The name of a metric of an evaluation on the stream `test`. */
export const ofTest = (metric: string, experience?: number) =>
  `${metric}/eval_phase/test_stream${experience === undefined ? '' : `/Task000/Exp00${experience}`}`;
/** The name of a metric of a training on the stream `train`. */
export const ofTrain = (metric: string) => `${metric}/train_phase/train_stream/Task000`;

/** Four samples, each a unit vector, so that row k of the transposed weight is the output for sample k. */
export const unitVectors = tensor([0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : 0))));
export const labelled = (labels: number[]) =>
  new TensorDataset(unitVectors, tensor(labels, { dtype: 'int64' }), { taskLabels: 0 });
export const constant = (label: number) => labelled([label, label, label, label]);

/** A model that answers as told: `answer` sets the class predicted for each of the four samples. */
export function answeringModel() {
  const model = new nn.Linear(4, 4, { bias: false });
  const weight = model.parameters()[0]!;
  const answer = (predictions: number[]) =>
    setValues(
      weight,
      [0, 1, 2, 3].flatMap((output) => predictions.map((predicted) => (predicted === output ? 1 : 0))),
    );
  return { model, answer };
}

/** A strategy with such a model, which learns nothing. */
export function answering(metrics: MetricArgument[], options: Partial<SupervisedTemplateOptions> = {}) {
  const { model, answer } = answeringModel();
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 2,
    evalMbSize: 3,
    evaluator: new EvaluationPlugin(...metrics, { loggers: [] }),
    ...options,
  });
  return { strategy, answer };
}

/** Three experiences: the accuracy on experience k is the share of predictions that are k. */
export const three = () => benchmarkFromDatasets({ train: [0, 1, 2].map(constant), test: [0, 1, 2].map(constant) });
