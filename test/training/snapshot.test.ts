import assert from 'node:assert/strict';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  IterableDataset,
  jit,
  MAS,
  models,
  nn,
  optim,
  type Plugin,
  type Sample,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { native } from '../../lib/native/binding';
import { assertTensorClose, assertTensorEqual, rejectsWithCode } from '../support/assertions';
import { dropoutModel, numbersOf, smallBenchmark, smallModel } from '../support/small-runs';
import { withTempFolder } from '../support/temp-folder';

/** Makes every weight the same number after k iterations: nothing but decay moves them. */
const decay = { lr: 0.5, weightDecay: 0.002 };
const widths = [6, 5, 4];

/** Of which every sample is 0, and so are all gradients; the number of mini-batches is counted beside the weights. */
function decaying(): nn.Sequential {
  const layers = widths.map((width) => new nn.Linear(width, width - 1, { bias: false }));
  for (const layer of layers) layer.weight.requiresGrad_(false).fill_(1).requiresGrad_(true);
  const count = () => new nn.BatchNorm1d(6, { affine: false });
  return new nn.Sequential(count(), ...layers);
}

/** The weight after k iterations. */
function weights(iterations: number): number[] {
  const weight = torch.ones([1], { requiresGrad: true });
  const optimizer = new optim.SGD([weight], decay);
  return Array.from({ length: iterations + 1 }, () => {
    const value = weight.toNumbers()[0]!;
    weight.grad = torch.zeros([1]);
    optimizer.step();
    return value;
  });
}

/** How many iterations a decaying model has seen. @throws where its tensors are of different moments */
function iterationsOf(model: nn.Module, known: number[]): number {
  const iterations = Number(model.getBuffer('0.num_batches_tracked').item());
  for (const [name, parameter] of model.namedParameters()) {
    const values = new Set(parameter.toNumbers());
    assert.deepEqual([...values], [known[iterations]], `${name} in iteration ${iterations}`);
  }
  return iterations;
}

const zeros = (samples: number) => new TensorDataset(torch.zeros([samples, 6]), torch.zeros([samples], { dtype: 'int64' }));

function strategyOf(model: nn.Module, options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  return new SupervisedTemplate({ model, optimizer, trainMbSize: 4, evaluator: null, ...options });
}

function decayingRun(iterations: number, plugins: Plugin[] = []) {
  const model = decaying();
  const strategy = strategyOf(model, { optimizer: new optim.SGD(model.parameters(), decay), trainMbSize: 2, plugins });
  const { trainStream } = benchmarkFromDatasets({ train: [zeros(2 * iterations)] });
  return { model, strategy, experience: trainStream[0]! };
}

const [first] = smallBenchmark().trainStream;

describe('strategy.snapshot', () => {
  it('is a copy in eval mode, without gradients, that stays the same module and goes along', async () => {
    const model = dropoutModel();
    const strategy = strategyOf(model);
    const snapshot = await strategy.snapshot();
    assert.equal(snapshot.constructor, model.constructor);
    assert.notEqual(snapshot, model);
    assert.ok(snapshot.modules().every(({ training }) => !training));
    assert.ok(model.modules().every(({ training }) => training));
    assert.ok(snapshot.parameters().every(({ requiresGrad }) => !requiresGrad));
    assert.deepEqual(numbersOf(snapshot.stateDict()), numbersOf(model.stateDict()));
    const before = numbersOf(model.stateDict());
    await strategy.train(first!);
    assert.deepEqual(numbersOf(snapshot.stateDict()), before, 'until asked again');
    assert.equal(await strategy.snapshot(), snapshot);
    assert.deepEqual(numbersOf(snapshot.stateDict()), numbersOf(model.stateDict()));
    assert.notDeepEqual(numbersOf(model.stateDict()), before);
    const x = torch.randn([3, 4]);
    assertTensorEqual(snapshot.forward(x), model.eval().forward(x));
    assertTensorEqual(await snapshot.predict(x), model.forward(x));
  });

  it('is brought up to date without new memory, but where somebody holds what was shown', async () => {
    const strategy = strategyOf(smallModel());
    const snapshot = await strategy.snapshot();
    const storage = () => {
      const { id, storage: handle } = native.describeStorage(snapshot.parameters()[0]!.handle);
      native.tensorDispose(handle); // which would hold the memory
      return id;
    };
    const seen = new Set<unknown>();
    for (let i = 0; i < 6; i++) {
      await strategy.snapshot();
      seen.add(storage());
    }
    assert.equal(seen.size, 2);
    const view = snapshot.parameters()[0]!.select(0, 0);
    const held = view.toNumbers();
    for (let i = 0; i < 3; i++) {
      await strategy.train(first!);
      await strategy.snapshot();
    }
    assert.deepEqual(view.toNumbers(), held);
    assert.notDeepEqual(snapshot.parameters()[0]!.select(0, 0).toNumbers(), held);
  });

  it('may be asked for at any time of a training, and is of one moment between two iterations', async () => {
    const iterations = 8000;
    const known = weights(iterations);
    const { strategy, experience, model } = decayingRun(iterations);
    let isTraining = true as boolean;
    const training = strategy.train(experience).finally(() => (isTraining = false));
    const seen: number[] = [];
    while (isTraining) seen.push(iterationsOf(await strategy.snapshot(), known));
    await training;
    assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
    assert.ok(new Set(seen).size > 2, `${seen.length} snapshots`);
    assert.equal(iterationsOf(await strategy.snapshot(), known), iterations);
    iterationsOf(model, known);
  });

  it('answers predictions all the time, each of one moment', async () => {
    const iterations = 8000;
    const { strategy, experience } = decayingRun(iterations);
    const snapshot = await strategy.snapshot();
    let isTraining = true;
    const training = strategy.train(experience).finally(() => (isTraining = false));
    const refreshing = (async () => {
      while (isTraining) await strategy.snapshot();
    })();
    const ones = torch.ones([64, 6]);
    let count = 0;
    while (isTraining) {
      const [alone, together] = await Promise.all([snapshot.predict(ones.narrow(0, 0, 1)), snapshot.predict(ones, { batchSize: 1 })]);
      for (const output of [alone, together, snapshot.forward(ones)]) {
        const values = output.toNumbers();
        // An iteration changes them by 0.3 percent.
        assert.ok(Math.max(...values) - Math.min(...values) <= 1e-4 * Math.max(...values), values.join());
      }
      count++;
    }
    await Promise.all([training, refreshing]);
    assert.ok(count > 0);
  });

  it('leaves training what it is, bit for bit', async () => {
    const run = async (isWatched: boolean) => {
      const model = dropoutModel();
      model.requiresGrad_(false);
      model.parameters().forEach((parameter, i) => parameter.fill_(0.1 * (i + 1)));
      model.requiresGrad_(true);
      const strategy = new MAS({
        model,
        optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
        trainMbSize: 2,
        trainEpochs: 20,
        evaluator: null,
        generator: new torch.Generator({ device: 'cpu' }).manualSeed(4),
      });
      let isTraining = true;
      const training = strategy.train(smallBenchmark({ train: 64 }).trainStream).finally(() => (isTraining = false));
      while (isWatched && isTraining) await (await strategy.snapshot()).predict(torch.randn([2, 4]));
      await training;
      return numbersOf(model.stateDict());
    };
    assert.deepEqual(await run(true), await run(false));
  });

  it('comes at once where a hook asks, inside an iteration too, whether it is waited for or not', async () => {
    const known = weights(20);
    const seen: Record<string, number[]> = {};
    const ask = (name: string): Plugin => ({
      [name]: async (strategy: SupervisedTemplate) => {
        (seen[name] ??= []).push(iterationsOf(await strategy.snapshot(), known));
        void strategy.snapshot();
      },
    });
    const { strategy, experience } = decayingRun(3, ['beforeTraining', 'beforeTrainingIteration', 'afterUpdate', 'afterTrainingExp'].map(ask)); // prettier-ignore
    await strategy.train(experience);
    assert.deepEqual(seen, { beforeTraining: [0], beforeTrainingIteration: [0, 1, 2], afterUpdate: [1, 2, 3], afterTrainingExp: [3] });
  });

  it('never has who the training waits for wait for the training', async () => {
    const asked: string[] = [];
    const ask = async (where: string): Promise<void> => {
      await strategy.snapshot();
      asked.push(where);
    };
    class Asking extends SupervisedTemplate {
      override async makeTrainDataloader(options: object): Promise<void> {
        await ask('makeTrainDataloader');
        await super.makeTrainDataloader(options);
      }
      override async backward(): Promise<void> {
        await ask('backward');
        await super.backward();
      }
    }
    const model = smallModel();
    const strategy: SupervisedTemplate = new Asking({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      evaluator: null,
      trainMbSize: 2,
      onProgress: () => ask('onProgress'),
      criterion: async (output, target) => {
        await ask('criterion');
        return new nn.CrossEntropyLoss().forward(output, target);
      },
    });
    const samples = async function* (): AsyncGenerator<Sample> {
      await ask('data');
      for (let i = 0; i < 4; i++) yield [torch.randn([4]), 1];
    };
    await strategy.train(benchmarkFromDatasets({ train: [new IterableDataset(samples)] }).trainStream);
    assert.deepEqual([...new Set(asked)].sort(), ['backward', 'criterion', 'data', 'makeTrainDataloader', 'onProgress']);
  });

  it('comes in evaluations and importance passes, and at the end of a call that fails', async () => {
    const model = dropoutModel();
    const strategy = new MAS({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null });
    const phases = new Set<string>();
    const { trainStream } = smallBenchmark({ train: 4000 });
    let phase = 'idle';
    const watched = async (call: Promise<unknown>) => {
      let isUnderWay = true;
      const ended = call.finally(() => (isUnderWay = false)).catch((error: unknown) => error);
      while (isUnderWay) {
        await strategy.snapshot();
        phases.add(phase);
      }
      return ended;
    };
    strategy.reportProgress = (progress) => void (phase = progress.phase);
    await watched(strategy.train(trainStream[0]!));
    await watched(strategy.eval(trainStream));
    assert.deepEqual([...phases].filter((name) => name !== 'idle').sort(), ['eval', 'importance', 'train']);
    const failing: Plugin = { beforeTrainingIteration: () => Promise.reject(new Error('no')) };
    strategy.plugins.push(failing);
    const failed = strategy.train(trainStream[0]!);
    const asked = strategy.snapshot();
    await rejectsWithCode(failed, 'ERR_HOOK', /no/);
    assert.deepEqual(numbersOf((await asked).stateDict()), numbersOf(model.stateDict()));
  });

  it('is another module where the model has grown or been replaced; the one before stays what it was', async () => {
    class Growing extends nn.Module {
      features = new nn.Linear(4, 6);
      classifier = new models.IncrementalClassifier(6);
      rounds = { count: 0 };
      override forward(x: Tensor): Tensor {
        return this.classifier.forward(this.features.forward(x));
      }
    }
    const model = new Growing();
    const strategy = strategyOf(model);
    const { trainStream } = smallBenchmark();
    await strategy.train(trainStream[0]!);
    const small = (await strategy.snapshot()) as Growing;
    const before = numbersOf(small.stateDict());
    model.rounds.count = 7;
    assert.equal(await strategy.snapshot(), small);
    assert.deepEqual([small.rounds.count, small.rounds === model.rounds], [7, false]);
    await strategy.train(trainStream[1]!);
    const large = (await strategy.snapshot()) as Growing;
    assert.notEqual(large, small);
    assert.deepEqual(numbersOf(small.stateDict()), before);
    assert.deepEqual(numbersOf(large.stateDict()), numbersOf(model.stateDict()));
    assert.equal(large.classifier.activeUnits.size(0), 4);
    const x = torch.randn([2, 4]);
    assertTensorClose(await large.predict(x), model.clone().eval().forward(x));
    model.features = new nn.Linear(4, 6);
    assert.notEqual(await strategy.snapshot(), large);
    const other = smallModel();
    strategy.model = other;
    assert.deepEqual(numbersOf((await strategy.snapshot()).stateDict()), numbersOf(other.stateDict()));
    other.double();
    assert.equal((await strategy.snapshot()).parameters()[0]!.dtype, 'float64');
  });

  it('takes heads of tasks, what they know, and models of TypeScript and of a file along', async () => {
    const model = new models.MTSimpleMLP({ inputSize: 4, hiddenSize: 6 });
    const strategy = strategyOf(model);
    const data = (task: number) => new TensorDataset(torch.randn([8, 4]), torch.arange(8).remainder(2), { taskLabels: task });
    const { trainStream } = benchmarkFromDatasets({ train: [data(0), data(1)] });
    for (const experience of trainStream) {
      await strategy.train(experience);
      const snapshot = (await strategy.snapshot()) as models.MTSimpleMLP;
      assert.deepEqual(snapshot.classifier.knownTrainTasksLabels, model.classifier.knownTrainTasksLabels);
      const x = torch.randn([2, 4]);
      assert.deepEqual([...snapshot.forward(x, null).keys()], [...model.forward(x, null).keys()]);
      assertTensorClose(await snapshot.predict(x, { taskLabels: 0 }), model.clone().eval().forward(x, 0));
    }
    await withTempFolder(async (folder) => {
      const file = path.join(folder, 'model.pt');
      await jit.save(smallModel(), file);
      const loaded = await jit.load(file);
      const ofFile = strategyOf(loaded);
      const snapshot = await ofFile.snapshot();
      await ofFile.train(first!);
      assert.equal(await ofFile.snapshot(), snapshot);
      assert.deepEqual(numbersOf(snapshot.stateDict()), numbersOf(loaded.stateDict()));
      await jit.save(snapshot, file);
      assert.deepEqual(numbersOf((await jit.load(file)).stateDict()), numbersOf(loaded.stateDict()));
    });
  });

  it('is saved, cloned and read while it is brought up to date: whole', async () => {
    const known = weights(8000);
    const { strategy, experience } = decayingRun(8000);
    let isTraining = true;
    const training = strategy.train(experience).finally(() => (isTraining = false));
    await withTempFolder(async (folder) => {
      const file = path.join(folder, 'snapshot.pt');
      while (isTraining) {
        const snapshot = await strategy.snapshot();
        const saving = jit.save(snapshot, file);
        const copy = snapshot.clone();
        await Promise.all([saving, strategy.snapshot(), strategy.snapshot()]);
        assert.equal(iterationsOf(await jit.load(file), known), iterationsOf(copy, known));
      }
    });
    await training;
  });

  it('misuse: of a model on which another strategy is at work', async () => {
    const model = smallModel();
    const [working, other] = [strategyOf(model, { trainEpochs: 10_000 }), strategyOf(model)];
    const training = working.train(first!);
    let failure: unknown;
    while (!failure) {
      await nextTurn();
      failure = await other.snapshot().then(
        () => undefined,
        (error: unknown) => error,
      );
    }
    await rejectsWithCode(Promise.reject(failure), 'ERR_BUSY', /^(clone|snapshot|\w+): expected nothing to be at work on it/);
    working.stopTraining();
    await training;
    assert.ok(await other.snapshot());
  });
});
