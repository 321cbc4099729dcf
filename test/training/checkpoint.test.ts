import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  CheckpointPlugin,
  EvaluationPlugin,
  lossMetrics,
  MASPlugin,
  models,
  nn,
  optim,
  type Plugin,
  type Strategy,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
} from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';
import { withTempFolder } from '../support/temp-folder';

const { trainStream, testStream } = smallBenchmark({ train: 24 });

function make(plugins: Plugin[] = [], options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  const model = options.model ?? smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }),
    trainMbSize: 4,
    trainEpochs: 2,
    evaluator: new EvaluationPlugin(lossMetrics({ stream: true }), { loggers: [] }),
    plugins,
    ...options,
  });
}

const parameters = ({ model }: SupervisedTemplate) => numbersOf(model.namedParameters());

describe('strategy.save and load', () => {
  it('give a strategy that is made anew what there was, MAS among it', () =>
    withTempFolder(async (folder) => {
      const mas = new MASPlugin();
      const first = make([mas]);
      await first.train(trainStream[0]!);
      assert.match(await first.save(folder), /checkpoint-000001$/);
      const again = new MASPlugin();
      const second = make([again]);
      const loaded = await second.load(folder);
      assert.deepEqual([loaded!.number, loaded!.experience, loaded!.next], [1, null, null]);
      assert.deepEqual(parameters(second), parameters(first));
      assert.deepEqual(numbersOf(again.importance!), numbersOf(mas.importance!));
      assert.deepEqual({ ...second.clock }, { ...first.clock });
      await first.train(trainStream[1]!);
      await second.load(folder);
      await second.train(trainStream.slice(second.clock.trainExpCounter));
      assert.equal(second.clock.trainExpCounter, 2);
    }));

  it('two saves at once are two checkpoints, each of its own moment', () =>
    withTempFolder(async (folder) => {
      const strategy = make();
      for (let i = 0; i < 3; i++) {
        const now = parameters(strategy);
        const paths = await Promise.all([strategy.save(folder), strategy.save(folder)]);
        assert.equal(new Set(paths).size, 2);
        for (const checkpoint of paths) {
          const read = make();
          await read.load(checkpoint);
          assert.deepEqual(parameters(read), now);
        }
        await strategy.train(trainStream[0]!);
      }
      assert.deepEqual((await readdir(folder)).sort(), ['checkpoint-000005', 'checkpoint-000006']);
    }));

  it('while it trains: save waits for the iteration under way, load is refused', () =>
    withTempFolder(async (folder) => {
      const strategy = make([{ afterForward: () => new Promise(setImmediate) }]);
      const training = strategy.train(trainStream[0]!);
      await rejectsWithCode(strategy.load(folder), 'ERR_BUSY', /load: expected an idle strategy/);
      assert.throws(() => strategy.loadStateDict({}), { code: 'ERR_BUSY' });
      await strategy.save(folder);
      await training;
      const other = make([{ afterForward: () => undefined }]);
      const loaded = await other.load(folder);
      assert.deepEqual(loaded!.experience, { stream: 'train', index: 0 });
      await rejectsWithCode(other.train(trainStream[1]!), 'ERR_CALL_ORDER', /expected experience 0 of stream "train", in which the checkpoint was taken/);
      await other.train(trainStream);
      assert.equal(other.clock.trainExpCounter, 2);
    }));

  it('in hooks: behind an epoch it goes on behind that hook, in an iteration it is refused', () =>
    withTempFolder(async (folder) => {
      const seen: string[] = [];
      const saving = (hook: 'afterTrainingEpoch' | 'beforeBackward'): Plugin => ({
        [hook]: (strategy: Strategy) => strategy.save(folder).then(() => void seen.push(hook)),
      });
      await make([saving('afterTrainingEpoch')]).train(trainStream[0]!);
      assert.deepEqual(seen, ['afterTrainingEpoch', 'afterTrainingEpoch']);
      const loaded = await make([{ afterTrainingEpoch: () => undefined }]).load(path.join(folder, 'checkpoint-000001'));
      assert.equal(loaded!.next, 'afterTrainingEpoch of EvaluationPlugin');
      await rejectsWithCode(make([saving('beforeBackward')]).train(trainStream[0]!), 'ERR_CALL_ORDER', /save: expected to be called outside of train and eval/);
      await rejectsWithCode(
        make([{ afterEval: (strategy) => strategy.save(folder).then(() => {}) }]).eval(testStream),
        'ERR_CALL_ORDER',
        /save: expected/,
      );
    }));

  it('lists what is different in another strategy, which stays as it was', () =>
    withTempFolder(async (folder) => {
      await make([new MASPlugin()]).save(folder);
      const model = new nn.Sequential(new nn.Linear(4, 6), new nn.ReLU(), new nn.Linear(6, 4, { bias: false }));
      const other = make([], { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }) });
      const before = parameters(other);
      await rejectsWithCode(
        other.load(folder),
        'ERR_CHECKPOINT_MISMATCH',
        /"0\.weight" is float32 \[5, 4\] in the checkpoint, float32 \[6, 4\] in the model; .*"2\.bias" is in the checkpoint alone; the optimizer is Adam in the checkpoint, SGD in the strategy; the plugins are MASPlugin, EvaluationPlugin.*in the checkpoint, EvaluationPlugin/,
      );
      assert.deepEqual(parameters(other), before);
      assert.equal(await make().load(path.join(folder, 'none'), { optional: true }), null);
      await rejectsWithCode(make().load(path.join(folder, 'none')), 'ERR_CHECKPOINT_NOT_FOUND', /found none/);
    }));

  it('an experience whose last hooks had begun is ended, and not begun again; another may be', () =>
    withTempFolder(async (folder) => {
      const plugins = () => [new MASPlugin(), new CheckpointPlugin(folder, { everyEpochs: 1, everyExperiences: 1, keep: 9 })];
      const undisturbed = make(plugins());
      await undisturbed.train(trainStream[0]!);
      const resumed = make(plugins());
      await resumed.load(folder);
      await rejectsWithCode(resumed.train(trainStream[0]!, { restart: true }), 'ERR_CALL_ORDER', /to be ended, whose last hooks had begun/);
      await resumed.train(trainStream[0]!);
      assert.deepEqual(parameters(resumed), parameters(undisturbed));
      assert.deepEqual({ ...resumed.clock }, { ...undisturbed.clock });
      await resumed.load(path.join(folder, 'checkpoint-000001'));
      await resumed.train(trainStream[0]!, { restart: true });
      assert.deepEqual([resumed.clock.trainExpCounter, resumed.clock.trainIterations], [1, 6 + 12]);
    }));

  it('grow heads to what they were', () =>
    withTempFolder(async (folder) => {
      const grown = make([], withOptimizer());
      await grown.train(trainStream);
      await grown.save(folder);
      const fresh = make([], withOptimizer());
      await fresh.load(folder);
      assert.deepEqual(parameters(fresh), parameters(grown));
      await Promise.all([grown, fresh].map((strategy) => strategy.eval(testStream)));
    }));

  it('misuse: a plugin whose state cannot be written, or that fails; folders that are none', () =>
    withTempFolder(async (folder) => {
      const withState = (stateDict: () => unknown): Plugin => ({ stateDict, loadStateDict: () => {} }) as Plugin;
      const circle: unknown[] = [];
      circle.push(circle);
      for (const state of [() => 1, circle, new Map()]) {
        await rejectsWithCode(make([withState(() => ({ state }))]).save(folder), 'ERR_CHECKPOINT_STATE', /plugins\.0 \(a plugin\)\.state\.state(\.0)? of the strategy/);
      }
      const failing = withState(() => {
        throw new Error('no state');
      });
      await rejectsWithCode(make([failing]).save(folder), 'ERR_CHECKPOINT_STATE', /stateDict of a plugin failed: no state/);
      await writeFile(path.join(folder, 'file'), '');
      await rejectsWithCode(make().save(path.join(folder, 'file')), 'ERR_CHECKPOINT_SAVE', /cannot save to/);
      await rejectsWithCode(make().save(''), 'ERR_INVALID_ARG_TYPE', /save: expected the name of a folder/);
      assert.deepEqual(await readdir(folder), ['file']);
    }));
});

function withOptimizer(): Pick<SupervisedTemplateOptions, 'model' | 'optimizer'> {
  const model = new models.IncrementalClassifier(4);
  return { model, optimizer: new optim.Adam(model.parameters(), { lr: 0.05 }) };
}

describe('CheckpointPlugin', () => {
  it('keeps the latest, and the best by a metric', () =>
    withTempFolder(async (folder) => {
      const best = { metric: 'Own', mode: 'min' as const };
      const values = [3, 1, 2, 5];
      const own = { afterTrainingEpoch: () => [{ name: 'Own', value: values.shift()! }] };
      const strategy = make([new CheckpointPlugin(folder, { everyEpochs: 1, keep: 1, best })], {
        trainEpochs: 5,
        evaluator: new EvaluationPlugin(own, { loggers: [] }),
        // The evaluator comes behind the plugin: each checkpoint has the value of the epoch before.
      });
      values.push(4);
      await strategy.train(trainStream[0]!);
      assert.deepEqual((await readdir(folder)).sort(), ['checkpoint-000003', 'checkpoint-000005']);
    }));

  it('saves when a signal aborts training, and says how to go on', () =>
    withTempFolder(async (folder) => {
      const controller = new AbortController();
      const strategy = make([new CheckpointPlugin(folder, { everyExperiences: 9 })], {
        onProgress: () => controller.abort(new Error('enough')),
      });
      const error = await rejectsWithCode(strategy.train(trainStream, { signal: controller.signal }), 'ERR_ABORTED', /enough; saved in ".*checkpoint-000001"/);
      assert.match(error.message, /a program that calls strategy\.load\(".*"\) goes on from there/);
      const other = make([new CheckpointPlugin(folder)]);
      await other.load(folder);
      await other.train(trainStream.slice(other.clock.trainExpCounter));
      const undisturbed = make([new CheckpointPlugin(path.join(folder, 'other'))]);
      assert.deepEqual(Object.keys(parameters(other)), Object.keys(parameters(undisturbed)));
      assert.deepEqual([other.clock.trainExpCounter, other.clock.trainIterations], [2, 24]);
    }));

  it('goes on training where the folder cannot be written', () =>
    withTempFolder(async (folder) => {
      await writeFile(path.join(folder, 'file'), '');
      await mkdir(path.join(folder, 'sound'));
      const strategy = make([new CheckpointPlugin(path.join(folder, 'file'), { everyEpochs: 1 })]);
      await strategy.train(trainStream);
      assert.equal(strategy.clock.trainExpCounter, 2);
    }));
});
