// MASPlugin.updateImportance as a call of its own: what its errors name, what ends it, and what else hears of it.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  BaseTemplate,
  CheckpointPlugin,
  type ErrorCode,
  Generator,
  type ImportanceData,
  ImportancePass,
  IterableDataset,
  MASPlugin,
  type MASPluginOptions,
  nn,
  optim,
  type PassProgress,
  type Plugin,
  QuadraticPenalty,
  SlidingWindow,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { smallBenchmark } from '../../support/small-runs';
import { comparable } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';

const reason = new Error('enough');
const rows = [[1, 1, 0, 2], [2, 0, 1, 1], [0, 1, 3, -1], [3, -1, 0, 0], [-1, 2, 1, 0], [1, 0, 0, 1]]; // prettier-ignore

function run(options: MASPluginOptions = {}, given: Partial<SupervisedTemplateOptions> = {}) {
  const mas = new MASPlugin(options);
  const { model = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3), new nn.Linear(3, 4)), plugins = [], ...rest } = given;
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 2,
    evaluator: null,
    generator: new Generator({ device: 'cpu' }).manualSeed(0),
    plugins: [mas, ...plugins],
    ...rest,
  });
  return { mas, strategy };
}

/** All that an update must leave as it was. */
const all = ({ mas, strategy }: ReturnType<typeof run>) =>
  comparable({ ...mas.stateDict(), window: null, history: [], model: Object.fromEntries(strategy.model.stateDict()) });

/** Samples that come one by one, for ever; `visit` is told which comes. */
const endless = (visit: (index: number) => void | Promise<void>) =>
  async function* (): AsyncGenerator<number[]> {
    for (let i = 0; ; i++) {
      await visit(i);
      yield rows[i % rows.length]!;
    }
  };

describe('errors of updateImportance', () => {
  /** Grows in its second mini-batch. */
  class Growing extends nn.Module {
    first = new nn.Linear(4, 3);
    more: nn.Module | null = null;
    #calls = 0;
    override forward(x: Tensor): Tensor {
      if (++this.#calls === 2) this.more = new nn.Linear(3, 3);
      return this.first.forward(x);
    }
  }

  const cases: [what: string, data: ImportanceData, code: ErrorCode, message: RegExp, options?: Partial<SupervisedTemplateOptions>][] = [
    ['a gradient that is not finite', tensor([[NaN, 1, 1, 1], [1, 1, 1, 1]]), 'ERR_IMPORTANCE', /expected finite gradients/],
    ['no sample', torch.zeros([0, 4]), 'ERR_EMPTY_EXPERIENCE', /expected mini-batches/],
    ['an empty window', new SlidingWindow(2), 'ERR_EMPTY_EXPERIENCE', /expected samples in the SlidingWindow/],
    ['what is no data', () => 3 as never, 'ERR_INVALID_ARG_TYPE', /expected data to be a dataset, .*, got 3$/],
    ['a function that fails', () => Promise.reject(reason) as never, 'ERR_DATA_SOURCE', /data failed: enough$/],
    ['inputs that the model does not take', [tensor(rows), tensor(rows)], 'ERR_INPUTS', /importances are measured on the data as they are/],
    ['a model that grows', tensor(rows), 'ERR_CALL_ORDER', /expected the model to stay as it is/, { model: new Growing() }],
  ];
  for (const [what, data, code, message, options] of cases) {
    it(`name it: ${what}`, async () => {
      const { mas, strategy } = run({}, options);
      const named = new RegExp(`^MASPlugin\\.updateImportance: ${message.source}`);
      await rejectsWithCode(mas.updateImportance(strategy, data), code, named);
      assert.equal(mas.importance, null);
    });
  }

  it('name the hook behind an experience, and its option', async () => {
    const { trainStream } = smallBenchmark();
    for (const [importanceData, code, message] of [
      [() => 3 as never, 'ERR_INVALID_ARG_TYPE', /^MASPlugin\.afterTrainingExp: expected importanceData to be a dataset, .*, got 3$/],
      [tensor([[NaN, 1, 1, 1], [1, 1, 1, 1]]), 'ERR_IMPORTANCE', /^MASPlugin\.afterTrainingExp: expected finite gradients/],
    ] as const) {
      const { strategy } = run({ importanceData });
      await rejectsWithCode(strategy.train(trainStream), code, message);
    }
  });

  it('name what is no strategy that learns by mini-batches, and no signal', async () => {
    class Other extends BaseTemplate {
      protected override trainExp = () => Promise.resolve();
      protected override evalExp = () => Promise.resolve();
    }
    const { mas, strategy } = run();
    const other = new Other({ model: new nn.Linear(4, 3) });
    await rejectsWithCode(mas.updateImportance(other as never, tensor(rows)), 'ERR_INVALID_ARG_TYPE', /^MASPlugin\.updateImportance: .*a strategy/);
    const wrong = { signal: new AbortController() as unknown as AbortSignal };
    const message = /^MASPlugin\.updateImportance: expected signal to be an AbortSignal/;
    await rejectsWithCode(mas.updateImportance(strategy, tensor(rows), wrong), 'ERR_INVALID_ARG_TYPE', message);
    await rejectsWithCode(mas.updateImportance(strategy, tensor(rows), { stop: 1 } as never), 'ERR_UNKNOWN_OPTION', /"stop"/);
  });
});

describe('updateImportance that is aborted', () => {
  for (const preset of ['avalanche', 'paper'] as const) {
    it(`ends behind the mini-batch under way, with all as it was: ${preset}`, async () => {
      for (const remembers of [false, true]) {
        const made = run({ preset });
        const { mas, strategy } = made;
        if (remembers) await mas.updateImportance(strategy, tensor(rows));
        const before = all(made);
        const controller = new AbortController();
        const data = endless((i) => void (i === 7 && controller.abort(reason)));
        const message = /^MASPlugin\.updateImportance: aborted on its way: enough$/;
        const error = await rejectsWithCode(mas.updateImportance(strategy, data(), { signal: controller.signal }), 'ERR_ABORTED', message);
        assert.equal(error.cause, reason);
        assert.deepEqual(all(made), before);
        assert.equal(strategy.mbatch, null);
        await mas.updateImportance(strategy, tensor(rows));
        await strategy.train(smallBenchmark().trainStream);
        assert.notDeepEqual(all(made), before);
      }
    });
  }

  it('before it has begun', async () => {
    const { mas, strategy } = run();
    const update = mas.updateImportance(strategy, tensor(rows), { signal: AbortSignal.abort(reason) });
    await rejectsWithCode(update, 'ERR_ABORTED', /^MASPlugin\.updateImportance: aborted before it began: enough$/);
    assert.equal(mas.importance, null);
  });

  it('while data is waited for that does not come', async () => {
    const never = () => new Promise<never>(() => {});
    const sources: ((abort: () => void) => ImportanceData)[] = [
      (abort) => endless((i) => (i < 3 ? undefined : (setImmediate(abort), never())))(),
      (abort) => () => (setImmediate(abort), never()),
    ];
    for (const source of sources) {
      const { mas, strategy } = run();
      const controller = new AbortController();
      const update = mas.updateImportance(strategy, source(() => controller.abort(reason)), { signal: controller.signal }); // prettier-ignore
      await rejectsWithCode(update, 'ERR_ABORTED', /aborted on its way/);
      await mas.updateImportance(strategy, tensor(rows));
    }
  });

  it('in a hook: by a signal of its own, and by that of the training', async () => {
    const { trainStream } = smallBenchmark();
    for (const isOwn of [true, false]) {
      const controller = new AbortController();
      const { signal } = controller;
      const codes: string[] = [];
      const updating: Plugin = {
        async afterTrainingEpoch(running) {
          const update = mas.updateImportance(running, endless((i) => void (i === 5 && controller.abort(reason)))(), isOwn ? { signal } : {}); // prettier-ignore
          const { code } = await rejectsWithCode(update, 'ERR_ABORTED', /^MASPlugin\.updateImportance: aborted /);
          codes.push(code);
        },
      };
      const { mas, strategy } = run({}, { plugins: [updating] });
      if (isOwn) await strategy.train(trainStream);
      else await rejectsWithCode(strategy.train(trainStream, { signal }), 'ERR_ABORTED', /^train: aborted before /);
      assert.equal(codes.length, isOwn ? 2 : 1);
      assert.equal(strategy.clock.trainExpCounter, isOwn ? 2 : 0);
    }
  });

  it('tells plugins, of which none has a place to go on from', () =>
    withTempFolder(async (folder) => {
      const { mas, strategy } = run({}, { plugins: [new CheckpointPlugin(folder)] });
      const controller = new AbortController();
      const update = mas.updateImportance(strategy, endless((i) => void (i === 5 && controller.abort(reason)))(), { signal: controller.signal });
      await rejectsWithCode(update, 'ERR_ABORTED', /: enough$/);
      assert.equal(await strategy.load(folder, { optional: true }), null);
    }));
});

describe('updateImportance beside other calls', () => {
  it('lets none begin, and none load, before its end', async () => {
    const { trainStream } = smallBenchmark();
    const { mas, strategy } = run();
    const update = mas.updateImportance(strategy, tensor(rows));
    const busy = (operation: string) => new RegExp(`^${operation}: expected an idle strategy, got one with a call of MASPlugin\\.updateImportance under way`);
    await rejectsWithCode(strategy.train(trainStream), 'ERR_BUSY', busy('train'));
    await rejectsWithCode(strategy.eval(trainStream), 'ERR_BUSY', busy('eval'));
    await rejectsWithCode(mas.updateImportance(strategy, tensor(rows)), 'ERR_BUSY', busy('MASPlugin.updateImportance'));
    await rejectsWithCode(Promise.resolve().then(() => strategy.loadStateDict({})), 'ERR_BUSY', busy('loadStateDict')); // prettier-ignore
    await update;
    await strategy.train(trainStream);
  });

  it('goes to its end where the strategy is told to stop', async () => {
    const [whole, stopped] = [run(), run()];
    stopped.strategy.model.loadStateDict(whole.strategy.model.stateDict());
    const source = (visit: (index: number) => void) => new IterableDataset(() => rows.map((x, i) => (visit(i), [x, 0] as const)), { length: rows.length, classes: [0] }); // prettier-ignore
    await whole.mas.updateImportance(whole.strategy, source(() => {})); // prettier-ignore
    await stopped.mas.updateImportance(stopped.strategy, source((i) => void (i === 2 && stopped.strategy.stop()))); // prettier-ignore
    assert.deepEqual(all(stopped), all(whole));
    await stopped.strategy.train(smallBenchmark().trainStream);
    assert.equal(stopped.strategy.clock.trainExpCounter, 2);
  });

  it('tells of its progress, which ends with it', async () => {
    const told: PassProgress[] = [];
    const { mas, strategy } = run({}, { onProgress: (progress) => void told.push(progress) });
    let last: PassProgress | undefined;
    const listening = (async () => {
      for await (const progress of strategy.progress()) last = progress;
    })();
    await mas.updateImportance(strategy, tensor(rows));
    await listening;
    assert.deepEqual(last, told.at(-1));
    const { phase, done, total, experience, experiences, experienceIndex, loss, timeLeft } = last!;
    assert.deepEqual({ phase, done, total, experience, experiences, experienceIndex, loss, timeLeft }, { phase: 'importance', done: 3, total: 3, experience: 0, experiences: 0, experienceIndex: NaN, loss: NaN, timeLeft: 0 }); // prettier-ignore
  });

  it('ends what waits for its progress where it does not come to begin', async () => {
    const wrong: [data: ImportanceData, options: { signal?: AbortSignal }, code: ErrorCode][] = [
      [3 as never, {}, 'ERR_INVALID_ARG_TYPE'],
      [tensor(rows), { signal: 3 as never }, 'ERR_INVALID_ARG_TYPE'],
      [tensor(rows), { stop: true } as never, 'ERR_UNKNOWN_OPTION'],
      [tensor(rows), { signal: AbortSignal.abort(reason) }, 'ERR_ABORTED'],
    ];
    for (const [data, options, code] of wrong) {
      const { mas, strategy } = run();
      const next = strategy.progress().next();
      await rejectsWithCode(mas.updateImportance(strategy, data, options), code, /^MASPlugin\.updateImportance: /);
      assert.deepEqual(await next, { value: undefined, done: true });
    }
  });

  it('tells of its progress as a pass of no call does', async () => {
    const told: string[] = [];
    const { strategy } = run({}, { onProgress: ({ done, total, timeLeft }) => void told.push(`${done}/${total}, ${timeLeft}`) });
    await strategy.train(smallBenchmark().trainStream); // its parameters are prepared
    const pass = new ImportancePass('mas', { alpha: 0.5 }, new QuadraticPenalty());
    await pass.measure(strategy, { isFirst: true, data: new TensorDataset(tensor(rows), [0, 1, 0, 1, 0, 1]) });
    assert.equal(told.at(-1), '3/3, 0');
  });

  it('in a hook tells of the experience of the training', async () => {
    const told: [number, number][] = [];
    const { mas, strategy } = run({}, {
      onProgress: ({ phase, experience, experiences }) => void (phase === 'importance' && told.push([experience, experiences])),
      plugins: [{ beforeTrainingExp: (running) => mas.updateImportance(running, tensor(rows)) }],
    }); // prettier-ignore
    await strategy.train(smallBenchmark().trainStream);
    assert.deepEqual([...new Set(told.map(String))], ['0,2', '1,2']);
  });
});
