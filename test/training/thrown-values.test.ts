// Whatever a user's function throws or rejects with, wherever it is called, comes as an error of ours with that as its cause.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import {
  BaseTemplate, ContinualTorchError, DataLoader, type ErrorCode, errorCodes, EvaluationPlugin, hookNames, IterableDataset, lossMetrics,
  LRSchedulerPlugin, manualSeed, MASPlugin, nn, optim, SupervisedTemplate, type SupervisedTemplateOptions, type Tensor, tensor,
  benchmarkFromDatasets, type Dataset,
} from '../../lib/index';
import { thrownValues } from '../fuzz/strategies/thrown';
import { overridable } from '../fuzz/strategies/program';
import { smallBenchmark, smallDataset, smallModel } from '../support/small-runs';

type Fail = () => never;
/** Throws, or rejects. */
type Fails = () => void | Promise<void>;
type Options = Partial<SupervisedTemplateOptions>;
const { trainStream, testStream } = smallBenchmark();

function makeStrategy(options: Options = {}, template: typeof SupervisedTemplate = SupervisedTemplate): SupervisedTemplate {
  manualSeed(3);
  const model = options.model ?? smallModel();
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  return new template({ model, optimizer, evaluator: null, trainMbSize: 4, evalMbSize: 4, ...options });
}

/** Trains and evaluates, again and again: a strategy that has rejected a call is as good as before. */
function runs(strategy: SupervisedTemplate, dataset?: Dataset): () => Promise<void> {
  const own = dataset && benchmarkFromDatasets({ train: [dataset], test: [dataset] } as never);
  return async () => {
    await strategy.train((own?.trainStream ?? trainStream).at(0)!);
    await strategy.eval((own?.testStream ?? testStream).at(0)!);
  };
}

const run = (strategy: SupervisedTemplate) => runs(strategy)();
const evaluates = (strategy: SupervisedTemplate) => () => strategy.eval(testStream.at(0)!);

class Failing extends nn.Module {
  readonly layer = smallModel();
  constructor(private readonly fail: () => unknown) {
    super();
  }
  override forward(x: Tensor): Tensor {
    return (this.fail() as Tensor | undefined) ?? this.layer.forward(x);
  }
}

function overriding(method: string, fail: () => unknown): SupervisedTemplate {
  class Overriding extends SupervisedTemplate {}
  Object.defineProperty(Overriding.prototype, method, { value: fail });
  return makeStrategy({}, Overriding);
}

const dataset = smallDataset(8, [0, 1]);
const withSource = (source: () => unknown) => new IterableDataset(source as never, { classes: [0, 1] });
const progressive = (phase: string, fail: Fails) => ({ onProgress: (p: { phase: string }) => (p.phase === phase ? fail() : undefined) as void });
const scheduler = (fail: Fails) => ({
  optimizer: new optim.SGD([new nn.Parameter(tensor([1]))], { lr: 1 }), baseLrs: [1], lastEpoch: 0, step: fail,
});

/** Where a function may also be async. `fail` throws, or rejects. */
const places: Record<string, [ErrorCode, (fail: Fails) => () => unknown]> = {
  ...Object.fromEntries(
    hookNames.map((name) => [`hook ${name}`, ['ERR_HOOK', (fail: Fails) => (/Eval/.test(name) ? evaluates : runs)(makeStrategy({ plugins: [{ [name]: fail }] }))]]),
  ),
  ...Object.fromEntries(
    overridable.map((name) => [
      `override ${name}`,
      [
        name === 'forward' ? 'ERR_FORWARD' : name === 'criterion' ? 'ERR_CRITERION' : 'ERR_CALLBACK',
        (fail: Fails) => (/[eE]val/.test(name) ? evaluates : runs)(overriding(name, fail)),
      ],
    ]),
  ),
  'override trainExp': ['ERR_CALLBACK', (fail) => {
    class Own extends BaseTemplate {
      protected override trainExp = fail as () => Promise<void>;
      protected override evalExp = fail as () => Promise<void>;
    }
    const own = new Own({ model: smallModel() });
    return () => own.train(trainStream);
  }],
  'criterion, a function': ['ERR_CRITERION', (fail) => runs(makeStrategy({ criterion: fail as never }))],
  'criterion, an object': ['ERR_CRITERION', (fail) => runs(makeStrategy({ criterion: { forward: fail as never } }))],
  'forward in TypeScript': ['ERR_FORWARD', (fail) => runs(makeStrategy({ model: new Failing(fail) }))],
  'forward in an importance pass': ['ERR_FORWARD', (fail) => {
    let isLearned = false;
    const note = { beforeTraining: () => void (isLearned = false), afterTrainingEpoch: () => void (isLearned = true) };
    return runs(makeStrategy({ model: new Failing(() => (isLearned ? fail() : undefined)), plugins: [note, new MASPlugin()] }));
  }],
  transform: ['ERR_DATA_SOURCE', (fail) => runs(makeStrategy(), dataset.withTransform(fail as never))],
  'transform of a stream of samples': ['ERR_DATA_SOURCE', (fail) =>
    runs(makeStrategy(), new IterableDataset(() => [[[1, 2, 3, 4], 0]] as never, { classes: [0, 1], transform: fail as never }))],
  'transform outside of training': ['ERR_DATA_SOURCE', (fail) => async () => {
    for await (const batch of new DataLoader(dataset.withTransform(fail as never))) assert.fail(`got ${batch.length}`);
  }],
  'source, an async generator': ['ERR_DATA_SOURCE', (fail) => runs(makeStrategy(), withSource(async function* () { yield await fail(); }))],
  'source, its next': ['ERR_DATA_SOURCE', (fail) => runs(makeStrategy(), withSource(() => ({ [Symbol.asyncIterator]: () => ({ next: fail }) })))],
  'dataloader, its next': ['ERR_DATA_SOURCE', (fail) =>
    runs(makeStrategy({ plugins: [{ beforeTrainingExp: (s) => void (s.dataloader = { [Symbol.asyncIterator]: () => ({ next: fail }) } as never) }] }))],
  'dataloader, its return': ['ERR_DATA_SOURCE', (fail) =>
    runs(makeStrategy({ plugins: [{ beforeTrainingExp: (s) => void (s.dataloader = {
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true }), return: fail }) } as never) }] }))],
  'onProgress in training': ['ERR_HOOK', (fail) => runs(makeStrategy(progressive('train', fail)))],
  'onProgress in evaluation': ['ERR_HOOK', (fail) => runs(makeStrategy(progressive('eval', fail)))],
  'onProgress in an importance pass': ['ERR_HOOK', (fail) => runs(makeStrategy({ ...progressive('importance', fail), plugins: [new MASPlugin()] }))],
  'logger, onProgress': ['ERR_HOOK', (fail) => runs(makeStrategy({ evaluator: new EvaluationPlugin({ loggers: [
    { logMetrics: () => {}, onProgress: async () => {} }, { logMetrics: () => {}, onProgress: fail }] }) }))],
  'logger, logMetrics': ['ERR_HOOK', (fail) => runs(makeStrategy({ evaluator: new EvaluationPlugin(lossMetrics({ epoch: true }), { loggers: [{ logMetrics: fail }] }) }))],
  'logger, a hook': ['ERR_HOOK', (fail) => runs(makeStrategy({ evaluator: new EvaluationPlugin({ loggers: [{ logMetrics: () => {}, afterTrainingEpoch: fail }] }) }))],
  metric: ['ERR_HOOK', (fail) => runs(makeStrategy({ evaluator: new EvaluationPlugin({ afterTrainingEpoch: fail }, { loggers: [] }) }))],
  'a later plugin': ['ERR_HOOK', (fail) => runs(makeStrategy({ plugins: [{ beforeForward: (s) => void s.plugins.push({ afterForward: fail }) }] }))],
};

/** Where a function must answer at once: a promise is refused. */
const immediatePlaces: Record<string, [ErrorCode, (fail: Fail) => unknown]> = {
  ...Object.fromEntries(['to', 'train', 'eval'].map((method) => [`${method} of the model`, ['ERR_CALLBACK', (fail: Fail) => {
    const strategy = makeStrategy();
    Object.assign(strategy.model, { [method]: fail });
    return method === 'eval' ? strategy.eval(trainStream) : strategy.train(trainStream);
  }]])),
  ...Object.fromEntries(['trainCleanUp', 'evalCleanUp', 'saveTrainState'].flatMap((method) => ['itself', 'a step of it'].map((which) => [`${method}, ${which}`, ['ERR_CALLBACK', (fail: Fail) => {
    const strategy = makeStrategy();
    Object.assign(strategy, { [method]: which === 'itself' ? fail : () => [fail] });
    return method === 'trainCleanUp' ? strategy.train(trainStream) : strategy.eval(trainStream);
  }]]))),
  'evaluator, a function': ['ERR_CALLBACK', (fail) => makeStrategy({ evaluator: fail })],
  'LambdaLR, its function': ['ERR_CALLBACK', (fail) => new optim.LambdaLR(new optim.SGD([new nn.Parameter(tensor([1]))], { lr: 1 }), fail)],
  'scheduler, step': ['ERR_HOOK', (fail) => run(makeStrategy({ plugins: [new LRSchedulerPlugin(scheduler(fail))] }))],
  apply: ['ERR_CALLBACK', (fail) => smallModel().apply(fail)],
};

/** What is read, not called. */
const getters: Record<string, [ErrorCode, (fail: Fail) => unknown]> = {
  'a hook': ['ERR_HOOK', (fail) => {
    const strategy = makeStrategy();
    strategy.plugins.push(Object.defineProperty({}, 'afterForward', { get: fail }));
    return run(strategy);
  }],
  'length of a dataloader': ['ERR_DATA_SOURCE', (fail) =>
    run(makeStrategy({ plugins: [{ beforeTrainingExp: (s) => void (s.dataloader = Object.defineProperty([], 'length', {}) && ({
      [Symbol.iterator]: () => [][Symbol.iterator](), get length() { return fail(); } }) as never) }] }))],
  'iterator of a dataloader': ['ERR_DATA_SOURCE', (fail) =>
    run(makeStrategy({ plugins: [{ beforeTrainingExp: (s) => void (s.dataloader = { get [Symbol.iterator]() { return fail(); } } as never) }] }))],
  experiences: ['ERR_DATA_SOURCE', (fail) => makeStrategy().train({ [Symbol.iterator]: fail } as never)],
  'an option': ['ERR_INVALID_ARG_VALUE', (fail) => new SupervisedTemplate({ get model() { return fail(); } } as never)],
  'forward of a criterion': ['ERR_INVALID_ARG_VALUE', (fail) => makeStrategy({ criterion: { get forward() { return fail(); } } as never })],
};

async function caught(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  assert.fail('nothing was thrown');
}

function assertExplained(error: unknown, code: ErrorCode, value: unknown): void {
  assert.ok(error instanceof ContinualTorchError, 'an error of ours');
  assert.equal(error.code, code, error.message);
  assert.ok('cause' in error && Object.is(error.cause, value), error.message);
}

const throwing = (value: unknown): Fail => () => {
  throw value;
};

describe('what users\' functions throw', () => {
  let unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);

  before(() => void process.on('unhandledRejection', note));
  after(() => void process.off('unhandledRejection', note));
  beforeEach(() => void (unhandled = []));
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(unhandled.length, 0, 'somebody is told');
  });

  for (const [place, [code, use]] of Object.entries(places)) {
    it(`${place}: thrown or rejected`, async () => {
      let fail: Fails;
      const call = use(() => fail());
      for (const value of Object.values(thrownValues)) {
        fail = throwing(value);
        assertExplained(await caught(call), code, value);
        fail = () => Promise.reject(value);
        assertExplained(await caught(call), code, value);
      }
    });
  }

  for (const [place, [code, use]] of Object.entries({ ...immediatePlaces, ...getters })) {
    it(`${place}: thrown`, async () => {
      for (const value of Object.values(thrownValues)) assertExplained(await caught(() => use(throwing(value))), code, value);
    });
  }

  for (const [place, [code, use]] of Object.entries(immediatePlaces)) {
    it(`${place}: an async function is refused`, async () => {
      const error = await caught(() => use((() => Promise.reject(new Error('late'))) as unknown as Fail));
      assert.ok(error instanceof ContinualTorchError);
      assert.equal(error.code, code);
      assert.match(error.message, /returns a promise/);
    });
  }

  it('an error of ours passes as it is', async () => {
    const own = new ContinualTorchError('ERR_SHAPE', 'mine');
    for (const [, use] of Object.values(places)) assert.equal(await caught(use(throwing(own))), own);
    assert.ok(own.code in errorCodes);
  });
});

describe('odd plugins', () => {
  for (const odd of [null, undefined, 5, 'x', [], class {}]) {
    it(`${typeof odd} ${String(odd).slice(0, 8)} pushed into plugins is refused by its place`, async () => {
      const strategy = makeStrategy();
      const place = strategy.plugins.push(odd as never) - 1;
      for (const call of [() => strategy.train(trainStream), () => strategy.eval(testStream)]) {
        const error = (await caught(call)) as ContinualTorchError;
        assert.equal(error.code, 'ERR_INVALID_ARG_TYPE');
        assert.match(error.message, new RegExp(`^plugins: expected an object with hooks .* at index ${place}, got `));
      }
    });
  }

  it('a proxy that answers nothing is a failing hook', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    const plugin = new Proxy({}, { get: throwing(null), getPrototypeOf: throwing(null), ownKeys: throwing(null) });
    assertExplained(await caught(() => run(makeStrategy({ plugins: [plugin] }))), 'ERR_HOOK', null);
    revoke();
    assert.equal(((await caught(() => makeStrategy({ plugins: [proxy] }))) as ContinualTorchError).code, 'ERR_INVALID_ARG_TYPE');
  });
});

describe('strategy.experience', () => {
  for (const hook of hookNames) {
    it(`null in ${hook} ends in an error with a code, or in none`, async () => {
      const strategy = makeStrategy({ plugins: [{ [hook]: (s: SupervisedTemplate) => (s.experience = null) }, new MASPlugin()] });
      for (const call of [() => strategy.train(trainStream), () => strategy.eval(testStream)]) {
        await call().catch((error: unknown) => assert.ok(error instanceof ContinualTorchError, String(error)));
        assert.equal(strategy.experience, null);
      }
    });
  }

  it('takes experiences alone', () => {
    const strategy = makeStrategy();
    assert.throws(() => (strategy.experience = 5 as never), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('is missing for a plugin that is called outside of training', async () => {
    const error = (await caught(() => new MASPlugin().afterTrainingExp(makeStrategy()))) as ContinualTorchError;
    assert.equal(error.code, 'ERR_CALL_ORDER');
    assert.match(error.message, /^MASPlugin.afterTrainingExp: expected strategy.experience to be an experience/);
  });
});

