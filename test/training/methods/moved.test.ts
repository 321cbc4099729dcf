// Methods whose plugin, or state, comes from elsewhere; experiences that are begun anew behind a resume; updates that are left out.
import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  CheckpointPlugin,
  EWCPlugin,
  FromScratchTrainingPlugin,
  Generator,
  JointTraining,
  L2Plugin,
  LFLPlugin,
  LwFPlugin,
  MaskedCrossEntropy,
  models,
  nn,
  optim,
  type Plugin,
  RWalkPlugin,
  type Stateful,
  SupervisedTemplate,
  SynapticIntelligencePlugin,
  type Tensor,
  tensor,
  TensorDataset,
} from '../../../lib/index';
import { comparable } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';

const set = (labels: number[]) => new TensorDataset(tensor(labels.map((_, i) => [Math.sin(i + 1), Math.cos(3 * i)])), tensor(labels, { dtype: 'int64' }));
const stream = () => benchmarkFromDatasets({ train: [set([0, 1, 0, 1, 1, 0]), set([2, 3, 2, 3, 3, 2])] }).trainStream.experiences;
const net = (hidden = 5) => new models.SimpleMLP({ inputSize: 2, hiddenSize: hidden, numClasses: 4, dropRate: 0 });
const strategyOf = (model: nn.Module, plugins: Plugin[], lr = 0.1) =>
  new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr, momentum: 0.9 }), trainMbSize: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins });

const methods: Record<string, () => Plugin & Stateful> = {
  EWC: () => new EWCPlugin({ ewcLambda: 2 }),
  L2: () => new L2Plugin(),
  SI: () => new SynapticIntelligencePlugin({ siLambda: 3, eps: 0.1, clip: null }),
  RWalk: () => new RWalkPlugin({ deltaT: 1, ewcAlpha: 0.2 }),
  LwF: () => new LwFPlugin(),
  LFL: () => new LFLPlugin({ lambdaE: 1 }),
};

/** What a plugin adds to the loss in each mini-batch. */
function watch(): { added: number[]; before: Plugin; after: Plugin } {
  const added: number[] = [];
  let plain = 0;
  return {
    added,
    before: { beforeBackward: ({ loss }) => void (plain = loss.item()) },
    after: { beforeBackward: ({ loss }) => void added.push(loss.item() - plain) },
  };
}

describe('a method that was with another strategy', () => {
  for (const [name, make] of Object.entries(methods)) {
    it(`${name} begins anew with a smaller model, and charges nothing in its first experience`, async () => {
      const plugin = make();
      await strategyOf(net(7), [plugin]).train(stream());
      const { added, before, after } = watch();
      const [first, second] = stream();
      const other = strategyOf(net(3), [before, plugin, after]);
      await other.train(first!);
      assert.deepEqual(added, [0, 0, 0]);
      await other.train(second!);
      assert.ok(added.slice(3).some((value) => value !== 0));
    });
  }

  it('FromScratchTrainingPlugin and MaskedCrossEntropy begin anew, too', async () => {
    const scratch = new FromScratchTrainingPlugin();
    const criterion = new MaskedCrossEntropy();
    const train = async (experience: number, weight: number) => {
      const model = net();
      for (const theta of model.parameters()) theta.detach().fill_(weight);
      const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0 }), criterion, trainMbSize: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins: [scratch] });
      await strategy.train(stream()[experience]!);
      return model.parameters()[0]!.toNumbers()[0]!;
    };
    assert.equal(await train(0, 1), 1);
    assert.equal(await train(1, 2), 2);
    assert.deepEqual([criterion.currentClasses, criterion.oldClasses], [[2, 3], []]);
  });
});

describe('an experience that is begun anew behind a resume', () => {
  for (const [name, make] of Object.entries(methods)) {
    it(`${name} counts it once`, () =>
      withTempFolder(async (folder) => {
        const whole = async (isResumed: boolean) => {
          let fails = isResumed;
          const failing: Plugin = {
            afterTrainingExp({ clock }) {
              if (fails && clock.trainExpCounter === 1) throw new Error('disk full');
            },
          };
          const model = net();
          for (const theta of model.parameters()) theta.detach().copy_(tensor(Array.from({ length: theta.numel() }, (_, i) => Math.sin(i)), { shape: theta.shape }));
          const plugin = make();
          const strategy = new SupervisedTemplate({
            model,
            optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
            trainMbSize: 2,
            trainEpochs: 2,
            evaluator: null,
            generator: new Generator({ device: 'cpu' }).manualSeed(1),
            plugins: [plugin, failing, new CheckpointPlugin(folder, { everyEpochs: 1, keep: 9 })],
          });
          const experiences = stream();
          if (!isResumed) {
            await strategy.train(experiences, { shuffle: false });
            return null;
          }
          await strategy.load(path.join(folder, 'checkpoint-000003'));
          await assert.rejects(strategy.train(experiences[1]!, { shuffle: false }), { code: 'ERR_HOOK' });
          fails = false;
          const seen: unknown[] = [];
          strategy.plugins.splice(1, 0, { beforeTrainingEpoch: ({ clock }) => void (clock.trainExpEpochs === 0 && seen.push(measured(plugin))) });
          await strategy.train(experiences[1]!, { shuffle: false, restart: true });
          return seen[0];
        };
        await whole(false);
        const atTheBeginning = await reference(make());
        assert.deepEqual(await whole(true), atTheBeginning);
      }));
  }

  /** What there is behind the first experience of the same run. */
  async function reference(plugin: Plugin & Stateful): Promise<unknown> {
    const model = net();
    for (const theta of model.parameters()) theta.detach().copy_(tensor(Array.from({ length: theta.numel() }, (_, i) => Math.sin(i)), { shape: theta.shape }));
    const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 2, trainEpochs: 2, evaluator: null, generator: new Generator({ device: 'cpu' }).manualSeed(1), plugins: [plugin] });
    await strategy.train(stream()[0]!, { shuffle: false });
    return measured(plugin);
  }

  /** What an experience changes once: importances, sums of scores, how many there were. */
  function measured(plugin: Plugin & Stateful): unknown {
    const { importance, cumTrajectory, totalScores, experiences, classes } = plugin.stateDict() as Record<string, never>;
    return comparable({ importance: importance ?? null, cumTrajectory: cumTrajectory ?? null, totalScores: totalScores ?? null, experiences: experiences ?? null, classes: classes ?? null });
  }
});

describe('what does not fit', () => {
  it('the state of a teacher of another model is refused, before anything is learned', async () => {
    for (const name of ['LwF', 'LFL']) {
      const plugin = methods[name]!();
      await strategyOf(net(7), [plugin]).train(stream()[0]!);
      const other = methods[name]!();
      other.loadStateDict(plugin.stateDict());
      const strategy = strategyOf(net(3), [other]);
      await assert.rejects(strategy.train(stream()[0]!), { code: 'ERR_CHECKPOINT_MISMATCH', message: /Plugin: expected a teacher of this model, got one of another: .*features.0.weight/ });
      assert.equal(strategy.clock.trainIterations, 0);
    }
  });

  it('states of other options, or of what is no class, are refused', () => {
    assert.throws(() => new LwFPlugin().loadStateDict({ experiences: 1, classes: { 0: [-1] }, teacher: null }), { code: 'ERR_STATE_DICT' });
    assert.throws(() => new LwFPlugin({ alpha: 2 }).loadStateDict(new LwFPlugin({ alpha: [1, 2] }).stateDict()), { code: 'ERR_STATE_DICT', message: /alpha/ });
    assert.throws(() => new LFLPlugin({ lambdaE: 2 }).loadStateDict(new LFLPlugin({ lambdaE: 1 }).stateDict()), { code: 'ERR_STATE_DICT', message: /lambdaE/ });
    const excluding = new SynapticIntelligencePlugin({ siLambda: 1, excludedParameters: ['a'] });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1 }).loadStateDict(excluding.stateDict()), { code: 'ERR_STATE_DICT', message: /excludedParameters/ });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1, clip: -1 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new SynapticIntelligencePlugin({ siLambda: 1, excludedParameters: [''] }), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('the teacher goes where the model goes', async () => {
    const model = net();
    const [first, second] = stream();
    const strategy = strategyOf(model, [new LwFPlugin()]);
    await strategy.train(first!);
    model.to('float64');
    const { inputs, y } = second!.dataset;
    const wide = benchmarkFromDatasets({ train: [new TensorDataset((inputs as Tensor).to('float64'), y)] }).trainStream;
    await strategy.train(wide);
    assert.equal(model.parameters()[0]!.dtype, 'float64');
  });

  it('EWC of samples with a criterion that is no mean of them, JointTraining with a mask', async () => {
    const model = net();
    const options = { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null, generator: new Generator({ device: 'cpu' }) };
    for (const criterion of [new nn.CrossEntropyLoss({ reduction: 'sum' }), new nn.CrossEntropyLoss({ weight: tensor([1, 2, 3, 4]) })]) {
      const strategy = new SupervisedTemplate({ ...options, criterion, plugins: [new EWCPlugin({ ewcLambda: 1, granularity: 'sample' })] });
      await assert.rejects(strategy.train(stream()), { code: 'ERR_IMPORTANCE', message: /mean of its samples' losses/ });
    }
    assert.throws(() => new JointTraining({ ...options, criterion: new MaskedCrossEntropy() }), { code: 'ERR_INVALID_ARG_VALUE', message: /mask "seen"/ });
  });
});

describe('updates that are left out, and gradients that are no numbers', () => {
  class Leaving extends SupervisedTemplate {
    override optimizerStep(): void {
      if (this.clock.trainIterations % 2 === 1) return this.optimizer.step();
      for (const theta of this.model.parameters()) theta.grad!.fill_(Infinity);
    }
  }

  it('SI counts nothing where an update with infinite gradients is left out', async () => {
    const model = net();
    const si = new SynapticIntelligencePlugin({ siLambda: 1, eps: 0.1, clip: null });
    const strategy = new Leaving({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 2, trainEpochs: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins: [si] });
    await strategy.train(stream());
    const importance = [...si.importance!.values()].flatMap((each) => each.toNumbers());
    assert.ok(importance.every(Number.isFinite));
    assert.ok(importance.some((value) => value > 0));
  });

  it('SI refuses importances that are no numbers, and keeps what it had', async () => {
    const model = net();
    const si = new SynapticIntelligencePlugin({ siLambda: 3, eps: 0.1, clip: null });
    let isPoisoned = false;
    class Careful extends SupervisedTemplate {
      override optimizerStep(): void {
        if (!isPoisoned) return this.optimizer.step();
        for (const theta of this.model.parameters()) {
          theta.detach().add_(0.01);
          theta.grad!.fill_(NaN);
        }
      }
    }
    const [first, second] = stream();
    const strategy = new Careful({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins: [si] });
    await strategy.train(first!);
    const numbers = () => [...si.importance!.values()].flatMap((each) => each.toNumbers());
    const had = numbers();
    isPoisoned = true;
    await assert.rejects(strategy.train(second!), { code: 'ERR_IMPORTANCE', message: /expected finite importances, got NaN or infinity of "features.0.weight"/ });
    assert.deepEqual(numbers(), had);
  });
});
