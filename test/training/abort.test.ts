// A call that a signal aborts: where it ends, what is left of it, and that everything can be used afterwards.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  Generator,
  type HookName,
  hookNames,
  IterableDataset,
  MASPlugin,
  type MiniBatch,
  optim,
  type Plugin,
  type Sample,
  type Strategy,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
} from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { numbersOf, smallBenchmark, smallModel } from '../support/small-runs';

const reason = new Error('enough');

function makeStrategy(options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  const model = smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    trainMbSize: 2,
    evaluator: null,
    generator: new Generator({ device: 'cpu' }).manualSeed(0),
    ...options,
  });
}

async function isAborted(call: Promise<unknown>, message = /^(train|eval): aborted .*: enough$/, cause: unknown = reason): Promise<void> {
  const error = await rejectsWithCode(call, 'ERR_ABORTED', message);
  assert.equal(error.cause, cause);
}

/** Everything that a strategy has can be used, and it learns. */
async function isUsable(strategy: SupervisedTemplate): Promise<void> {
  const { trainStream, testStream } = smallBenchmark();
  assert.equal(strategy.experience, null);
  assert.equal(strategy.mbatch, null);
  assert.deepEqual(strategy.evalStreams, []);
  assert.deepEqual(strategy.currentEvalStream, []);
  const before = numbersOf(strategy.model.stateDict());
  strategy.optimizer.zeroGrad();
  strategy.optimizer.stateDict();
  await strategy.train(trainStream, { restart: true });
  await strategy.eval(testStream);
  assert.notDeepEqual(numbersOf(strategy.model.stateDict()), before);
}

const inHook = (name: HookName, call: (strategy: Strategy) => void): Plugin => ({ [name]: call });
/** Writes every hook down. */
const writing = (seen: string[]): Plugin => Object.fromEntries(hookNames.map((name) => [name, () => void seen.push(name)]));

/** Samples that come one by one; `visit` is told the pass and the sample. */
function sourcedStream(visit: (pass: number, index: number) => void | Promise<void>, returned: number[] = []) {
  let passes = 0;
  const source = async function* (): AsyncGenerator<Sample> {
    const pass = passes++;
    try {
      for (let i = 0; i < 6; i++) {
        await visit(pass, i);
        yield [[i, 1, -i, 2], i % 2];
      }
    } finally {
      returned.push(pass);
    }
  };
  return benchmarkFromDatasets({ train: [new IterableDataset(source, { classes: [0, 1] })] }).trainStream;
}

describe('a signal', () => {
  const { trainStream, testStream } = smallBenchmark();

  it('that has been aborted before lets nothing begin', async () => {
    const seen: string[] = [];
    const strategy = makeStrategy({ plugins: [writing(seen)] });
    const signal = AbortSignal.abort(reason);
    await isAborted(strategy.train(trainStream, { signal }), /^train: aborted before it began: enough$/);
    await isAborted(strategy.eval(testStream, { signal }), /^eval: aborted before it began: enough$/);
    assert.deepEqual(seen, []);
    await isUsable(strategy);
  });

  it('that is aborted in the last hook, or afterwards, changes nothing', async () => {
    const controller = new AbortController();
    const strategy = makeStrategy();
    strategy.plugins.push(inHook('afterTraining', () => controller.abort(reason)));
    await strategy.train(trainStream, { signal: controller.signal });
    await isUsable(strategy);
  });

  it('may be one of AbortSignal.timeout or AbortSignal.any, and its reason anything', async () => {
    for (const cause of ['a word', undefined, { code: 3 }, null]) {
      const controller = new AbortController();
      const strategy = makeStrategy({ plugins: [inHook('afterTrainingIteration', () => controller.abort(cause))] });
      const { signal } = controller;
      const error = await rejectsWithCode(strategy.train(trainStream, { signal: AbortSignal.any([signal]) }), 'ERR_ABORTED', /iteration 1 /);
      assert.equal(error.cause, signal.reason);
    }
  });

  it('is refused where it is none', async () => {
    const strategy = makeStrategy();
    const wrong = { signal: new AbortController() as unknown as AbortSignal };
    await rejectsWithCode(strategy.train(trainStream, wrong), 'ERR_INVALID_ARG_TYPE', /^train: expected signal to be an AbortSignal/);
    await rejectsWithCode(strategy.eval(testStream, wrong), 'ERR_INVALID_ARG_TYPE', /^eval: expected signal to be an AbortSignal/);
  });

  it('ends training behind the iteration under way', async () => {
    for (const name of ['beforeTrainingIteration', 'beforeForward', 'afterBackward', 'afterTrainingIteration'] as const) {
      const controller = new AbortController();
      const plugin = inHook(name, ({ clock }) => void (clock.trainIterations === 2 && controller.abort(reason)));
      const strategy = makeStrategy({ plugins: [plugin] });
      const where = /^train: aborted before iteration 3 of epoch 0, experience 0 of stream "train": enough$/;
      await isAborted(strategy.train(trainStream, { signal: controller.signal }), where);
      assert.equal(strategy.clock.trainIterations, 3, name);
      await isUsable(strategy);
    }
  });

  it('ends training whose iterations are joined between two jobs', async () => {
    const controller = new AbortController();
    let done = 0;
    const onProgress = (progress: { done: number }) => {
      done = progress.done;
      controller.abort(reason);
    };
    const strategy = makeStrategy({ trainEpochs: 1_000_000, onProgress });
    await isAborted(strategy.train(trainStream, { signal: controller.signal }), /aborted before/);
    assert.equal(strategy.clock.trainExpIterations % 4, done % 4);
    assert.equal(strategy.mbatch, null);
  });

  it('ends an evaluation, and one inside of training with it', async () => {
    const controller = new AbortController();
    const strategy = makeStrategy({ plugins: [inHook('afterEvalIteration', () => controller.abort(reason))] });
    await isAborted(strategy.eval(testStream, { signal: controller.signal }), /^eval: aborted in experience 0 of stream "test": enough$/);
    await isUsable(strategy);
    for (const [evalEvery, hook] of [[0, 'beforeTraining'], [1, 'afterTrainingEpoch']] as const) { // prettier-ignore
      const second = new AbortController();
      const abort = inHook('afterEvalIteration', ({ clock }) => void (clock.trainIterations === (evalEvery && 4) && second.abort(reason)));
      const trained = makeStrategy({ plugins: [abort], evalEvery });
      await isAborted(trained.train(trainStream[0]!, { signal: second.signal }), new RegExp(`^train: aborted before ${hook} of PeriodicEval`));
      trained.plugins.shift();
      await isUsable(trained);
    }
  });

  it('of an evaluation in a hook ends that alone', async () => {
    const controller = new AbortController();
    const codes: string[] = [];
    const evaluate = async (running: Strategy) => {
      const error = await rejectsWithCode(running.eval(testStream, { signal: controller.signal }), 'ERR_ABORTED', /^eval/);
      codes.push(error.code);
    };
    const strategy = makeStrategy({ plugins: [{ afterEvalIteration: () => controller.abort(reason) }, { afterTrainingEpoch: evaluate }] });
    await strategy.train(trainStream);
    assert.deepEqual(codes, ['ERR_ABORTED', 'ERR_ABORTED']);
    assert.equal(strategy.clock.trainExpCounter, 2);
  });

  for (const mode of ['train', 'eval'] as const) {
    it(`ends ${mode} between two hooks outside of iterations`, async () => {
      const outer = hookNames.filter((name) => !/Iteration|Forward|Backward|Update/.test(name) && /Eval/.test(name) === (mode === 'eval'));
      for (const name of outer) {
        const controller = new AbortController();
        const seen: string[] = [];
        const strategy = makeStrategy({ plugins: [inHook(name, () => controller.abort(reason)), writing(seen)] });
        const where = mode === 'train' ? new RegExp(`before ${name} of a plugin`) : undefined;
        await isAborted(strategy[mode](trainStream, { signal: controller.signal }), where);
        assert.ok(!seen.includes(name), `${name} has been called again`);
        strategy.plugins.shift();
        await isUsable(strategy);
      }
    });
  }

  it('ends an importance pass, which leaves nothing behind', async () => {
    const controller = new AbortController();
    const mas = new MASPlugin();
    const stream = sourcedStream((pass, index) => void (pass === 1 && index === 3 && controller.abort(reason)));
    const strategy = makeStrategy({ plugins: [mas] });
    await isAborted(strategy.train(stream, { signal: controller.signal }), /^train: aborted before afterTrainingExp of MASPlugin, experience 0/);
    assert.equal(mas.importance, null);
    assert.equal(strategy.clock.trainIterations, 3);
    await isUsable(strategy);
    assert.ok(mas.importance);
  });

  it('ends a pass over a source of data, which is closed', async () => {
    const controller = new AbortController();
    const returned: number[] = [];
    const stream = sourcedStream((_pass, index) => void (index === 3 && controller.abort(reason)), returned);
    const strategy = makeStrategy();
    await isAborted(strategy.train(stream, { signal: controller.signal }), /before iteration 1 of epoch 0/);
    assert.deepEqual(returned, [0]);
    await isUsable(strategy);
  });

  it('does not wait for a source of data that does not answer', async () => {
    for (const mode of ['train', 'eval'] as const) {
      const controller = new AbortController();
      let release = () => {};
      const returned: number[] = [];
      const stream = sourcedStream((_pass, index) => {
        if (index < 3) return;
        setImmediate(() => controller.abort(reason));
        return new Promise((resolve) => (release = resolve));
      }, returned);
      const strategy = makeStrategy();
      await isAborted(strategy[mode](stream, { signal: controller.signal }));
      assert.deepEqual(returned, []);
      await isUsable(strategy);
      release();
      await new Promise(setImmediate);
      assert.deepEqual(returned, [0], 'it is closed once it has answered');
    }
  });

  it('does not wait for a source whose answer fails too late, either', async () => {
    const controller = new AbortController();
    let fail: (error: Error) => void = () => {};
    let returns = 0;
    const batch: MiniBatch = [tensor([[1, 2, 3, 4]]), tensor([0]).to('int64'), tensor([0]).to('int64')];
    let given = 0;
    const loader = {
      length: 3,
      [Symbol.asyncIterator]: () => ({
        next: () => {
          if (given++ === 0) return Promise.resolve({ value: batch, done: false });
          setImmediate(() => controller.abort(reason));
          return new Promise<never>((_, reject) => (fail = reject));
        },
        return: () => {
          returns++;
          return Promise.reject(new Error('late'));
        },
      }),
    };
    const strategy = makeStrategy({ plugins: [{ beforeTrainingExp: (running) => void (running.dataloader = loader as never) }] });
    await isAborted(strategy.train(trainStream, { signal: controller.signal }));
    fail(new Error('too late'));
    await new Promise(setImmediate);
    assert.equal(returns, 1);
    strategy.plugins.shift();
    await isUsable(strategy);
  });

  it('ends a hook that watches it', async () => {
    for (const name of ['beforeTraining', 'beforeForward', 'afterTrainingExp'] as const) {
      const controller = new AbortController();
      const waiting: Plugin = {
        [name]: (_strategy: Strategy, { signal }: { signal?: AbortSignal }) => {
          setImmediate(() => controller.abort(reason));
          return sleep(2 ** 30, undefined, { signal });
        },
      };
      const strategy = makeStrategy({ plugins: [waiting] });
      await isAborted(strategy.train(trainStream, { signal: controller.signal }));
      strategy.plugins.shift();
      await isUsable(strategy);
    }
  });

  it('does not hide the error of a hook that has failed for another reason', async () => {
    const controller = new AbortController();
    const failing = inHook('afterTrainingEpoch', () => {
      controller.abort(reason);
      throw new Error('something else');
    });
    const strategy = makeStrategy({ plugins: [failing] });
    await rejectsWithCode(strategy.train(trainStream, { signal: controller.signal }), 'ERR_HOOK', /something else/);
  });

  it('keeps no listener, however many calls it is given to', async () => {
    const { signal } = new AbortController();
    const strategy = makeStrategy();
    const listeners: number[] = [];
    const stream = sourcedStream(async () => {
      await Promise.resolve();
      listeners.push(getEventListeners(signal, 'abort').length);
    });
    for (let i = 0; i < 50; i++) {
      await strategy.train(trainStream, { signal });
      await strategy.eval(stream, { signal });
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    assert.deepEqual([...new Set(listeners)], [1]);
  });
});

describe('a plugin that is told of an interruption', () => {
  const { trainStream, testStream } = smallBenchmark();
  type Told = [stage: string | undefined, plugin: number | undefined, epoch: number | undefined, iteration: number | undefined];

  async function told(options: Partial<SupervisedTemplateOptions>, call: (strategy: SupervisedTemplate) => Promise<unknown>, way: unknown = 'go on so') {
    const places: Told[] = [];
    const strategy = makeStrategy(options);
    const plugin = {
      onInterruption(of: Strategy, place: { stage: string; plugin: number; epoch: number; iteration: number } | null) {
        assert.equal(of, strategy);
        places.push([place?.stage, place?.plugin, place?.epoch, place?.iteration]);
        if (way instanceof Error) throw way;
        return Promise.resolve(way);
      },
    };
    strategy.plugins.push(plugin as Plugin);
    const error = await rejectsWithCode(call(strategy), 'ERR_ABORTED', /enough/);
    assert.equal(error.cause, reason);
    return { places, message: error.message };
  }

  const aborting = (name: HookName, when: (strategy: Strategy) => boolean = () => true) => {
    const abort = new AbortController();
    return { signal: abort.signal, plugins: [inHook(name, (strategy) => void (when(strategy) && abort.abort(reason)))] };
  };

  it('hears between two iterations which one comes next, and says how to go on', async () => {
    const { signal, plugins } = aborting('beforeForward', ({ clock }) => clock.trainExpEpochs === 1 && clock.trainEpochIterations === 2);
    const { places, message } = await told({ plugins, trainEpochs: 3 }, (strategy) => strategy.train(trainStream, { signal }));
    assert.deepEqual(places, [['iteration', 0, 1, 3]]);
    assert.match(message, /^train: aborted before iteration 3 of epoch 1, experience 0 of stream "train": enough; go on so$/);
  });

  it('hears between two hooks whose comes next', async () => {
    const before = aborting('beforeTrainingExp');
    const first = await told({ plugins: [...before.plugins, {}] }, (strategy) => strategy.train(trainStream, { signal: before.signal }));
    assert.deepEqual(first.places, [['beforeTrainingExp', 1, 0, 0]]);
    const after = aborting('afterTrainingEpoch');
    const second = await told({ plugins: after.plugins }, (strategy) => strategy.train(trainStream, { signal: after.signal }));
    assert.deepEqual(second.places, [['afterTrainingEpoch', 1, 0, 4]]);
  });

  it('hears once of what is aborted inside a hook, in which it begins anew', async () => {
    const { signal, plugins } = aborting('afterEvalIteration');
    const evaluating: Plugin = { afterTrainingEpoch: (strategy) => strategy.eval(testStream).then(() => {}) };
    const { places } = await told({ plugins: [...plugins, evaluating] }, (strategy) => strategy.train(trainStream, { signal }));
    assert.deepEqual(places, [['afterTrainingEpoch', 1, 0, 4]]);
  });

  it('hears of no place inside an iteration, and in an evaluation of its own', async () => {
    const inside = aborting('afterEvalIteration');
    const evaluating: Plugin = { afterUpdate: (strategy) => strategy.eval(testStream).then(() => {}) };
    const options = { plugins: [...inside.plugins, evaluating] };
    const nowhere: Told = [undefined, undefined, undefined, undefined];
    assert.deepEqual((await told(options, (strategy) => strategy.train(trainStream, { signal: inside.signal }))).places, [nowhere]);
    const { signal, plugins } = aborting('afterEvalIteration');
    assert.deepEqual((await told({ plugins }, (strategy) => strategy.eval(testStream, { signal }))).places, [nowhere]);
  });

  it('does not keep the call from being aborted by failing, or by answering something else', async () => {
    for (const [way, message] of [[new Error('disk full'), /enough; onInterruption of a plugin failed: disk full$/], [3, /enough$/]] as const) { // prettier-ignore
      const { signal, plugins } = aborting('beforeTraining');
      const { places, message: said } = await told({ plugins }, (strategy) => strategy.train(trainStream, { signal }), way);
      assert.equal(places.length, 1);
      assert.match(said, message);
    }
  });
});
