/**
 * The run of MAS's authors on split MNIST: a trunk that is kept, a new head for each task, and the epoch kept that is best on the task's
 * own test samples.
 */
import {
  accuracyMetrics,
  type Benchmark,
  benchmarkFromDatasets,
  EvaluationPlugin,
  loadMNIST,
  manualSeed,
  MASPlugin,
  nn,
  noGrad,
  optim,
  type Plugin,
  SupervisedTemplate,
  TensorDataset,
  type Tensor,
} from 'continual-torch';
import type { AuthorsMode } from './published';

const tasks = [[1, 2], [3, 4], [5, 6], [7, 8], [9, 0]]; // prettier-ignore
const options = { preset: 'original2018', lambdaReg: 1, include: (name: string) => name.startsWith('0.') } as const;
const first = { lr: 0.01, momentum: 0, trainMbSize: 200, trainEpochs: 10 };
const later = { lr: { accumulated: 0.001, sequence: 0.01 }, momentum: 0.9, trainMbSize: 150, trainEpochs: 20 };
/** In sequence mode the sign of each parameter, times this, is added to its gradient. */
const shrinkage = 1e-5;

/** Two digits, labelled 0 and 1. */
async function taskStreams(digits: number[], samples: number | null): Promise<Benchmark> {
  const { train, test } = await loadMNIST();
  const dataOf = (part: TensorDataset) => {
    const labels = part.labels().map((digit) => digits.indexOf(digit));
    const positions = labels.flatMap((label, i) => (label >= 0 ? [i] : [])).slice(0, samples ?? undefined);
    const transform = { toFloat: true, normalize: { mean: 0.1307, std: 0.3081 } };
    return new TensorDataset(part.x, labels, { transform }).subset(positions);
  };
  return benchmarkFromDatasets({ train: [dataOf(train)], test: [dataOf(test)] });
}

async function accuracyOf(strategy: SupervisedTemplate, { testStream }: Benchmark): Promise<number> {
  const metrics = await strategy.eval(testStream);
  return metrics['Top1_Acc_Stream/eval_phase/test_stream'] as number;
}

/** Goes back to the best epoch before importances are measured. */
function bestEpoch(streams: Benchmark): Plugin {
  let best = { accuracy: -1, state: new Map<string, Tensor>() };
  return {
    async afterTrainingEpoch(strategy: SupervisedTemplate) {
      const accuracy = await accuracyOf(strategy, streams);
      if (accuracy <= best.accuracy) return;
      best = { accuracy, state: noGrad(() => new Map([...strategy.model.stateDict()].map(([name, value]) => [name, value.clone()]))) };
    },
    afterTrainingExp: ({ model }) => void model.loadStateDict(best.state),
  };
}

const shrink: Plugin = {
  afterBackward({ model }) {
    noGrad(() => model.parameters().forEach((parameter) => void parameter.grad?.add_(parameter.sign(), { alpha: shrinkage })));
  },
};

function newStrategy(model: nn.Module, task: number, mode: AuthorsMode, plugins: Plugin[]): SupervisedTemplate {
  const { lr, momentum, ...rest } = task === 0 ? first : { ...later, lr: later.lr[mode] };
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr, momentum }),
    ...rest,
    evalMbSize: 2000,
    plugins,
    evaluator: new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [] }),
  });
}

/** Of each task, in order, the accuracy right after it was learned and at the end. */
export async function trainAsAuthors(
  mode: AuthorsMode,
  seed: number,
  samples: number | null,
): Promise<{ accuracies: number[]; learned: number[] }> {
  manualSeed(seed);
  const trunk = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 256), new nn.ReLU());
  const done: { streams: Benchmark; model: nn.Module }[] = [];
  // One that has trained nothing, as which importances that come before an experience are measured.
  const untrained = (model: nn.Module) => newStrategy(model, 0, mode, []);
  const learned: number[] = [];
  let mas = new MASPlugin(options);
  for (const [task, digits] of tasks.entries()) {
    const streams = await taskStreams(digits, samples);
    const before = mas.stateDict();
    mas = new MASPlugin(options);
    if (mode === 'accumulated') mas.loadStateDict(before);
    else for (const earlier of done) await mas.updateImportance(untrained(earlier.model), earlier.streams.trainStream[0]!.dataset);
    const model = new nn.Sequential(trunk, new nn.Linear(256, 2));
    const strategy = newStrategy(model, task, mode, [bestEpoch(streams), mas, ...(mode === 'sequence' && task > 0 ? [shrink] : [])]);
    await strategy.train(streams.trainStream);
    learned.push(await accuracyOf(strategy, streams));
    done.push({ streams, model });
  }
  const accuracies: number[] = [];
  for (const { streams, model } of done) accuracies.push(await accuracyOf(untrained(model), streams));
  return { accuracies, learned };
}
