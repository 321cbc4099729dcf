// Who may use what a strategy works with, and that nobody from outside ends its training.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BaseTemplate, benchmarkFromDatasets, hookNames, jit, manualSeed, MASPlugin, models, Naive, nn, ops, optim, type Plugin,
  SupervisedTemplate, type SupervisedTemplateOptions, tensor, torch,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { device } from '../support/device';
import { dropoutModel, numbersOf, setValues, smallBenchmark, smallDataset, smallModel } from '../support/small-runs';

const { trainStream, testStream } = smallBenchmark({ train: 24 });

function makeStrategy(options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  manualSeed(4);
  const model = options.model ?? dropoutModel();
  const optimizer = options.optimizer ?? new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 });
  return new SupervisedTemplate({ evaluator: null, trainMbSize: 4, evalMbSize: 4, trainEpochs: 2, ...options, model, optimizer });
}

async function trained(strategy: SupervisedTemplate): Promise<Record<string, number[]>> {
  manualSeed(5);
  await strategy.train(trainStream);
  return numbersOf(strategy.model.stateDict());
}

/** Does something again and again, whatever comes of it, for as long as `work` takes. Returns how often it did. */
async function meanwhile<T>(something: () => unknown, work: () => Promise<T>): Promise<[T, number]> {
  let done = 0;
  const timer = setInterval(() => {
    Promise.resolve()
      .then(something)
      .then(
        () => done++,
        () => {},
      );
  }, 1);
  try {
    return [await work(), done];
  } finally {
    clearInterval(timer);
  }
}

describe('a strategy at work, and others', () => {
  let folder = '';
  before(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'continual-torch-'))));
  after(() => rm(folder, { recursive: true, force: true }));

  const reads: Record<string, (strategy: SupervisedTemplate, mas: MASPlugin) => unknown> = {
    'jit.saveToBuffer': ({ model }) => jit.saveToBuffer(model),
    'jit.save': ({ model }) => jit.save(model, path.join(folder, 'model.pt')),
    'torch.save of the state dict': ({ model }) => torch.save(model.stateDict(), path.join(folder, 'model.pth')),
    'the optimizer\'s state dict': ({ optimizer }) => optimizer.stateDict(),
    'a sum': ({ model }) => model.parameters()[0]!.sum().item(),
    'a copy': ({ model }) => model.parameters().map((parameter) => ops.aten.clone!(parameter)),
    gradients: ({ model }) => model.parameters().map(({ grad }) => grad),
    importances: (_, mas) => mas.importance,
    'the mini-batch': (strategy) => strategy.mbatch,
    'model.to where it is': ({ model }) => model.to(device),
    'another strategy': ({ model }) => other(model).eval(testStream),
    'another strategy that trains': ({ model }) => other(model).train(testStream),
    'the same strategy': (strategy) => strategy.eval(testStream),
  };
  const hooks: Record<string, Plugin> = {
    'no hook': {},
    'a hook': { afterForward: () => {} },
    'a hook that waits': { afterForward: () => sleep(1), beforeUpdate: () => sleep(1) },
  };

  for (const [how, hook] of Object.entries(hooks)) {
    for (const [what, read] of Object.entries(reads)) {
      it(`${what} from outside, with ${how}: training goes on, with the same result`, async () => {
        const make = () => {
          const mas = new MASPlugin({ lambdaReg: 0.1 });
          return { strategy: makeStrategy({ plugins: [mas, hook] }), mas };
        };
        const { strategy, mas } = make();
        const [result, done] = await meanwhile(() => read(strategy, mas), () => trained(strategy));
        if (how === 'a hook that waits' && !/strategy|gradients/.test(what)) assert.ok(done > 0, 'it was let in between two jobs');
        assert.deepEqual(result, await trained(make().strategy));
        await read(strategy, mas);
      });
    }
  }

  it('jit.saveToBuffer begun in each hook and left alone: training and evaluation go on', async () => {
    const saved: Promise<Buffer>[] = [];
    const plugin = Object.fromEntries(hookNames.map((name) => [name, ({ model }: SupervisedTemplate) => void saved.push(jit.saveToBuffer(model))]));
    const strategy = makeStrategy({ plugins: [plugin], evalEvery: 1 });
    assert.deepEqual(await trained(strategy), await trained(makeStrategy({ evalEvery: 1 })));
    for (const bytes of await Promise.all(saved)) assert.ok(bytes.length > 0);
  });

  function other(model: nn.Module): Naive {
    return new Naive({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.05 }), evaluator: null, trainMbSize: 4 });
  }

  describe('two strategies', () => {
    it('of one model: the second is refused until the first has ended', async () => {
      const strategy = makeStrategy({ plugins: [{ afterForward: () => sleep(1) }] });
      const second = other(strategy.model);
      const training = trained(strategy);
      for (const call of [() => second.train(trainStream), () => second.eval(testStream)]) {
        await rejectsWithCode(call(), 'ERR_BUSY', /^(train|eval): expected a model and an optimizer that no other strategy/);
      }
      assert.deepEqual(await training, await trained(makeStrategy()));
      await second.train(trainStream);
    });

    it('of one part of a model, of one optimizer', async () => {
      const strategy = makeStrategy({ model: smallModel(), plugins: [{ afterForward: () => sleep(1) }] });
      const part = strategy.model.children()[0]!;
      const model = smallModel();
      const sharing = [
        other(part as nn.Module),
        new Naive({ model, optimizer: strategy.optimizer, evaluator: null }),
        other(new nn.Sequential(part as nn.Module)),
      ];
      const training = strategy.train(trainStream);
      for (const each of sharing) await rejectsWithCode(each.train(trainStream), 'ERR_BUSY', /^train: expected a model/);
      await training;
    });

    it('of one model in a hook: the first waits, also where the hook does not', async () => {
      let ended = 0;
      const beside = (begin: (second: Naive) => Promise<unknown>, isAwaited: boolean): Plugin => {
        let last: Promise<unknown> = Promise.resolve();
        return {
          beforeTrainingEpoch: ({ model }) => {
            last = begin(other(model)).then(() => ended++);
            return isAwaited ? last.then(() => {}) : undefined;
          },
          beforeTrainingIteration: () => assert.equal(ended > 0, true),
        };
      };
      for (const isAwaited of [true, false]) {
        ended = 0;
        await makeStrategy({ plugins: [beside((second) => second.eval(testStream), isAwaited)] }).train(trainStream);
        assert.equal(ended, 4);
        ended = 0;
        await makeStrategy({ plugins: [beside((second) => second.train(testStream.at(0)!), isAwaited)] }).train(trainStream);
        assert.equal(ended, 4);
      }
    });

    it('in the hooks of each other', async () => {
      let innermost = 0;
      const inner = ({ model }: SupervisedTemplate) =>
        other(model).eval(testStream).then(() => void innermost++);
      const outer = ({ model }: SupervisedTemplate) => {
        const second = other(model);
        second.plugins.push({ beforeEvalExp: inner });
        return second.eval(testStream).then(() => {});
      };
      await makeStrategy({ plugins: [{ beforeTrainingEpoch: outer }] }).train(trainStream.at(0)!);
      assert.equal(innermost, 4);
    });

    it('at once in one hook: one of them is refused', async () => {
      const both = async ({ model }: SupervisedTemplate) => {
        const [first, second] = await Promise.allSettled([other(model).eval(testStream), other(model).eval(testStream)]);
        assert.equal(first.status, 'fulfilled');
        assert.equal(((second as PromiseRejectedResult).reason as { code: string }).code, 'ERR_BUSY');
      };
      await makeStrategy({ plugins: [{ afterTrainingEpoch: both }] }).train(trainStream);
    });

    it('late, from a hook that has ended: refused', async () => {
      let late: Promise<unknown> | undefined;
      const plugin: Plugin = {
        beforeTrainingEpoch({ model }) {
          const second = other(model);
          late ??= sleep(5).then(() => rejectsWithCode(second.eval(testStream), 'ERR_BUSY', /^eval: /));
        },
        afterForward: () => sleep(1),
      };
      await makeStrategy({ plugins: [plugin], trainEpochs: 6 }).train(trainStream);
      await late;
    });

    it('a model that another one trains is not given to a strategy at work', async () => {
      const first = makeStrategy({ plugins: [{ afterForward: () => sleep(1) }] });
      const second = makeStrategy();
      second.plugins.push({ beforeTrainingEpoch: (s) => void throwsWithCode(() => (s.model = first.model), 'ERR_BUSY', /^model: /) });
      await Promise.all([first.train(trainStream), second.train(trainStream)]);
      second.plugins.pop();
      second.plugins.pop();
      second.model = first.model;
    });
  });

  it('a strategy whose call was refused can be used again, and so can its model', async () => {
    const strategy = makeStrategy({ plugins: [{ afterForward: () => Promise.reject(new Error('no')) }] });
    await rejectsWithCode(strategy.train(trainStream), 'ERR_HOOK', /no/);
    await other(strategy.model).train(trainStream);
  });
});

describe('what is saved', () => {
  it('is the model at the call, whatever becomes of it meanwhile', async () => {
    const model = smallModel();
    const before = numbersOf(model.stateDict());
    const saved = jit.saveToBuffer(model);
    for (const parameter of model.parameters()) setValues(parameter, parameter.toNumbers().map(() => 7));
    model.eval();
    model.to('float64');
    const loaded = await jit.load(await saved);
    assert.deepEqual(numbersOf(loaded.stateDict()), before);
    assert.equal(loaded.training, true);
  });

  it('has the heads that were there, where the model grows meanwhile', async () => {
    const model = new models.MTSimpleMLP({ inputSize: 4, hiddenSize: 5 });
    const saved: Promise<Buffer>[] = [];
    const tasks = [1, 2, 3].map((task) => smallDataset(8, [0, 1]).withTaskLabels(task));
    const plugin: Plugin = { afterTrainDatasetAdaptation: () => void saved.push(jit.saveToBuffer(model)) };
    await makeStrategy({ model, plugins: [plugin] }).train(benchmarkFromDatasets({ train: tasks }).trainStream);
    const heads = [];
    for (const bytes of await Promise.all(saved)) {
      const names = [...(await jit.load(bytes)).namedParameters().keys()];
      heads.push(names.filter((name) => name.endsWith('classifier.weight')).length);
    }
    assert.deepEqual(heads, [1, 2, 3]);
  });
});

describe('ERR_BUSY', () => {
  it('says how to predict and save meanwhile', async () => {
    const strategy = makeStrategy({ model: new models.SimpleMLP({ inputSize: 4, hiddenSize: 400, numClasses: 4 }) });
    const { model } = strategy;
    const parameter = model.parameters()[0]!;
    const messages: string[] = [];
    const training = strategy.train(trainStream);
    const [, done] = await meanwhile(() => {
      for (const use of [() => model.forward(tensor([[1, 2, 3, 4]])), () => jit.saveToBuffer(model), () => parameter.grad]) {
        try {
          void Promise.resolve(use()).catch((error: Error) => messages.push(error.message));
        } catch (error) {
          messages.push((error as Error).message);
        }
      }
    }, () => training);
    assert.ok(done >= 0);
    for (const message of messages) {
      assert.match(message, /in a hook of the strategy .* when the promise of train or eval has resolved; to predict or save at any time use the model that strategy\.snapshot/);
    }
  });
});

describe('an evaluation in a hook puts back everything', () => {
  const evalHooks = hookNames.filter((name) => /Eval/.test(name));
  for (const name of evalHooks) {
    it(`where ${name} fails`, async () => {
      let fails = true;
      const states: unknown[] = [];
      const state = (s: SupervisedTemplate) => [
        s.experience?.currentExperience, s.isTraining, s.model.training, s.adaptedDataset !== null, s.dataloader === loader, s.step.passes(),
      ];
      let loader: unknown;
      const strategy = makeStrategy({ plugins: [{
        [name]: () => { if (fails) throw new Error('no'); },
        async afterTrainingEpoch(s: SupervisedTemplate) {
          ({ dataloader: loader } = s);
          states.push(state(s));
          await s.eval(testStream).catch(() => {});
          states.push(state(s));
        },
      }] });
      await strategy.train(trainStream.at(0)!);
      const at = [0, true, true, true, true, 1];
      assert.deepEqual(states, [at, at, at, at]);
      fails = false;
      await strategy.eval(testStream);
    });
  }

  it('also where one of its steps fails', async () => {
    const ran: string[] = [];
    class Odd extends SupervisedTemplate {
      protected override evalCleanUp(): (() => void)[] {
        return [() => assert.fail('first'), ...super.evalCleanUp(), () => assert.fail('second'), () => void ran.push('last')];
      }
    }
    const model = dropoutModel();
    const strategy = new Odd({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null });
    const hook: Plugin = {
      async beforeTrainingEpoch(s: SupervisedTemplate) {
        await assert.rejects(s.eval(testStream), /first/);
        assert.deepEqual([s.model.training, s.isTraining, s.step.passes(), s.adaptedDataset !== null], [true, true, 0, true]);
      },
    };
    strategy.plugins.push(hook);
    await strategy.train(trainStream);
    assert.deepEqual(ran, ['last', 'last']);
    strategy.plugins.pop();
    strategy.plugins.push({ beforeEval: () => Promise.reject(new Error('sooner')) });
    await rejectsWithCode(strategy.eval(testStream), 'ERR_HOOK', /sooner/);
  });
});

describe('an override that does not wait for what it overrides', () => {
  class Impatient extends SupervisedTemplate {
    override trainingEpoch(options: object): Promise<void> {
      void super.trainingEpoch(options);
      return Promise.resolve();
    }
    override evalEpoch(options: object): Promise<void> {
      void super.evalEpoch(options);
      return Promise.resolve();
    }
  }
  const make = (template: typeof SupervisedTemplate, plugins: Plugin[] = []) => {
    manualSeed(4);
    const model = dropoutModel();
    return new template({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null, trainMbSize: 4, plugins });
  };

  it('trains as one that does', async () => {
    const strategies = [make(Impatient), make(SupervisedTemplate)];
    const [impatient, patient] = [await trained(strategies[0]!), await trained(strategies[1]!)];
    assert.deepEqual(impatient, patient);
    for (const strategy of strategies) await strategy.eval(testStream);
  });

  it('fails as one that does', async () => {
    for (const name of ['afterForward', 'afterEvalForward'] as const) {
      const strategy: BaseTemplate = make(Impatient, [{ [name]: () => sleep(1).then(() => Promise.reject(new Error('late'))) }]);
      await rejectsWithCode(name === 'afterForward' ? strategy.train(trainStream) : strategy.eval(testStream), 'ERR_HOOK', /late/);
    }
  });
});
