// Sources of data within whose pass a checkpoint is taken: those that say where they stand, and those that do not.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  CheckpointPlugin,
  type Dataset,
  DataLoader,
  Generator,
  IterableDataset,
  manualSeed,
  type MiniBatch,
  nn,
  optim,
  type Plugin,
  type Sample,
  type State,
  type Stateful,
  type Strategy,
  SupervisedTemplate,
  Tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { checkpointsOf } from '../../lib/training/state/checkpoints';
import { rejectsWithCode } from '../support/assertions';
import { numbersOf } from '../support/small-runs';
import { withTempFolder } from '../support/temp-folder';
import { warnings } from '../support/warnings';

const samples = 22;
/** Has every checkpoint of the plugin come, which otherwise takes none while one is being written. */
const waiting: Plugin = { afterTrainingIteration: (strategy) => checkpointsOf(strategy).settled() };
const cpu = { device: 'cpu' } as const;

/** How many samples or mini-batches were given, of every source made. */
let given = 0;

const sample = (i: number): Sample => [torch.full([3], i / samples, cpu), i % 2];

/** Draws its order where it is made, and a number for each sample. */
class Shuffled implements Stateful {
  private order = torch.randperm(samples, cpu).toNumbers();
  private next = 0;
  *[Symbol.iterator](): IterableIterator<Sample> {
    while (this.next < samples) {
      given++;
      const [x, y] = sample(this.order[this.next++]!);
      yield [(x as Tensor).add(torch.rand([1], cpu)), y];
    }
  }
  stateDict(): State {
    return { order: this.order, next: this.next };
  }
  loadStateDict({ order, next }: { order: number[]; next: number }): void {
    [this.order, this.next] = [order, next];
  }
}

async function* inOrder(): AsyncGenerator<Sample> {
  for (let i = 0; i < samples; i++) {
    given++;
    const [x, y] = sample(i);
    yield [(x as Tensor).add(torch.rand([1], cpu)), y];
    await Promise.resolve();
  }
}

/** Mini-batches of five that it draws with a generator of its own; `for await` goes on where it stands. */
class Loader implements Stateful, AsyncIterable<MiniBatch> {
  readonly length = Math.ceil(samples / 5);
  private readonly generator = new Generator(cpu).manualSeed(3);
  private next = 0;
  async *[Symbol.asyncIterator](): AsyncGenerator<MiniBatch> {
    await Promise.resolve();
    for (; this.next < this.length; ) {
      given++;
      this.next++;
      const x = torch.rand([5, 3], { generator: this.generator, ...cpu }).add(torch.rand([1], cpu));
      yield [x, torch.arange(5, cpu).remainder(2), torch.zeros([5], { dtype: 'int64', ...cpu })];
    }
    this.next = 0;
  }
  stateDict(): State {
    return { next: this.next, drawn: this.generator.getState() };
  }
  loadStateDict({ next, drawn }: { next: number; drawn: Tensor }): void {
    this.next = next;
    this.generator.setState(drawn);
  }
}

const inMemory = () => new TensorDataset(torch.stack(range((i) => sample(i)[0] as Tensor)), range((i) => i % 2));
const range = <T>(of: (i: number) => T) => Array.from({ length: samples }, (_, i) => of(i));
const instead = (loader: (strategy: Strategy) => unknown): Plugin => ({ beforeTrainingExp: (strategy) => void (strategy.dataloader = loader(strategy) as never) });
const noisy = (x: Tensor) => x.add(torch.rand([1], cpu));

interface Source {
  dataset: Dataset;
  plugins?: Plugin[];
}

/** With a place: it goes on there. Without: it is read again. */
const sources: Record<string, { make: () => Source; hasPlace: boolean }> = {
  'a source with state that draws where it is opened': { make: () => ({ dataset: new IterableDataset(() => new Shuffled(), { transform: noisy }) }), hasPlace: true },
  'a loader with state': { make: () => ({ dataset: inMemory(), plugins: [instead(() => new Loader())] }), hasPlace: true },
  'a source without state': { make: () => ({ dataset: new IterableDataset(inOrder, { length: samples }) }), hasPlace: false },
  'a loader without state': {
    make: () => ({
      dataset: inMemory(),
      plugins: [
        instead(({ adaptedDataset }) => {
          const loader = new DataLoader(adaptedDataset as TensorDataset, { batchSize: 5, shuffle: true });
          return { length: loader.length, [Symbol.asyncIterator]: () => counted(loader) };
        }),
      ],
    }),
    hasPlace: false,
  },
};

async function* counted(loader: DataLoader): AsyncGenerator<MiniBatch> {
  for await (const batch of loader) {
    given++;
    yield batch;
  }
}

function make({ dataset, plugins = [] }: Source, checkpoints: Plugin[]) {
  const model = new nn.Sequential(new nn.Linear(3, 4, cpu), new nn.Dropout(0.5), new nn.Linear(4, 2, cpu));
  const { trainStream } = benchmarkFromDatasets({ train: [dataset] });
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
    trainMbSize: 5,
    trainEpochs: 2,
    evaluator: null,
    generator: new Generator(cpu),
    device: 'cpu',
    plugins: [...plugins, waiting, ...checkpoints],
  });
  return { strategy, train: () => strategy.train(trainStream) };
}

const end = ({ model, generator, clock }: SupervisedTemplate) => ({
  parameters: numbersOf(model.stateDict()),
  drawn: [torch.defaultGenerator, generator!].map((each) => each.getState().toNumbers()),
  iterations: clock.trainIterations,
});

const messageOfSaving = /checkpoint: the source of mini-batches says nothing of its place: .* reads it again from the beginning of the epoch, and skips what has been trained/;

describe('a checkpoint within the pass over', () => {
  for (const [what, { make: source, hasPlace }] of Object.entries(sources)) {
    it(`${what}: it ${hasPlace ? 'goes on at its place' : 'is read again, and that is said once'}`, () =>
      withTempFolder(async (folder) => {
        manualSeed(5);
        const whole = make(source(), [new CheckpointPlugin(folder, { everyIterations: 1, keep: 99 })]);
        const seen = await warnings(whole.train);
        assert.equal(seen.filter((warning) => messageOfSaving.test(warning)).length, hasPlace ? 0 : 1, seen.join('\n'));
        const expected = end(whole.strategy);
        const names = (await readdir(folder)).sort();
        assert.ok(names.length >= 8, `${names.length} checkpoints`);
        for (const [i, name] of names.entries()) {
          manualSeed(100 + i);
          const resumed = make(source(), [new CheckpointPlugin(path.join(folder, 'resumed', name))]);
          const loaded = await resumed.strategy.load(path.join(folder, name));
          given = 0;
          await resumed.train();
          assert.deepEqual(end(resumed.strategy), expected, `from ${loaded!.next}`);
          const [, iteration, epoch] = /^iteration (\d+) of epoch (\d+)$/.exec(loaded!.next ?? '') ?? [];
          if (!hasPlace || iteration === undefined) continue;
          const all = /loader/.test(what) ? 5 : samples;
          const trained = /loader/.test(what) ? Number(iteration) : Math.min(5 * Number(iteration), samples);
          assert.equal(given, all - trained + (epoch === '0' ? all : 0), `from ${loaded!.next}`);
        }
      }));
  }

  it('a source of which nothing has been trained yet: nothing is said, and nothing skipped', () =>
    withTempFolder(async (folder) => {
      const { strategy, train } = make({ dataset: new IterableDataset(inOrder) }, []);
      let saving: Promise<string> | undefined;
      strategy.trainingEpoch = async (options) => {
        saving ??= strategy.save(folder); // nobody waits for it
        await nextTurn();
        return SupervisedTemplate.prototype.trainingEpoch.call(strategy, options);
      };
      const seen = await warnings(train);
      await saving;
      assert.deepEqual(seen, []);
      const resumed = make({ dataset: new IterableDataset(inOrder) }, []);
      assert.equal((await resumed.strategy.load(folder))!.next, 'iteration 0 of epoch 0');
      await resumed.train();
      assert.deepEqual(end(resumed.strategy), end(strategy));
    }));

  class Failing extends Loader {
    constructor(private readonly fails: 'stateDict' | 'loadStateDict' | 'plain') {
      super();
    }
    override stateDict(): State {
      if (this.fails === 'stateDict') throw new Error('no place');
      return this.fails === 'plain' ? ({ since: new Date() } as unknown as State) : super.stateDict();
    }
    override loadStateDict(state: never): void {
      if (this.fails === 'loadStateDict') throw new Error('another file');
      super.loadStateDict(state);
    }
  }

  it('misuse: a loader whose state fails, cannot be written, or is refused', () =>
    withTempFolder(async (folder) => {
      const failing = (fails: ConstructorParameters<typeof Failing>[0]) => ({ dataset: inMemory(), plugins: [instead(() => new Failing(fails))] });
      const saving = () => [new CheckpointPlugin(folder, { everyIterations: 2 })];
      await rejectsWithCode(make(failing('stateDict'), saving()).train(), 'ERR_CHECKPOINT_STATE', /stateDict of the source of mini-batches failed: no place/);
      await rejectsWithCode(make(failing('plain'), saving()).train(), 'ERR_CHECKPOINT_STATE', /training\.source\.position\.since of the strategy .* got a Date/);
      const sound = make({ dataset: inMemory(), plugins: [instead(() => new Loader())] }, saving());
      await sound.train();
      const refusing = make(failing('loadStateDict'), [new CheckpointPlugin(folder)]);
      await refusing.strategy.load(path.join(folder, (await readdir(folder))[0]!));
      await rejectsWithCode(refusing.train(), 'ERR_DATA_SOURCE', /another file/);
      refusing.strategy.plugins.shift();
      await refusing.train();
      assert.equal(refusing.strategy.clock.trainExpCounter, 1);
    }));
});
