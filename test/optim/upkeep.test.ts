// What becomes of an optimizer's parameters and state while the model changes: runs recorded from the reference
// (test/fixtures/runs/README.md, "optimizer-upkeep"), replayed.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import {
  type Benchmark,
  benchmarkFromDatasets,
  type Experience,
  manualSeed,
  models,
  Naive,
  nn,
  optim,
  type Plugin,
  type SupervisedTemplate,
  type Tensor,
  TensorDataset,
  type TrainOptions,
} from '../../lib/index';
import { rejectsWithCode, relativeNorm } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';

interface Slot {
  name: string | null;
  state: boolean;
  step?: number;
}
type Slots = Slot[][];
interface TrainStep {
  train: number;
  options?: TrainOptions;
  evalStreams?: number[];
  evalInHook?: number[];
  slots?: { start: Slots; end: Slots };
  error?: string;
}
type LayerName = 'stem' | 'adapter' | 'head';
type Step =
  | TrainStep
  | { eval: number[] }
  | { stepByHand: number }
  | { replace: LayerName }
  | { add: LayerName }
  | { remove: LayerName }
  | { restore: LayerName };
type Description =
  | { type: 'Plain'; layers: LayerName[] }
  | { type: 'IncrementalMLP'; inputSize: number; hiddenSize: number; initialOutFeatures: number }
  | { type: 'MTSimpleMLP'; inputSize: number; hiddenSize: number };
interface Case {
  seed: number;
  model: Description;
  optimizer: { type: 'SGD' | 'Adam'; lr: number; momentum?: number };
  groups?: { modules: string[]; lr?: number }[];
  taskLabels: number[];
  /** Absent: 0. */
  evalEvery?: number;
  trainMbSize: number;
  evalMbSize: number;
  trainEpochs: number;
  shuffle: boolean;
  steps: Step[];
}

const cases = JSON.parse(readFileSync(fixturePath('runs', 'optimizer-upkeep.json'), 'utf8')) as Record<string, Case>;
const tolerance = 1e-5;

/** The recording's names of parameters, each with ours: a plain model is a Sequential, whose children have numbers. */
const plainNames: Record<LayerName, string> = { stem: '0', adapter: '2.0', head: '3' };

/** stem, ReLU, adapter and ReLU where there is one, head. A second ReLU in the adapter's place changes nothing. */
function assemble(layers: Map<LayerName, nn.Module>): nn.Module {
  const adapter = layers.get('adapter');
  return new nn.Sequential(
    layers.get('stem')!,
    new nn.ReLU(),
    adapter ? new nn.Sequential(adapter, new nn.ReLU()) : new nn.ReLU(),
    layers.get('head')!,
  );
}

const newLayer = (name: LayerName) => new nn.Linear(name === 'stem' ? 3 : 4, name === 'head' ? 3 : 4);

class Replay {
  readonly strategy: SupervisedTemplate;
  readonly losses: number[] = [];
  slotsAtStart: Slots = [];
  private readonly layers = new Map<LayerName, nn.Module>();
  private readonly removed = new Map<LayerName, nn.Module>();
  private readonly stream: Experience[];
  private evalInHook: number[] = [];

  constructor(
    private readonly recorded: Case,
    private readonly data: (name: string) => Tensor,
  ) {
    manualSeed(recorded.seed);
    const model = this.makeModel(recorded.model);
    const { type, ...options } = recorded.optimizer;
    const parameters = recorded.groups ? this.groups(model, recorded.groups) : model.parameters();
    this.stream = [...this.benchmark(recorded.taskLabels).trainStream];
    this.strategy = new Naive({
      model,
      optimizer: new optim[type](parameters, options),
      trainMbSize: recorded.trainMbSize,
      trainEpochs: recorded.trainEpochs,
      evalMbSize: recorded.evalMbSize,
      evalEvery: recorded.evalEvery ?? 0,
      plugins: [this.log(), this.evaluatesInHook()],
      evaluator: null,
    });
  }

  private makeModel(description: Description): nn.Module {
    if (description.type === 'MTSimpleMLP') return new models.MTSimpleMLP(omitType(description));
    if (description.type === 'IncrementalMLP') {
      const { inputSize, hiddenSize, initialOutFeatures } = description;
      return new nn.Sequential(
        new nn.Flatten(),
        new nn.Linear(inputSize, hiddenSize),
        new nn.ReLU(),
        new models.IncrementalClassifier(hiddenSize, { initialOutFeatures }),
      );
    }
    for (const name of description.layers) this.layers.set(name, newLayer(name));
    return assemble(this.layers);
  }

  private groups(model: nn.Module, groups: { modules: string[]; lr?: number }[]) {
    const under = (module: string) =>
      [...model.namedParameters()].filter(([name]) => name.startsWith(`${this.ours(module)}.`)).map(([, p]) => p);
    return groups.map(({ modules, ...options }) => ({ params: modules.flatMap(under), ...options }));
  }

  private benchmark(taskLabels: number[]): Benchmark {
    const datasets = taskLabels.map(
      (label, k) => new TensorDataset(this.data(`exp${k}.x`), this.data(`exp${k}.y`), { taskLabels: label }),
    );
    return benchmarkFromDatasets({ train: datasets });
  }

  private log(): Plugin {
    return {
      beforeTrainingExp: () => {
        this.losses.length = 0;
        this.slotsAtStart = this.slots();
      },
      afterBackward: (strategy) => void this.losses.push(strategy.loss.item()),
    };
  }

  private evaluatesInHook(): Plugin {
    return {
      afterTrainingEpoch: async (strategy) => {
        if (this.evalInHook.length === 0 || strategy.clock.trainExpEpochs > 0) return;
        await strategy.eval(this.evalInHook.map((k) => this.stream[k]!));
      },
    };
  }

  private ours(name: string): string {
    if (this.recorded.model.type !== 'Plain') return name;
    return name.replace(/^\w+/, (layer) => plainNames[layer as LayerName]);
  }

  private theirs(name: string): string {
    if (this.recorded.model.type !== 'Plain') return name;
    const [layer, ours] = Object.entries(plainNames).find(([, number]) => name.startsWith(`${number}.`))!;
    return layer + name.slice(ours.length);
  }

  /** What the optimizer holds, as the recording describes it. */
  slots(): Slots {
    const { optimizer, model } = this.strategy;
    const named = [...model.namedParameters()];
    return optimizer.paramGroups.map(({ params }) =>
      params.map((parameter) => {
        const name = named.find(([, other]) => other.isSame(parameter))?.[0];
        const state = optimizer.state(parameter);
        return {
          name: name === undefined ? null : this.theirs(name),
          state: state !== null,
          ...(state?.step === undefined ? {} : { step: state.step }),
        };
      }),
    );
  }

  parameters(): Map<string, Tensor> {
    return new Map([...this.strategy.model.namedParameters()].map(([name, p]) => [this.theirs(name), p]));
  }

  async take(step: Step): Promise<void> {
    if ('train' in step) await this.train(step);
    else if ('eval' in step) await this.strategy.eval(step.eval.map((k) => this.stream[k]!));
    else if ('stepByHand' in step) this.stepByHand(step.stepByHand);
    else this.change(step);
  }

  private async train({ train, options = {}, evalStreams = [], evalInHook = [] }: TrainStep): Promise<void> {
    this.evalInHook = evalInHook;
    await this.strategy.train(this.stream[train]!, {
      ...options,
      evalStreams: [evalStreams.map((k) => this.stream[k]!)],
      shuffle: this.recorded.shuffle,
    });
  }

  private stepByHand(k: number): void {
    const { model, optimizer } = this.strategy;
    new nn.CrossEntropyLoss().forward(model.forward(this.data(`exp${k}.x`)), this.data(`exp${k}.y`)).backward();
    optimizer.step();
  }

  private change(step: Exclude<Step, TrainStep | { eval: number[] } | { stepByHand: number }>): void {
    if ('remove' in step) {
      this.removed.set(step.remove, this.layers.get(step.remove)!);
      this.layers.delete(step.remove);
    } else if ('restore' in step) {
      this.layers.set(step.restore, this.removed.get(step.restore)!);
    } else {
      const name = 'replace' in step ? step.replace : step.add;
      this.layers.set(name, newLayer(name));
    }
    this.strategy.model = assemble(this.layers);
  }
}

function omitType<T extends { type: string }>({ type: _, ...rest }: T): Omit<T, 'type'> {
  return rest;
}

describe('optimizer upkeep', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    recorded = await loadFixture('runs/optimizer-upkeep');
  });

  it('has 34 recorded cases', () => {
    assert.equal(Object.keys(cases).length, 34);
  });

  for (const [name, recordedCase] of Object.entries(cases)) {
    it(`${name}: slots, losses and parameters are the reference's`, async () => {
      const replay = new Replay(recordedCase, recorded);
      for (const [i, step] of recordedCase.steps.entries()) {
        if ('error' in step) {
          await rejectsWithCode(replay.take(step), 'ERR_PARAMETER_GROUP', /new parameter "2\.0\.weight", got several/);
          continue;
        }
        await replay.take(step);
        if (!('train' in step)) continue;
        assert.deepEqual({ start: replay.slotsAtStart, end: replay.slots() }, step.slots, `slots of step ${i}`);
        const losses = recorded(`${name}.${i}.loss`).toNumbers();
        assert.equal(replay.losses.length, losses.length);
        assert.ok(relativeNorm(replay.losses, losses) < tolerance, `losses of step ${i}`);
        for (const [key, parameter] of replay.parameters()) {
          const expected = recorded(`${name}.${i}.param.${key}`);
          assert.deepEqual(parameter.shape, expected.shape, `${key} after step ${i}`);
          const error = relativeNorm(parameter.toNumbers(), expected.toNumbers());
          assert.ok(error < tolerance, `${key} after step ${i}: ${error}`);
        }
      }
    });
  }
});
