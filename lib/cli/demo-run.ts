import {
  accuracyMetrics,
  type AccuracyMatrix,
  benchmarkFromDatasets,
  EvaluationPlugin,
  type Experience,
  jit,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  type PassProgress,
  permutedMNIST,
  type Stream,
  SupervisedTemplate,
  type TensorTransform,
} from '../index';
import type { ProgressDisplay } from '../progress-display';

export interface DemoOptions {
  /** Uses one image of so many. */
  stride: number;
  /** A TorchScript file; null for the MLP 784-400-400-10. */
  model: string | null;
  seed: number;
}

export interface DemoResult {
  accuracyMatrix: AccuracyMatrix;
  averageAccuracy: number;
  forgetting: number;
  /** Training and evaluation, without loading the data. */
  seconds: number;
}

const nExperiences = 5;

/** One run over permuted MNIST: Adam 1e-3, mini-batch 128, one epoch each; MAS with lambdaReg 0.1 and alpha 0.5. */
export async function runDemo(
  kind: 'naive' | 'mas',
  options: DemoOptions,
  progress: ProgressDisplay,
): Promise<DemoResult> {
  const { trainStream, testStream } = await data(options);
  manualSeed(options.seed);
  const model = options.model === null ? multilayerPerceptron() : await jit.load(options.model);
  let stage = 0;
  const advance = ({ phase, done, total }: PassProgress) => {
    const what = phase === 'importance' ? 'measuring importances after' : phase === 'train' ? 'learning' : 'testing after';
    // Importance and testing take their share of an experience's time.
    const [begin, share] = { train: [0, 0.55], importance: [0.55, 0.3], eval: [0.85, 0.15] }[phase] as [number, number];
    progress.update((stage + begin + (share * done) / total) / nExperiences, `${what} experience ${stage}`);
  };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }),
    criterion: new nn.CrossEntropyLoss(),
    trainMbSize: 128,
    trainEpochs: 1,
    evalMbSize: 1000,
    plugins: kind === 'mas' ? [new MASPlugin({ lambdaReg: 0.1, alpha: 0.5 })] : [],
    evaluator: new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [] }),
    onProgress: advance,
  });

  const begin = performance.now();
  try {
    for (const experience of trainStream) {
      stage = experience.currentExperience;
      await strategy.train(experience);
      await strategy.eval(testStream);
    }
  } finally {
    progress.stop();
  }
  const { accuracyMatrix, averageAccuracy, averageForgetting } = strategy.evaluator.results;
  return {
    accuracyMatrix: accuracyMatrix.test!,
    averageAccuracy: averageAccuracy.test!,
    forgetting: averageForgetting.test!,
    seconds: (performance.now() - begin) / 1000,
  };
}

function multilayerPerceptron(): nn.Module {
  return new nn.Sequential(
    new nn.Flatten(),
    new nn.Linear(784, 400),
    new nn.ReLU(),
    new nn.Linear(400, 400),
    new nn.ReLU(),
    new nn.Linear(400, 10),
  );
}

/** Pixels stay in [0, 1] here: lambdaReg was chosen for that, and the norm of the outputs follows the inputs' scale. */
async function data({ stride, seed }: DemoOptions): Promise<{ trainStream: Stream; testStream: Stream }> {
  const { trainStream, testStream } = await permutedMNIST({ nExperiences, seed });
  const prepare = ({ dataset }: Experience) => {
    const unnormalized = dataset.withTransform({ ...(dataset.transform as TensorTransform), normalize: undefined });
    if (stride === 1) return unnormalized;
    const positions = Array.from({ length: Math.ceil(dataset.length / stride) }, (_, i) => i * stride);
    return unnormalized.subset(positions);
  };
  return benchmarkFromDatasets({
    train: trainStream.experiences.map(prepare),
    test: testStream.experiences.map(prepare),
  });
}
