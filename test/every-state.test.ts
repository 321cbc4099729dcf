// Whatever is exported and has a state: what it says of itself, it takes back, and is as before.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import * as everything from '../lib/index';
import {
  accuracyMetrics,
  amp,
  bwtMetrics,
  CheckpointPlugin,
  Clock,
  confusionMatrixMetrics,
  CSVLogger,
  Cumulative,
  EarlyStoppingPlugin,
  EWC,
  EWCPlugin,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  FromScratchTraining,
  FromScratchTrainingPlugin,
  InteractiveLogger,
  JointTraining,
  L2,
  L2Plugin,
  LFL,
  LFLPlugin,
  lossMetrics,
  LRSchedulerPlugin,
  LwF,
  LwFPlugin,
  MAS,
  MASPlugin,
  MaskedCrossEntropy,
  Naive,
  nn,
  optim,
  PeriodicEval,
  QuadraticPenalty,
  RWalk,
  RWalkPlugin,
  SlidingWindow,
  SupervisedTemplate,
  SynapticIntelligence,
  SynapticIntelligencePlugin,
  tensor,
  TensorboardLogger,
  TextLogger,
} from '../lib/index';
import { isStateful, type State, type Stateful } from '../lib/state';
import { collector } from './support/evaluators';
import { dropoutModel, smallBenchmark, smallModel } from './support/small-runs';
import { comparable, throughFile } from './support/states';
import { withTempFolder } from './support/temp-folder';

const levels = { experience: true, stream: true };
const everyLevel = { ...levels, minibatch: true, epoch: true, epochRunning: true };
const namespaces = Object.entries(everything).flatMap(([name, value]): [string, object][] =>
  typeof value === 'object' && value !== null && name !== 'ops' && name !== 'torch' ? [[name, value]] : [],
);

/** Names of exported classes whose objects have a state; a module's holds tensors alone and is tested with the modules. */
const names = [...new Map([['', everything] as [string, object], ...namespaces])].flatMap(([namespace, exported]) =>
  Object.entries(exported).flatMap(([name, value]: [string, any]) => {
    const has = typeof value === 'function' && typeof value.prototype?.stateDict === 'function';
    return has && !(value.prototype instanceof nn.Module) && value !== nn.Module ? [namespace === '' ? name : `${namespace}.${name}`] : [];
  }),
);

type Make = (optimizer: optim.Optimizer, folder: string) => unknown;
const optimizers = ['SGD', 'Adam', 'AdamW', 'Adagrad', 'RMSprop'];
const makes: Record<string, Make> = {
  Clock: () => new Clock(),
  CSVLogger: (_, folder) => new CSVLogger(folder),
  TensorboardLogger: (_, folder) => new TensorboardLogger(folder),
  TextLogger: () => new TextLogger(collector()),
  InteractiveLogger: () => new InteractiveLogger(),
  EarlyStoppingPlugin: () => new EarlyStoppingPlugin({ patience: 3, valStreamName: 'test', metricName: 'Loss_Stream', mode: 'min' }),
  LRSchedulerPlugin: (optimizer) => new LRSchedulerPlugin(new optim.StepLR(optimizer, { stepSize: 2 })),
  MASPlugin: () => new MASPlugin(),
  EWCPlugin: () => new EWCPlugin({ ewcLambda: 1, keepImportanceData: true }),
  L2Plugin: () => new L2Plugin(),
  SynapticIntelligencePlugin: () => new SynapticIntelligencePlugin({ siLambda: [1, 2] }),
  RWalkPlugin: () => new RWalkPlugin({ deltaT: 1 }),
  LwFPlugin: () => new LwFPlugin(),
  LFLPlugin: () => new LFLPlugin({ lambdaE: 1 }),
  MaskedCrossEntropy: () => new MaskedCrossEntropy({ mask: 'new', classes: [7] }),
  PeriodicEval: () => new PeriodicEval(1),
  QuadraticPenalty: () => new QuadraticPenalty(),
  SlidingWindow: () => {
    const window = new SlidingWindow(3);
    window.add(tensor([[1, 2], [3, 4]]));
    return window;
  },
  EvaluationPlugin: () =>
    new EvaluationPlugin(
      ...[accuracyMetrics({ ...everyLevel, trainedExperience: true }), lossMetrics(everyLevel), forgettingMetrics(levels)],
      ...[bwtMetrics(levels), forwardTransferMetrics(levels), confusionMatrixMetrics({ stream: true })],
      { loggers: [new TextLogger(collector())] },
    ),
  CheckpointPlugin: (_, folder) => new CheckpointPlugin(folder),
  BaseSGDTemplate: (optimizer) => new SupervisedTemplate(optionsOf(optimizer)),
  ResumableTemplate: (optimizer) => new SupervisedTemplate(optionsOf(optimizer)),
  SupervisedTemplate: (optimizer) => new SupervisedTemplate(optionsOf(optimizer)),
  Cumulative: (optimizer) => new Cumulative(optionsOf(optimizer)),
  FromScratchTraining: (optimizer) => new FromScratchTraining(optionsOf(optimizer)),
  FromScratchTrainingPlugin: () => new FromScratchTrainingPlugin(),
  JointTraining: (optimizer) => new JointTraining(optionsOf(optimizer)),
  Naive: (optimizer) => new Naive(optionsOf(optimizer)),
  MAS: (optimizer) => new MAS(optionsOf(optimizer)),
  EWC: (optimizer) => new EWC({ ...optionsOf(optimizer), ewcLambda: 1 }),
  L2: (optimizer) => new L2(optionsOf(optimizer)),
  SynapticIntelligence: (optimizer) => new SynapticIntelligence({ ...optionsOf(optimizer), siLambda: 1 }),
  RWalk: (optimizer) => new RWalk(optionsOf(optimizer)),
  LwF: (optimizer) => new LwF(optionsOf(optimizer)),
  LFL: (optimizer) => new LFL({ ...optionsOf(optimizer), lambdaE: 1 }),
  'amp.GradScaler': () => new amp.GradScaler(),
  'optim.Optimizer': (optimizer) => optimizer,
  'optim.BaseLRScheduler': (optimizer) => new optim.StepLR(optimizer, { stepSize: 2 }),
  'optim.StepLR': (optimizer) => new optim.StepLR(optimizer, { stepSize: 2 }),
  'optim.MultiStepLR': (optimizer) => new optim.MultiStepLR(optimizer, { milestones: [1, 2] }),
  'optim.ExponentialLR': (optimizer) => new optim.ExponentialLR(optimizer, { gamma: 0.5 }),
  'optim.ConstantLR': (optimizer) => new optim.ConstantLR(optimizer),
  'optim.LinearLR': (optimizer) => new optim.LinearLR(optimizer),
  'optim.PolynomialLR': (optimizer) => new optim.PolynomialLR(optimizer),
  'optim.LambdaLR': (optimizer) => new optim.LambdaLR(optimizer, (epoch) => 1 / (epoch + 1)),
  'optim.CosineAnnealingLR': (optimizer) => new optim.CosineAnnealingLR(optimizer, { tMax: 5 }),
  'optim.CosineAnnealingWarmRestarts': (optimizer) => new optim.CosineAnnealingWarmRestarts(optimizer, { t0: 2 }),
  'optim.OneCycleLR': (optimizer) => new optim.OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: 20 }),
  'optim.ReduceLROnPlateau': (optimizer) => new optim.ReduceLROnPlateau(optimizer),
  'optim.SequentialLR': (optimizer) => {
    const parts = [new optim.LinearLR(optimizer), new optim.ExponentialLR(optimizer, { gamma: 0.9 })];
    return new optim.SequentialLR(optimizer, { schedulers: parts, milestones: [2] });
  },
  ...Object.fromEntries(optimizers.map((kind) => [`optim.${kind}`, (optimizer: optim.Optimizer) => optimizer])),
};

/** A strategy of the model that an optimizer was made for. */
function optionsOf(optimizer: optim.Optimizer) {
  const model = models.get(optimizer)!;
  const evaluator = new EvaluationPlugin(lossMetrics({ ...levels, epoch: true }), { loggers: [] });
  return { model, optimizer, trainMbSize: 4, evaluator, evalEvery: 1 };
}
const models = new WeakMap<optim.Optimizer, nn.Module>();

describe('states of everything exported', () => {
  it('there are some', () => assert.ok(names.length > 20, names.join(', ')));

  const withoutNamespace = names.map((name) => (/^(evaluation|logging)\./.test(name) ? name.replace(/^\w+\./, '') : name));
  for (const name of new Set(withoutNamespace)) {
    it(`${name} takes back what it says of itself, new and used`, () =>
      withTempFolder(async (folder) => {
        const make = makes[name];
        assert.ok(make, `${name} has stateDict: this test needs to know how one is made`);
        const model = name.startsWith('LFL') ? dropoutModel() : smallModel(); // one that has features
        const kind = name.replace('optim.', '');
        const optimizer: optim.Optimizer = new (optim as any)[optimizers.includes(kind) ? kind : 'SGD'](model.namedParameters(), { lr: 0.1, ...(kind === 'Adam' || kind === 'AdamW' || kind === 'Adagrad' ? {} : { momentum: 0.9 }) }); // prettier-ignore
        models.set(optimizer, model);
        const subject = make(optimizer, folder) as Stateful;
        assert.ok(isStateful(subject));
        takesBack(subject);
        const isLogger = 'logMetrics' in subject;
        const evaluator =
          subject instanceof EvaluationPlugin
            ? subject
            : new EvaluationPlugin(lossMetrics({ ...levels, epoch: true }), { loggers: isLogger ? [subject as never] : [] });
        const isPlugin = !isLogger && !(subject instanceof SupervisedTemplate) && 'beforeTrainingExp' in subject && subject !== (evaluator as unknown);
        const own = { ...optionsOf(optimizer), evaluator, plugins: isPlugin ? [subject as never] : [] };
        const strategy = subject instanceof SupervisedTemplate ? subject : new SupervisedTemplate(own);
        const { trainStream, testStream } = smallBenchmark();
        const silent = process.stdout.write;
        process.stdout.write = () => true;
        try {
          await strategy.train(trainStream, { evalStreams: testStream });
          takesBack(subject);
          await strategy.eval(testStream);
          takesBack(subject);
        } finally {
          process.stdout.write = silent;
        }
      }));
  }
});

function takesBack(subject: Stateful): void {
  const before = comparable(subject.stateDict());
  subject.loadStateDict(subject.stateDict());
  assert.deepEqual(comparable(subject.stateDict()), before);
  const state: State = subject.stateDict();
  // An optimizer's has maps.
  if (state && !(subject instanceof optim.Optimizer)) subject.loadStateDict(throughFile(state));
  assert.deepEqual(comparable(subject.stateDict()), before);
}
