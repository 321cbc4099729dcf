// Experiences whose last hooks fail: they are ended, or begun again, without losing or doubling anything.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import {
  accuracyMetrics,
  type Benchmark,
  benchmarkFromDatasets,
  EvaluationPlugin,
  Generator,
  IterableDataset,
  lossMetrics,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  type Sample,
  type Strategy,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  torch,
} from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { numbersOf, smallBenchmark } from '../support/small-runs';

/** Everything in it moves: parameters, running statistics, random numbers. */
function movingModel(): nn.Module {
  manualSeed(3);
  return new nn.Sequential(new nn.Linear(4, 6), new nn.BatchNorm1d(6), new nn.Dropout(0.5), new nn.Linear(6, 4));
}

/** Fails so many times, behind so many without failure. */
class Failing {
  private calls = 0;

  constructor(
    private readonly times = 1,
    private readonly behind = 0,
  ) {}

  readonly fail = (): void => {
    const call = this.calls++ - this.behind;
    if (call >= 0 && call < this.times) throw new Error('disk full');
  };
}

interface Run {
  strategy: SupervisedTemplate;
  mas: MASPlugin;
  generator: Generator;
  train: Benchmark['trainStream'];
  test: Benchmark['testStream'];
}

type Break = (running: { fail: () => void }) => Partial<SupervisedTemplateOptions> & { first?: Plugin; loggerFails?: boolean };

function makeRun(failing: Failing, options: ReturnType<Break>, benchmark = smallBenchmark()): Run {
  const { first, loggerFails, plugins = [], ...rest } = options;
  const model = movingModel();
  const mas = new MASPlugin({ lambdaReg: 2 });
  const generator = new Generator({ device: 'cpu' }).manualSeed(7);
  const levels = { epoch: true, experience: true, stream: true };
  const logger = { logMetrics: () => {}, ...(loggerFails && { afterTrainingExp: () => failing.fail() }) };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
    trainMbSize: 2,
    trainEpochs: 2,
    evalMbSize: 2,
    evalEvery: 0,
    generator,
    evaluator: new EvaluationPlugin(accuracyMetrics(levels), lossMetrics(levels), { loggers: [logger] }),
    plugins: [...(first ? [first] : []), mas, ...plugins],
    ...rest,
  });
  return { strategy, mas, generator, train: benchmark.trainStream, test: benchmark.testStream };
}

/** All that a run has come to. */
function stateOf({ strategy, mas, generator }: Run) {
  const { trainIterations, trainExpCounter, trainExpEpochs, totalIterations } = strategy.clock;
  const seen = (tensors: Map<string, Tensor> | null) => tensors && numbersOf(tensors);
  return {
    model: numbersOf(strategy.model.stateDict()),
    importance: seen(mas.importance),
    params: seen(mas.params),
    momentum: strategy.optimizer.stateDict().state,
    generator: generator.getState().toNumbers(),
    clock: { trainIterations, trainExpCounter, trainExpEpochs, totalIterations },
    curves: strategy.evaluator.getAllMetrics(),
    accuracies: strategy.evaluator.results.accuracyMatrix,
  };
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (_, of: unknown) => (of && typeof (of as { toNumbers?: unknown }).toNumbers === 'function' ? (of as { toNumbers(): number[] }).toNumbers() : of)));

const breaks: Record<string, Break> = {
  'of a plugin before MAS': ({ fail }) => ({ first: { afterTrainingExp: () => fail() } }),
  'of a plugin behind MAS': ({ fail }) => ({ plugins: [{ afterTrainingExp: () => fail() }] }),
  'of a plugin behind MAS that has drawn random numbers': ({ fail }) => ({
    plugins: [{ afterTrainingExp: () => (torch.rand([3]), fail()) }],
  }),
  'of a logger': () => ({ loggerFails: true }),
};

describe('an experience that is half ended by a hook', () => {
  const undisturbed = new Map<string, unknown>();

  before(async () => {
    for (const [name, make] of Object.entries(breaks)) {
      const run = makeRun(new Failing(0), make({ fail: () => {} }));
      await run.strategy.train(run.train);
      undisturbed.set(name, plain(stateOf(run)));
    }
  });

  for (const [name, make] of Object.entries(breaks)) {
    for (const index of [0, 1]) {
      it(`${name}, in experience ${index}, is ended as if it had not failed`, async () => {
        const failing = new Failing(1, index);
        const run = makeRun(failing, make(failing));
        const { strategy, train } = run;
        await rejectsWithCode(strategy.train(train), 'ERR_HOOK', /disk full/);
        assert.equal(strategy.clock.trainExpCounter, index);
        // The rest of the list, in which another slice of the stream has another object for the experience.
        await strategy.train(train.slice(index), { evalStreams: [train] });
        assert.deepEqual(plain(stateOf(run)), undisturbed.get(name));
      });
    }
  }

  it('is ended however often the hook fails before', async () => {
    const failing = new Failing(1);
    let left = 3;
    const run = makeRun(failing, { plugins: [{ afterTrainingExp: () => (left-- > 0 ? Promise.reject(new Error('again')) : undefined) }] });
    for (let i = 0; i < 3; i++) await rejectsWithCode(run.strategy.train(run.train), 'ERR_HOOK', /again/);
    await run.strategy.train(run.train);
    assert.deepEqual(plain(stateOf(run)), undisturbed.get('of a plugin behind MAS'));
  });

  it('goes on where a plugin was taken out, or another has its place', async () => {
    for (const instead of [[], [{ afterTrainingExp: () => {} }]]) {
      const broken: Plugin = { afterTrainingExp: () => Promise.reject(new Error('broken')) };
      const run = makeRun(new Failing(), { plugins: [broken] });
      const { plugins } = run.strategy;
      await rejectsWithCode(run.strategy.train(run.train), 'ERR_HOOK', /broken/);
      plugins.splice(plugins.indexOf(broken), 1, ...instead);
      await run.strategy.train(run.train);
      assert.deepEqual(plain(stateOf(run)), undisturbed.get('of a plugin behind MAS'));
    }
  });

  it('may be evaluated before it is ended', async () => {
    const failing = new Failing();
    const run = makeRun(failing, breaks['of a plugin behind MAS']!(failing));
    await rejectsWithCode(run.strategy.train(run.train), 'ERR_HOOK', /disk full/);
    const state0 = run.generator.getState();
    await run.strategy.eval(run.test);
    run.generator.setState(state0);
    await run.strategy.train(run.train);
    const expected = undisturbed.get('of a plugin behind MAS') as { model: unknown; importance: unknown };
    const state = plain(stateOf(run)) as typeof expected;
    assert.deepEqual([state.model, state.importance], [expected.model, expected.importance]);
  });

  it('calls the hook that failed, those behind it, and what follows, and no other', async () => {
    const calls: string[] = [];
    const failing = new Failing();
    const writing = (name: string): Plugin => ({
      beforeTraining: () => void calls.push(`${name} beforeTraining`),
      beforeTrainingExp: () => void calls.push(`${name} beforeTrainingExp`),
      afterTrainingExp: () => void calls.push(`${name} afterTrainingExp`),
      afterTraining: () => void calls.push(`${name} afterTraining`),
    });
    const run = makeRun(failing, { plugins: [writing('a'), { afterTrainingExp: failing.fail }, writing('b')] });
    await rejectsWithCode(run.strategy.train(run.train[0]!), 'ERR_HOOK', /disk full/);
    assert.deepEqual(calls.splice(0), ['a beforeTraining', 'b beforeTraining', 'a beforeTrainingExp', 'b beforeTrainingExp', 'a afterTrainingExp']);
    await run.strategy.train(run.train[0]!);
    assert.deepEqual(calls, ['b afterTrainingExp', 'a afterTraining', 'b afterTraining']);
  });

  it('gives the hooks that are left what they would have found', async () => {
    const failing = new Failing(1);
    const seen: unknown[] = [];
    const look: Plugin = {
      afterTrainingExp: ({ experience, adaptedDataset, dataloader, mbX, mbOutput, loss, isTraining, model }) =>
        void seen.push([experience!.currentExperience, adaptedDataset?.length, dataloader.length, mbX!.toNumbers(), mbOutput!.toNumbers(), loss.item(), isTraining, [...model.children()].map(({ training }) => training)]),
    };
    const modes: Plugin = { afterTrainingExp: ({ model }) => void [...model.children()][1]!.eval() };
    const options = (fail: () => void) => ({ first: modes, plugins: [look, { afterTrainingExp: fail }, look], trainEpochs: 1 });
    const broken = makeRun(failing, options(failing.fail));
    await rejectsWithCode(broken.strategy.train(broken.train[0]!), 'ERR_HOOK', /disk full/);
    await broken.strategy.train(broken.train[0]!);
    assert.equal(seen.length, 2);
    assert.deepEqual(seen[1], seen[0]);
  });

  it('keeps others from being learned, and says both ways out', async () => {
    const failing = new Failing();
    const run = makeRun(failing, breaks['of a plugin behind MAS']!(failing));
    await rejectsWithCode(run.strategy.train(run.train), 'ERR_HOOK', /disk full/);
    const before = plain(stateOf(run));
    const message = /^train: expected experience 0 of stream "train", which is half ended, got experience 1 of stream "train": train that one again, which goes on with afterTrainingExp of a plugin, or give \{ restart: true \}/;
    await rejectsWithCode(run.strategy.train(run.train[1]!), 'ERR_CALL_ORDER', message);
    await rejectsWithCode(run.strategy.train(smallBenchmark().trainStream[0]!), 'ERR_CALL_ORDER', /half ended/);
    await rejectsWithCode(run.strategy.train(run.test[0]!), 'ERR_CALL_ORDER', /got experience 0 of stream "test"/);
    assert.deepEqual(plain(stateOf(run)), before);
    await run.strategy.train(run.train);
    assert.deepEqual(plain(stateOf(run)), undisturbed.get('of a plugin behind MAS'));
  });

  for (const [what, next] of [['the same', 0], ['another', 1]] as const) { // prettier-ignore
    for (const learned of [0, 1]) {
      it(`and given up for ${what} experience, behind ${learned} others, leaves nothing in MAS's memory`, async () => {
        // Where it fails before MAS nothing has been merged; where it fails behind it the merged is taken back.
        const outcomes: unknown[] = [];
        for (const place of ['before', 'behind']) {
          const failing = new Failing(1, learned);
          const plugin: Plugin = { afterTrainingExp: failing.fail };
          const run = makeRun(failing, { ...(place === 'before' ? { first: plugin } : { plugins: [plugin] }), evalEvery: -1 });
          const { strategy, train, generator } = run;
          const many = benchmarkFromDatasets({ train: [0, 1, 2].map((i) => train[i % 2]!.dataset) }).trainStream;
          if (learned === 1) await strategy.train(many[0]!);
          await rejectsWithCode(strategy.train(many[learned]!), 'ERR_HOOK', /disk full/);
          // BatchNorm and the generator have moved by one importance pass more where it had been measured.
          generator.manualSeed(1);
          for (const buffer of strategy.model.buffers()) buffer.zero_();
          strategy.model.buffers().forEach((buffer) => buffer.dtype === 'float32' && buffer.fill_(1));
          await strategy.train(many[learned + next]!, { restart: true });
          await strategy.train(many[2]!);
          outcomes.push(plain(stateOf(run)));
        }
        assert.deepEqual(outcomes[1], outcomes[0]);
      });
    }
  }

  it('may be one that an abort has half ended', async () => {
    const controller = new AbortController();
    const aborting: Plugin = { afterTrainingExp: () => controller.abort() };
    const run = makeRun(new Failing(), { plugins: [aborting, {}] });
    await rejectsWithCode(run.strategy.train(run.train, { signal: controller.signal }), 'ERR_ABORTED', /before afterTrainingExp of a plugin, experience 0/);
    await run.strategy.train(run.train);
    assert.deepEqual(plain(stateOf(run)), undisturbed.get('of a plugin behind MAS'));
  });

  it('is half ended by an importance pass that fails, or is aborted, in its middle, and is measured from its beginning', async () => {
    const outcomes: unknown[] = [];
    for (const way of ['nothing', 'failure', 'abort'] as const) {
      const controller = new AbortController();
      let passes = 0;
      const source = function* (): Iterable<Sample> {
        const pass = passes++;
        for (let i = 0; i < 8; i++) {
          // Two epochs, then the importance pass.
          if (pass === 2 && i === 5 && way === 'failure') throw new Error('disk failed');
          if (pass === 2 && i === 5 && way === 'abort') controller.abort();
          yield [[i, 1, -i / 2, 2], i % 4];
        }
      };
      const benchmark = benchmarkFromDatasets({ train: [new IterableDataset(source, { classes: [0, 1, 2, 3] })], test: [smallBenchmark().testStream[0]!.dataset] });
      const run = makeRun(new Failing(), { evalEvery: -1 }, benchmark as unknown as Benchmark);
      const call = run.strategy.train(run.train, { signal: controller.signal });
      if (way === 'failure') await rejectsWithCode(call, 'ERR_DATA_SOURCE', /disk failed/);
      else if (way === 'abort') await rejectsWithCode(call, 'ERR_ABORTED', /before afterTrainingExp of MASPlugin/);
      else await call;
      if (way !== 'nothing') await run.strategy.train(run.train);
      outcomes.push(plain(stateOf(run)));
    }
    assert.deepEqual(outcomes[1], outcomes[0]);
    assert.deepEqual(outcomes[2], outcomes[0]);
  });

  it('begins in the hook that failed as the first time, also where that has evaluated half a stream', async () => {
    const controller = new AbortController();
    const aborting: Plugin = {
      beforeEvalIteration: ({ clock, experience }: Strategy) =>
        void (clock.trainIterations > 0 && experience!.currentExperience === 1 && controller.abort()),
    };
    const run = makeRun(new Failing(), { plugins: [aborting] });
    await rejectsWithCode(run.strategy.train(run.train, { signal: controller.signal }), 'ERR_ABORTED', /before afterTrainingExp of PeriodicEval/);
    await run.strategy.train(run.train);
    const expected = undisturbed.get('of a plugin behind MAS') as ReturnType<typeof stateOf>;
    const state = plain(stateOf(run)) as ReturnType<typeof stateOf>;
    for (const part of ['model', 'importance', 'params', 'momentum', 'generator', 'accuracies', 'clock'] as const) {
      assert.deepEqual(state[part], expected[part], part);
    }
  });
});
