// What a program adds to a strategy of its own, a scaler of gradients for example, in a checkpoint; and checkpoints that are not whole.
import assert from 'node:assert/strict';
import { cp, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  amp,
  CheckpointPlugin,
  Generator,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  ops,
  type Plugin,
  type State,
  type Strategy,
  SupervisedPlugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  type Tensor,
} from '../../lib/index';
import { checkpointsOf } from '../../lib/training/state/checkpoints';
import { rejectsWithCode } from '../support/assertions';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';
import { withTempFolder } from '../support/temp-folder';
import { warnings } from '../support/warnings';

const { trainStream, testStream } = smallBenchmark({ train: 24 });

function options(plugins: Plugin[] = []): SupervisedTemplateOptions {
  const model = smallModel();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.05 });
  return { model, optimizer, trainMbSize: 4, trainEpochs: 3, evaluator: null, plugins, generator: new Generator({ device: 'cpu' }) };
}

/** Scales its losses, one of which overflows, and remembers when it left out a step. */
class Scaled extends SupervisedTemplate {
  readonly scaler = new amp.GradScaler({ initScale: 1024, growthInterval: 4 });
  skipped: number[] = [];

  override backward(): void {
    const { trainIterations } = this.clock;
    this.scaler.scale(trainIterations === 5 ? this.loss.mul(Infinity) : this.loss).backward();
  }
  override optimizerStep(): void {
    const before = this.scaler.getScale();
    this.scaler.step(this.optimizer);
    this.scaler.update();
    if (this.scaler.getScale() < before) this.skipped.push(this.clock.trainIterations);
  }
  override stateDict(): { readonly [part: string]: State } {
    return { ...super.stateDict(), scaler: this.scaler.stateDict(), skipped: this.skipped };
  }
  override loadStateDict(state: State): void {
    const { scaler, skipped, ...rest } = state as { scaler: amp.GradScalerStateDict; skipped: number[] };
    super.loadStateDict(rest);
    this.scaler.loadStateDict(scaler);
    this.skipped = [...skipped];
  }
}

/** Sums up losses in a tensor of its own, and adds to a list. */
class Ledger extends SupervisedPlugin {
  total: Tensor = tensor(0);
  epochs: { loss: number }[] = [];

  override afterTrainingIteration({ loss }: Strategy): void {
    ops.aten.add_!(this.total, loss.detach().sum());
  }
  override afterTrainingEpoch(): void {
    this.epochs.push({ loss: this.total.item() });
  }
  stateDict(): State {
    return { total: this.total, epochs: this.epochs };
  }
  loadStateDict({ total, epochs }: { total: Tensor; epochs: { loss: number }[] }): void {
    this.total = total.to(this.total.device); // out of a file it comes on the CPU
    this.epochs = epochs;
  }
}

describe('a strategy of the program with state of its own', () => {
  it('goes on within an epoch with it: a scaler of gradients, a list, a plugin that sums up', () =>
    withTempFolder(async (folder) => {
      const make = (keep: number) => {
        const ledger = new Ledger();
        const waiting: Plugin = { afterTrainingIteration: (strategy) => checkpointsOf(strategy).settled() }; // else it takes none meanwhile
        const plugin = new CheckpointPlugin(keep === 99 ? folder : path.join(folder, 'resumed'), { everyIterations: 1, keep });
        return { ledger, strategy: new Scaled(options([ledger, new MASPlugin(), waiting, plugin])) };
      };
      const end = ({ strategy, ledger }: ReturnType<typeof make>) => ({
        parameters: numbersOf(strategy.model.stateDict()),
        scaler: strategy.scaler.stateDict(),
        skipped: strategy.skipped,
        sums: [ledger.total.item(), ...ledger.epochs.map(({ loss }) => loss)],
        iterations: strategy.clock.trainIterations,
      });
      manualSeed(1);
      const whole = make(99);
      await whole.strategy.train(trainStream);
      assert.deepEqual(whole.strategy.skipped, [5]);
      assert.ok(whole.strategy.scaler.getScale() > 1024);
      const numbers = await checkpointsIn(folder);
      assert.ok(numbers.length > 3, `${numbers.length} checkpoints`);
      for (const name of numbers) {
        manualSeed(2);
        const resumed = make(1);
        const loaded = await resumed.strategy.load(path.join(folder, name));
        await resumed.strategy.train(trainStream.slice(resumed.strategy.clock.trainExpCounter));
        assert.deepEqual(end(resumed), end(whole), `from ${name}, ${loaded!.next}`);
      }
    }));

  it('misuse: state that is left in, missing, or refused leaves the strategy as it was', () =>
    withTempFolder(async (folder) => {
      class Forgetful extends Scaled {
        override loadStateDict(state: State): void {
          SupervisedTemplate.prototype.loadStateDict.call(this, state);
        }
      }
      class Refusing extends Scaled {
        override loadStateDict(state: State): void {
          super.loadStateDict(state);
          if (this.skipped.length > 0) throw new Error('cannot go on there');
        }
      }
      const scaled = new Scaled(options());
      await scaled.train(trainStream[0]!);
      await scaled.save(folder);
      for (const [Class, message] of [
        [Forgetful, /Unexpected key\(s\) in state_dict: "scaler", "skipped"/],
        [Refusing, /cannot go on there/],
      ] as const) {
        const other = new Class(options());
        const before = [numbersOf(other.model.stateDict()), other.scaler.stateDict(), { ...other.clock }];
        await assert.rejects(other.load(folder), message);
        assert.deepEqual([numbersOf(other.model.stateDict()), other.scaler.stateDict(), { ...other.clock }], before);
        await other.train(trainStream[1]!);
      }
      await assert.rejects(new Scaled(options()).load(await new SupervisedTemplate(options()).save(path.join(folder, 'other'))));
    }));
});

/** As in docs/checkpoints.md, with one layer more in each experience, also where that is prepared once more. */
class Tower extends nn.Module implements nn.HasExtraState {
  layers = new nn.ModuleList<nn.Linear>([new nn.Linear(4, 4)]);
  reasons = ['the first'];

  grow(reason: string): void {
    this.layers.append(new nn.Linear(4, 4));
    this.reasons.push(reason);
  }
  override forward(x: Tensor): Tensor {
    return [...this.layers].reduce((hidden, layer) => layer.forward(hidden).tanh(), x);
  }
  getExtraState(): State {
    return { reasons: this.reasons };
  }
  setExtraState({ reasons }: { reasons: string[] }): void {
    this.reasons = [...reasons];
    this.layers = new nn.ModuleList(reasons.map(() => new nn.Linear(4, 4)));
  }
}

describe('a module of the program with state of its own', () => {
  const make = (folder: string, everyIterations: number) => {
    const model = new Tower();
    const growing: Plugin = { beforeTraining: ({ clock }) => model.grow(`experience ${clock.trainExpCounter}`) };
    const waiting: Plugin = { afterTrainingIteration: (strategy) => checkpointsOf(strategy).settled() };
    const plugins = [growing, new MASPlugin(), waiting, new CheckpointPlugin(folder, { everyIterations, keep: 99 })];
    const strategy = new SupervisedTemplate({ ...options(plugins), model, optimizer: new optim.Adam(model.parameters(), { lr: 0.01 }) });
    return { model, strategy };
  };
  const end = ({ model, strategy }: ReturnType<typeof make>) => ({
    parameters: numbersOf(model.stateDict()),
    reasons: model.reasons,
    moments: [...strategy.optimizer.stateDict().state.keys()].length,
    iterations: strategy.clock.trainIterations,
  });

  it('has its parts again, and goes on to the same bits', () =>
    withTempFolder(async (folder) => {
      manualSeed(1);
      const whole = make(folder, 2);
      for (const experience of trainStream) await whole.strategy.train(experience);
      assert.deepEqual(whole.model.reasons, ['the first', 'experience 0', 'experience 1']);
      for (const name of await checkpointsIn(folder)) {
        manualSeed(2);
        const resumed = make(path.join(folder, 'resumed', name), 99);
        await resumed.strategy.load(path.join(folder, name));
        for (const experience of trainStream.slice(resumed.strategy.clock.trainExpCounter)) await resumed.strategy.train(experience);
        assert.deepEqual(end(resumed), end(whole), `from ${name}`);
      }
    }));

  it('misuse: parts that are others behind setExtraState, a state that fails or cannot be written', () =>
    withTempFolder(async (folder) => {
      const grown = make('unused', 99);
      grown.model.grow('so');
      await grown.strategy.save(folder);
      const other = make('unused', 99);
      other.model.setExtraState = () => {};
      const before = numbersOf(other.model.stateDict());
      await rejectsWithCode(other.strategy.load(folder), 'ERR_CHECKPOINT_MISMATCH', /grown otherwise than .*: it lacks "layers\.1\.weight", "layers\.1\.bias"/);
      other.model.setExtraState = () => {
        throw new Error('no');
      };
      await rejectsWithCode(other.strategy.load(folder), 'ERR_CALLBACK', /setExtraState failed: no/);
      assert.deepEqual(numbersOf(other.model.stateDict()), before);
      other.model.getExtraState = () => ({ since: new Date() }) as unknown as State;
      await rejectsWithCode(other.strategy.save(path.join(folder, 'a')), 'ERR_CHECKPOINT_STATE', /model\.extra\.\.since of the strategy .* got a Date/);
    }));
});

describe('a checkpoint that is not whole', () => {
  const files = ['checkpoint.json', 'tensors.safetensors'];

  it('with a bit flipped in either file, cut short or newer: the one before is used, and without one nothing changes', () =>
    withTempFolder(async (folder) => {
      const first = new SupervisedTemplate(options());
      await first.save(folder);
      const before = numbersOf(first.model.stateDict());
      await first.train(trainStream[0]!);
      const latest = await first.save(folder);
      const damages: Record<string, (file: string) => Promise<unknown>> = {
        flipped: async (file) => {
          const bytes = await readFile(file);
          bytes[Math.floor(bytes.length / 2)]! ^= 16;
          await writeFile(file, bytes);
        },
        cut: (file) => truncate(file, 50),
        empty: (file) => truncate(file, 0),
      };
      for (const name of files) {
        for (const [what, damage] of Object.entries(damages)) {
          const copy = path.join(folder, `${what} ${name}`);
          for (const number of ['checkpoint-000001', 'checkpoint-000002']) await cp(path.join(folder, number), path.join(copy, number), { recursive: true });
          await damage(path.join(copy, path.basename(latest), name));
          const strategy = new SupervisedTemplate(options());
          const [warning] = await warnings(async () => assert.equal((await strategy.load(copy))!.number, 1, what));
          assert.match(warning!, /checkpoint-000002" cannot be used: .*checkpoint-000001" is used in its place/);
          assert.deepEqual(numbersOf(strategy.model.stateDict()), before);
          await strategy.train(trainStream[0]!);

          await damage(path.join(copy, 'checkpoint-000001', name));
          const [changed, untouched] = [numbersOf(strategy.model.stateDict()), { ...strategy.clock }];
          await strategy.save(path.join(copy, 'elsewhere'));
          for (const load of [() => strategy.load(copy), () => strategy.load(copy, { optional: true })]) {
            await rejectsWithCode(load(), 'ERR_CHECKPOINT_FORMAT', /checkpoint-000002" cannot be used.*checkpoint-000001" cannot be used/);
          }
          assert.deepEqual([numbersOf(strategy.model.stateDict()), { ...strategy.clock }], [changed, untouched]);
        }
      }
    }));
});

describe('saving and loading at odd times', () => {
  it('an abort before, in and behind training and evaluation leaves what a checkpoint holds', () =>
    withTempFolder(async (folder) => {
      const strategy = new SupervisedTemplate(options([new CheckpointPlugin(folder, { everyExperiences: 9 })]));
      const signal = AbortSignal.abort(new Error('enough'));
      await rejectsWithCode(strategy.train(trainStream, { signal }), 'ERR_ABORTED', /before it began: enough$/);
      await rejectsWithCode(strategy.eval(testStream, { signal }), 'ERR_ABORTED', /before it began: enough$/);
      assert.deepEqual(await checkpointsIn(folder), []);
      const controller = new AbortController();
      strategy.plugins.unshift({ afterEvalIteration: () => controller.abort(new Error('enough')) });
      await rejectsWithCode(strategy.eval(testStream, { signal: controller.signal }), 'ERR_ABORTED', /^eval: aborted in experience 0 .*: enough$/);
      assert.deepEqual(await checkpointsIn(folder), [], 'an evaluation has no place');
      strategy.plugins.shift();
      await strategy.train(trainStream[0]!);
      controller.abort();
      const after = await strategy.save(folder);
      const read = new SupervisedTemplate(options([new CheckpointPlugin(folder)]));
      await read.load(after);
      assert.deepEqual(numbersOf(read.model.stateDict()), numbersOf(strategy.model.stateDict()));
    }));

  it('load is refused while it evaluates, and in a hook; two loads at once are one behind the other', () =>
    withTempFolder(async (folder) => {
      const strategy = new SupervisedTemplate(options());
      await strategy.save(folder);
      const evaluating = strategy.eval(testStream);
      await rejectsWithCode(strategy.load(folder), 'ERR_BUSY', /load: expected an idle strategy/);
      await evaluating;
      strategy.plugins.unshift({ afterTrainingEpoch: () => strategy.load(folder).then(() => {}) });
      await rejectsWithCode(strategy.train(trainStream[0]!), 'ERR_BUSY', /load: expected an idle strategy/);
      strategy.plugins.shift();
      const [one, other] = await Promise.all([strategy.load(folder), strategy.load(folder)]);
      assert.deepEqual(one, other);
      await strategy.train(trainStream[0]!);
      assert.equal(strategy.clock.trainExpCounter, 1);
    }));

  it('a training that begins while a checkpoint is being read refuses it', () =>
    withTempFolder(async (folder) => {
      const saved = new SupervisedTemplate(options());
      await saved.train(trainStream[0]!);
      await saved.save(folder);
      let letGo = () => {};
      const strategy = new SupervisedTemplate(options());
      strategy.plugins.unshift({ beforeTraining: () => new Promise((resolve) => (letGo = resolve)) });
      const loading = strategy.load(folder);
      const training = strategy.train(trainStream[0]!);
      await rejectsWithCode(loading, 'ERR_BUSY', /load: expected an idle strategy/);
      letGo();
      await training;
      assert.equal(strategy.clock.trainIterations, 18);
    }));

  it('a load that is refused leaves the training that was to be gone on with, and the folder to its run', () =>
    withTempFolder(async (folder) => {
      const [own, another] = ['own', 'another'].map((name) => path.join(folder, name)) as [string, string];
      const controller = new AbortController();
      const plugins = () => [new CheckpointPlugin(own, { everyExperiences: 9 })];
      const aborted = new SupervisedTemplate({ ...options(plugins()), onProgress: () => controller.abort() });
      await rejectsWithCode(aborted.train(trainStream[0]!, { signal: controller.signal }), 'ERR_ABORTED', /saved in/);
      await new SupervisedTemplate(options([new MASPlugin()])).save(another);
      const resumed = new SupervisedTemplate(options(plugins()));
      await resumed.load(own);
      await rejectsWithCode(resumed.load(another), 'ERR_CHECKPOINT_MISMATCH', /the plugins are MASPlugin/);
      await rejectsWithCode(resumed.save(another), 'ERR_CHECKPOINT_SAVE', /expected a folder without checkpoints/);
      await rejectsWithCode(resumed.train(trainStream[1]!), 'ERR_CALL_ORDER', /expected experience 0/);
      await resumed.train(trainStream[0]!);
      assert.equal(resumed.clock.trainIterations, 18);
    }));
});

async function checkpointsIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).filter((name) => name.startsWith('checkpoint-')).sort();
}
