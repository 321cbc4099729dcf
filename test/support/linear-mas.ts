// MAS on a model of two weights, F(x) = w.x, whose numbers can be worked out by hand.
import {
  benchmarkFromDatasets,
  MASPlugin,
  type MASPluginOptions,
  nn,
  ops,
  optim,
  type Plugin,
  type Stream,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  Tensor,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { setValues } from './small-runs';

/** The weights while the first experience is learned; unless a test says otherwise the learning rate is 0. */
export const firstWeights = [1, -2];
/** The weights while the second one is learned: 0.5 and -1 away from the first. */
export const secondWeights = [1.5, -3];

/**
 * Importance is the mean over mini-batches b of |2/|b| sum_{x in b} (w.x) x|.
 *
 * First experience, w = (1, -2), mini-batches of 2:
 *   x = (1, 1), (2, 0): w.x = -1, 2: -1 (1, 1) + 2 (2, 0)  = (3, -1)    |.| = (3, 1)
 *   x = (0, 1):         w.x = -2:    2 * -2 (0, 1)         = (0, -4)    |.| = (0, 4)
 *   mean                                                                      (1.5, 2.5)
 */
export const firstImportance = [1.5, 2.5];
/** Second experience, w = (1.5, -3): x = (2, 0), (0, 1): w.x = 3, -3: 3 (2, 0) - 3 (0, 1) = (6, -3). */
export const secondImportance = [6, 3];

export function linearStream(): Stream {
  const dataset = (x: number[][]) =>
    new TensorDataset(
      tensor(x),
      tensor(
        x.map(() => 0),
        { dtype: 'int64' },
      ),
    );
  return benchmarkFromDatasets({
    train: [
      dataset([
        [1, 1],
        [2, 0],
        [0, 1],
      ]),
      dataset([
        [2, 0],
        [0, 1],
      ]),
    ],
  }).trainStream;
}

/** A loss of 1 without any gradient: what is left is the penalty's. */
export const constantLoss = (output: Tensor): Tensor =>
  ops.aten.add!(ops.aten.mul!(ops.aten.sum!(output), 0), 1) as Tensor;

/** Puts the weights of this experience into the model. */
function placeWeights(weight: Tensor): Plugin {
  return {
    beforeTrainingExp: ({ clock }) => setValues(weight, clock.trainExpCounter === 0 ? firstWeights : secondWeights),
  };
}

export interface LinearRun {
  strategy: SupervisedTemplate;
  mas: MASPlugin;
  model: nn.Module;
  weight: Tensor;
  stream: Stream;
  /** Trains on the whole stream, data in its order. */
  train(): Promise<unknown>;
}

/** A strategy with MAS among plugins that come before and after it. */
export function linearRun({
  mas: masOptions = {},
  before = [],
  after = [],
  template = SupervisedTemplate,
  learningRate = 0,
  ...options
}: {
  mas?: MASPluginOptions;
  before?: Plugin[];
  after?: Plugin[];
  template?: new (options: SupervisedTemplateOptions) => SupervisedTemplate;
  learningRate?: number;
} & Partial<SupervisedTemplateOptions> = {}): LinearRun {
  const model = new nn.Linear(2, 1, { bias: false });
  const weight = model.parameters()[0]!;
  const mas = new MASPlugin(masOptions);
  const strategy = new template({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: learningRate }),
    criterion: constantLoss,
    trainMbSize: 2,
    evaluator: null,
    plugins: [placeWeights(weight), ...before, mas, ...after],
    ...options,
  });
  const stream = linearStream();
  return { strategy, mas, model, weight, stream, train: () => strategy.train(stream, { shuffle: false }) };
}
