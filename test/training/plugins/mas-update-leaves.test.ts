// What MASPlugin.updateImportance leaves as it was: modes always, and where it fails or is aborted, buffers, random numbers and memory.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, type ImportanceData, manualSeed, MASPlugin, type MASPluginOptions, nn, optim, type Plugin, SupervisedTemplate, type Tensor, tensor, TensorDataset, torch } from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { smallBenchmark } from '../../support/small-runs';
import { comparable } from '../../support/states';

const reason = new Error('enough');
const rows = [[1, 1, 0, 2], [2, 0, 1, 1], [0, 1, 3, -1], [3, -1, 0, 0], [-1, 2, 1, 0], [1, 0, 0, 1]]; // prettier-ignore
const { trainStream } = smallBenchmark();
const presets = ['avalanche', 'original2018', 'paper', 'facil', 'hsu2018', 'capymoa'] as const;

const keepsGradients: readonly string[] = ['original2018', 'paper', 'hsu2018'];

function run(options: MASPluginOptions, given: { plugins?: Plugin[]; generator?: Generator; model?: nn.Module } = {}) {
  manualSeed(3);
  const { plugins = [], model = new nn.Sequential(new nn.Linear(4, 3), new nn.BatchNorm1d(3), new nn.Dropout(0.5), new nn.Linear(3, 4)), ...rest } = given;
  const mas = new MASPlugin(options);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 2, evaluator: null, plugins: [mas, ...plugins], ...rest });
  return { mas, strategy };
}

const modesOf = (model: nn.Module) => [...model.modules()].map(({ training }) => training);

function stateOf({ mas, strategy }: ReturnType<typeof run>) {
  const { model, generator } = strategy;
  return comparable({
    mas: mas.stateDict(),
    model: Object.fromEntries(model.stateDict()),
    modes: modesOf(model),
    gradients: keepsGradients.includes(mas.preset) && model.parameters().map(({ grad }) => grad),
    random: torch.getRngState(),
    own: generator && generator.getState(),
  });
}

/** Samples that come one by one, until they fail. */
function* failing() {
  yield* rows;
  throw reason;
}

describe('updateImportance that fails or is aborted', () => {
  for (const preset of presets) {
    for (const withGenerator of [false, true]) {
      it(`leaves all as it was, gradients as the preset does: ${preset}${withGenerator ? ', with a generator' : ''}`, async () => {
        for (const isTrained of [false, true]) {
          const made = run({ preset, batchSize: 2 }, withGenerator ? { generator: new Generator({ device: 'cpu' }).manualSeed(4) } : {});
          const { mas, strategy } = made;
          const { model } = strategy;
          if (isTrained) await strategy.train(trainStream);
          else model.forward(tensor(rows)).sum().backward();
          for (const isInTrain of [false, true]) {
            model.train(isInTrain);
            model.getSubmodule('1').train(!isInTrain);
            const before = stateOf(made);
            const controller = new AbortController();
            const aborting = new TensorDataset(tensor(rows), [0, 1, 0, 1, 0, 1], { transform: (x) => (controller.abort(reason), x) });
            const failures: [ImportanceData, string][] = [
              [aborting, 'ERR_ABORTED'],
              ...(mas.stateDict().variant.shuffle ? [] : [[failing(), 'ERR_DATA_SOURCE'] as [ImportanceData, string]]),
              [tensor([...rows, [NaN, 0, 0, 0], [0, 0, 0, 0]]), 'ERR_IMPORTANCE'],
              [() => Promise.reject(reason) as never, 'ERR_DATA_SOURCE'],
            ];
            for (const [data, code] of failures) {
              const options = code === 'ERR_ABORTED' ? { signal: controller.signal } : {};
              await rejectsWithCode(mas.updateImportance(strategy, data, options), code as 'ERR_ABORTED', /./);
              assert.deepEqual(stateOf(made), before, code);
            }
          }
          await mas.updateImportance(strategy, tensor(rows));
        }
      });
    }
  }

  it('where train of the model throws', async () => {
    class Odd extends nn.Module {
      layer = new nn.Linear(4, 4);
      fails = false;
      override forward(x: Tensor): Tensor {
        return this.layer.forward(x);
      }
      override train(mode = true): this {
        if (this.fails) throw reason;
        return super.train(mode);
      }
    }
    const model = new Odd();
    const made = run({ keepHistory: true }, { model });
    await made.strategy.train(trainStream);
    const before = stateOf(made);
    model.fails = true;
    const message = /^MASPlugin\.updateImportance: train of the model failed: enough$/;
    const { cause } = await rejectsWithCode(made.mas.updateImportance(made.strategy, tensor(rows)), 'ERR_CALLBACK', message);
    assert.equal(cause, reason);
    assert.deepEqual(stateOf(made), before);
    model.fails = false;
    await made.mas.updateImportance(made.strategy, tensor(rows));
  });
});

describe('updateImportance leaves each module in its mode', () => {
  for (const preset of presets) {
    it(`outside of hooks, and in those of train and eval: ${preset}`, async () => {
      const seen: boolean[] = [];
      const looking = { modes: [] as boolean[] };
      const { mas, strategy } = run({ preset, batchSize: 2 }, {
        plugins: [{
          async beforeEvalExp(running) {
            seen.push(...modesOf(running.model));
            await mas.updateImportance(running, tensor(rows));
            seen.push(...modesOf(running.model));
          },
          afterEvalForward: ({ model, mbX, mbOutput }) => {
            seen.push(...modesOf(model));
            assert.deepEqual(mbOutput!.toArray(), model.forward(mbX!).toArray()); // no dropout
          },
          async beforeTrainingEpoch(running) {
            running.model.getSubmodule('1').eval();
            looking.modes = modesOf(running.model);
            await mas.updateImportance(running, tensor(rows));
            assert.deepEqual(modesOf(running.model), looking.modes);
          },
        }],
      }); // prettier-ignore
      await strategy.train(trainStream);
      assert.ok(looking.modes.includes(true));
      await strategy.eval(trainStream);
      assert.ok(seen.length > 0 && !seen.includes(true));
      strategy.model.eval();
      await mas.updateImportance(strategy, tensor(rows));
      assert.ok(!modesOf(strategy.model).includes(true));
    });
  }
});

describe('updateImportance closes what it has opened', () => {
  for (const preset of ['avalanche', 'paper'] as const) {
    for (const kind of ['an async generator', 'a generator', 'an iterable'] as const) {
      it(`${kind}, where it fails, is aborted or has read enough: ${preset}`, async () => {
        for (const [row, maxSamples, code] of [[[0, 0, 0, 0], 4, null], [[NaN, 0, 0, 0], 8, 'ERR_IMPORTANCE'], [[0, 0], 8, 'ERR_SHAPE'], [rows[0]!, null, 'ERR_ABORTED']] as const) {
          const controller = new AbortController();
          let closed = 0;
          let opened = 0;
          function* samples(): IterableIterator<number[]> {
            opened++;
            try {
              yield* rows;
              yield [...row];
              if (code === 'ERR_ABORTED') controller.abort(reason);
              for (;;) yield rows[0]!;
            } finally {
              closed++;
            }
          }
          async function* later(): AsyncGenerator<number[]> {
            yield* samples();
          }
          const data = kind === 'an iterable' ? { [Symbol.iterator]: samples } : kind === 'a generator' ? samples() : later();
          const { mas, strategy } = run({ preset, maxSamples });
          const update = mas.updateImportance(strategy, data, { signal: controller.signal });
          if (code) await rejectsWithCode(update, code, /./);
          else await update;
          assert.ok(opened > 0);
          assert.equal(closed, opened);
        }
      });
    }

    it(`and waits for nobody who does not answer: ${preset}`, async () => {
      for (const fails of ['next', 'return'] as const) {
        const controller = new AbortController();
        let returned = 0;
        const silent: AsyncIterableIterator<number[]> = {
          [Symbol.asyncIterator]: () => silent,
          next: () => (setImmediate(() => controller.abort(reason)), new Promise<never>(() => {})),
          return: () => (returned++, fails === 'return' ? Promise.reject(reason) : new Promise<never>(() => {})),
        };
        const { mas, strategy } = run({ preset });
        await rejectsWithCode(mas.updateImportance(strategy, silent, { signal: controller.signal }), 'ERR_ABORTED', /enough/);
        if (preset === 'paper') assert.equal(returned, 1);
        await mas.updateImportance(strategy, tensor(rows));
      }
    });
  }
});
