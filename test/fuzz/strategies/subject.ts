import { setTimeout as sleep } from 'node:timers/promises';
import {
  accuracyMetrics, benchmarkFromDatasets, type Dataset, type Benchmark, EvaluationPlugin, type HookName, IterableDataset, jit, lossMetrics,
  manualSeed, MASPlugin, models, Naive, nn, ops, optim, type Plugin, SupervisedTemplate, type SupervisedTemplateOptions, type Tensor,
} from '../../../lib/index';
import { isScripted } from '../../../lib/nn/module';
import { classes, features, smallDataset } from '../../support/small-runs';
import { commit, type Misdeed } from './misdeeds';
import type { Action, Place, Program } from './program';
import { thrownValues } from './thrown';

class TypeScriptModel extends nn.Module<Tensor | Promise<Tensor>> {
  readonly first = new nn.Linear(features, 5);
  readonly second = new nn.Linear(5, classes);

  constructor(private readonly visit: Visit) {
    super();
  }

  override forward(x: Tensor): Tensor | Promise<Tensor> {
    const output = () => this.second.forward(ops.aten.relu!(this.first.forward(x)) as Tensor);
    const visited = this.visit('forward');
    return visited ? visited.then(output) : output();
  }
}

/** Called wherever a user's function is: here the program's fault comes up. */
type Visit = (place: Place, strategy?: SupervisedTemplate) => void | Promise<void>;

/** A strategy as a program describes it. */
export interface Subject {
  strategy: SupervisedTemplate;
  benchmark: Benchmark;
  /** What hooks have begun and left alone. */
  left: Promise<unknown>[];
  /** From now on nothing goes wrong any more, and what the fault has put in is gone. */
  mend(): void;
}

/** `listens`: a listener that does nothing in every hook keeps iterations from being joined. */
export function makeSubject(program: Program, listens = false): Subject {
  const left: Promise<unknown>[] = [];
  const misdeed: Misdeed = { undo: [] };
  let { fault } = program;
  const faulty = fault?.place;
  const calls = new Map<Place, number>();
  const visit: Visit = (place, strategy) => {
    if (!fault || fault.place !== place) return;
    const count = (calls.get(place) ?? 0) + 1;
    calls.set(place, count);
    if (count !== fault.at) return;
    if (fault.kind === 'odd') return commit(fault.oddity, strategy!, misdeed);
    const thrown = thrownValues[fault.thrown];
     
    if (fault.kind === 'rejects') return Promise.reject(thrown);
     
    throw thrown;
  };

  manualSeed(program.seed);
  const model = makeModel(program, visit);
  const benchmark = makeBenchmark(program, visit);
  const strategy = new (overriding(program, visit))({
    model,
    optimizer: makeOptimizer(program, model),
    ...makeCriterion(program, visit),
    trainMbSize: program.trainMbSize,
    trainEpochs: program.trainEpochs,
    evalMbSize: 3,
    evalEvery: program.evalEvery,
    pevalMode: program.pevalMode,
    evaluator: makeEvaluator(program, visit),
    onProgress:
      program.onProgress === 'none' ? null
      : program.onProgress === 'function' ? () => visit('onProgress')
      : async () => visit('onProgress'),
    plugins: [
      ...(program.mas ? [new MASPlugin({ lambdaReg: 0.1 })] : []),
      ...program.hooks.map(({ hook, action, isAsync }): Plugin => {
        const act = (s: SupervisedTemplate) => doAction(action, s, benchmark, left);
        return { [hook]: isAsync ? async (s: SupervisedTemplate) => act(s) : act };
      }),
      ...(faulty?.startsWith('hook ')
        ? [{ [faulty.slice(5) as HookName]: (s: SupervisedTemplate) => visit(faulty, s) }]
        : []),
    ],
  });
  if (listens) strategy.plugins.push(listener);
  return { strategy, benchmark, left, mend: () => ((fault = null), misdeed.undo.reverse().forEach((undo) => undo())) };
}

const listener: Plugin = {
  beforeForward() {},
  afterForward() {},
  beforeBackward() {},
  afterBackward() {},
  beforeUpdate() {},
  afterUpdate() {},
  afterTrainingIteration() {},
  beforeEvalForward() {},
  afterEvalIteration() {},
};

function makeModel({ model }: Program, visit: Visit): nn.Module {
  const { Linear, ReLU, Sequential } = nn;
  if (model === 'typescript') return new TypeScriptModel(visit) as never;
  if (model === 'growing') return new Sequential(new Linear(features, 5), new models.IncrementalClassifier(5));
  if (model === 'dropout') return new Sequential(new Linear(features, 5), new nn.Dropout(0.5), new Linear(5, classes));
  if (model === 'batch norm') return new Sequential(new Linear(features, 5), new nn.BatchNorm1d(5), new Linear(5, classes));
  return new Sequential(new Linear(features, 5), new ReLU(), new Linear(5, classes));
}

function makeOptimizer({ optimizer }: Program, model: nn.Module): optim.Optimizer {
  const parameters = model.parameters();
  if (optimizer === 'SGD') return new optim.SGD(parameters, { lr: 0.05, momentum: 0.9 });
  return new optim[optimizer](parameters, { lr: 0.01 });
}

function makeCriterion({ criterion }: Program, visit: Visit): Partial<SupervisedTemplateOptions> {
  if (criterion === 'default') return {};
  const loss = (output: Tensor, target: Tensor) => {
    const value = () => ops.aten.cross_entropy_loss!(output, target) as Tensor;
    const visited = visit('criterion');
    return visited ? visited.then(value) : value();
  };
  if (criterion === 'object') return { criterion: { forward: loss } };
  return { criterion: criterion === 'function' ? loss : async (output, target) => loss(output, target) };
}

function makeBenchmark({ data }: Program, visit: Visit): Benchmark {
  const dataset = (samples: number, labels: number[], salt: number): Dataset => {
    const inMemory = smallDataset(samples, labels, salt);
    if (data === 'memory') return inMemory;
    if (data === 'transform') {
      return inMemory.withTransform((x) => {
        const visited = visit('transform');
        return visited ? visited.then(() => x) : x;
      });
    }
    const rows = (ops.aten.unbind!(inMemory.x) as Tensor[]).map((x, i): [Tensor, number] => [x, labels[i % labels.length]!]);
    const source =
      data === 'iterable'
        ? function* () {
            for (const row of rows) {
              const visited = visit('source');
              if (visited) visited.catch(() => {});
              yield row;
            }
          }
        : async function* () {
            for (const row of rows) {
              await visit('source');
              yield row;
            }
          };
    return new IterableDataset(source, { classes: labels, taskLabel: 0 });
  };
  const stream = (samples: number, salt: number) => [dataset(samples, [0, 1], salt), dataset(samples, [2, 3], salt + 1)];
  return benchmarkFromDatasets({ train: stream(8, 0), test: stream(4, 2) } as never);
}

function makeEvaluator({ evaluator }: Program, visit: Visit): EvaluationPlugin | null {
  if (evaluator === 'none') return null;
  const metrics = [accuracyMetrics({ epoch: true, stream: true }), lossMetrics({ epoch: true, experience: true })];
  if (evaluator === 'metrics') return new EvaluationPlugin(...metrics, { loggers: [] });
  const metric = { afterTrainingEpoch: async () => void (await visit('metric')) };
  const logger = { logMetrics: () => visit('logger'), onProgress: () => visit('loggerProgress') };
  return new EvaluationPlugin(...metrics, metric, { loggers: [logger] });
}

/** A class that overrides what the program says; each override does what it overrides. */
function overriding({ overrides }: Program, visit: Visit): typeof SupervisedTemplate {
  class Overriding extends SupervisedTemplate {}
  for (const { method, style } of overrides) {
    const inherited = (SupervisedTemplate.prototype as unknown as Record<string, (...args: unknown[]) => unknown>)[method]!;
    const value = function (this: SupervisedTemplate, ...args: unknown[]): unknown {
      const go = () => inherited.apply(this, args);
      const visited = visit(`override ${method}`, this);
      if (visited) return visited.then(go);
      if (style === 'async') return (async () => go())();
      if (style === 'returned' || !/Epoch$/.test(method)) return go();
      void go();
    };
    Object.defineProperty(Overriding.prototype, method, { value, writable: true, configurable: true });
  }
  return Overriding;
}

function doAction(action: Action, strategy: SupervisedTemplate, benchmark: Benchmark, left: Promise<unknown>[]): unknown {
  const leave = (promise: Promise<unknown>) => void left.push(promise.catch(() => {}));
  const { model } = strategy;
  const other = () => new Naive({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null, evalMbSize: 2 });
  const experience = benchmark.testStream.at(0)!;
  const inIteration = strategy.mbX !== null;
  switch (action) {
    case 'read': return void [strategy.mbX?.shape, strategy.mbOutput?.shape, strategy.loss.item(), model.parameters()[0]!.sum().item()];
    // An evaluation forgets the mini-batch that is under way, and none may begin in another.
    case 'evaluate': return inIteration || strategy.isEval ? undefined : strategy.eval(experience);
    case 'evaluate alone': return inIteration || strategy.isEval ? undefined : leave(strategy.eval(experience));
    case 'save': return isScripted(model) ? jit.saveToBuffer(model) : undefined;
    case 'save alone': return isScripted(model) ? leave(jit.saveToBuffer(model)) : undefined;
    case 'second strategy': return other().eval(experience);
    case 'second strategy alone': return leave(other().eval(experience));
    case 'wait': return sleep(1);
    case 'scale the loss': return strategy.isTraining ? void ops.aten.mul_!(ops.aten.detach!(strategy.loss), 0.5) : undefined;
    case 'gradients': return void model.parameters().forEach(({ grad }) => grad?.shape);
    case 'stop': return strategy.stopTraining();
    case 'plugins': return void strategy.plugins.splice(strategy.plugins.push({}) - 1, 1);
    case 'set modes': return void (strategy.isTraining ? model.train() : model.eval());
    default: return undefined;
  }
}
