// MASPlugin.updateImportance around and inside a training: what it merges with, and what is taken back of it.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { Generator, MASPlugin, type MASPluginOptions, nn, optim, type Plugin, type Strategy, SupervisedTemplate, tensor, type TrainOptions } from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { smallBenchmark } from '../../support/small-runs';

const rows = [[1, 1, 0, 2], [2, 0, 1, 1], [0, 1, 3, -1], [3, -1, 0, 0]]; // prettier-ignore
const { trainStream } = smallBenchmark();

/** Nothing moves, so that what is measured depends on the data alone; sums show what was merged. */
function run(options: MASPluginOptions = {}, ...plugins: Plugin[]) {
  const model = new nn.Linear(4, 4, { bias: false });
  model.parameters()[0]!.detach().copy_(tensor([[1, 2, 0, -1], [0, 1, 1, 0], [2, 0, 1, 1], [-1, 0, 2, 1]])); // prettier-ignore
  const mas = new MASPlugin({ merge: 'sum', keepHistory: true, ...options });
  const generator = new Generator({ device: 'cpu' }).manualSeed(0);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0 });
  const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 4, evaluator: null, generator, plugins: [mas, ...plugins] });
  return { mas, strategy };
}

/** The sum of Omega; null: nothing is remembered. */
const total = ({ importance }: MASPlugin) => importance && importance.get('weight')!.sum().item();
const experiencesOf = ({ history }: MASPlugin) => history.map(({ experience }) => experience);

/** So that there are parameters to measure before the first experience has prepared them. */
const prepare = (strategy: SupervisedTemplate) => new MASPlugin().updateImportance(strategy, tensor(rows));

function isNear(actual: number | null, expected: number): void {
  assert.ok(actual !== null && Math.abs(actual - expected) < 1e-4 * expected, `expected ${expected}, got ${actual}`);
}

/** What is measured on the rows, and on each of two experiences. */
async function parts(options: MASPluginOptions): Promise<[rows: number, first: number, second: number]> {
  const [updated, trained] = [run(options), run(options)];
  await updated.mas.updateImportance(updated.strategy, tensor(rows));
  await trained.strategy.train(trainStream[0]!);
  const first = total(trained.mas)!;
  await trained.strategy.train(trainStream[1]!);
  return [total(updated.mas)!, first, total(trained.mas)! - first];
}

const reason = new Error('enough');

for (const options of [{ preset: 'original2018' }, { preset: 'paper' }, {}] as const) {
  describe(`updateImportance merges, ${'preset' in options ? options.preset : 'avalanche'}`, () => {
    let [ofRows, first, second] = [NaN, NaN, NaN];
    before(async () => ([ofRows, first, second] = await parts(options)));

    for (const inFront of [false, true]) {
      for (const hook of ['beforeTraining', 'beforeTrainDatasetAdaptation', 'beforeTrainingExp', 'afterTrainingEpoch', 'afterTrainingExp', 'afterTraining'] as const) {
        it(`in ${hook} of a plugin ${inFront ? 'in front of' : 'behind'} it`, async () => {
          const updating: Plugin = { [hook]: (strategy: Strategy) => mas.updateImportance(strategy, tensor(rows)) };
          const { mas, strategy } = run(options);
          strategy.plugins.splice(inFront ? 0 : 1, 0, updating);
          await prepare(strategy);
          await strategy.train(trainStream);
          const updates = hook === 'beforeTraining' || hook === 'afterTraining' ? 1 : 2;
          isNear(total(mas), updates * ofRows + first + second);
          const numbers = { beforeTraining: [null, 0, 1], beforeTrainDatasetAdaptation: [null, 0, null, 1], afterTraining: [0, 1, null] };
          const isBegun = hook === 'beforeTrainingExp' ? !inFront : !(hook in numbers);
          assert.deepEqual(experiencesOf(mas), isBegun ? [0, 0, 1, 1] : (numbers[hook as never] ?? [null, 0, null, 1]));
        });
      }
    }

    it('outside of hooks, with what a half-ended first experience has left', async () => {
      for (const restart of [false, true]) {
        let fails = true;
        const { mas, strategy } = run(options, {
          afterTrainingExp() {
            if (fails) throw reason;
          },
        });
        await rejectsWithCode(strategy.train(trainStream), 'ERR_HOOK', /enough/);
        isNear(total(mas), first);
        await mas.updateImportance(strategy, tensor(rows));
        isNear(total(mas), first + ofRows);
        fails = false;
        await strategy.train(trainStream, { restart });
        isNear(total(mas), (restart ? 2 : 1) * first + ofRows + second);
      }
    });

    it('in a hook of an evaluation, and the training behind it', async () => {
      let updates = 1;
      const { mas, strategy } = run(options, { beforeEvalExp: (running) => (updates-- > 0 ? mas.updateImportance(running, tensor(rows)) : undefined) });
      await prepare(strategy);
      await strategy.eval(trainStream);
      await strategy.train(trainStream);
      isNear(total(mas), ofRows + first + second);
      assert.deepEqual(experiencesOf(mas), [null, 0, 1]);
    });
  });
}

describe('updateImportance in a training that fails', () => {
  const hooks = ['beforeTrainingExp', 'beforeTrainingEpoch', 'afterTrainingEpoch', 'afterTrainingExp'] as const;
  for (const hook of hooks) {
    for (const isAborted of [false, true]) {
      it(`is taken back where the experience is begun anew: ${isAborted ? 'aborted' : 'thrown'} behind ${hook}`, async () => {
        const [ofRows, first, second] = await parts({});
        for (const from of [0, 1]) {
          for (const restart of [false, true]) {
            const controller = new AbortController();
            let fails = true;
            const updating: Plugin = {
              async [hook](running: Strategy, _options: TrainOptions) {
                if (running.clock.trainExpCounter !== from || !fails) return;
                await mas.updateImportance(running, tensor(rows));
                if (isAborted) controller.abort(reason);
                else throw reason;
              },
            };
            const { mas, strategy } = run({}, updating);
            const failing = strategy.train(trainStream, { signal: controller.signal });
            await rejectsWithCode(failing, isAborted ? 'ERR_ABORTED' : 'ERR_HOOK', /enough/);
            fails = false;
            await strategy.train(trainStream.slice(from, 2), { restart });
            const isKept = hook === 'afterTrainingExp' && !restart;
            isNear(total(mas), first + second + (isKept ? ofRows : 0));
            assert.equal(strategy.clock.trainExpCounter, 2);
          }
        }
      });
    }
  }

  it('begins anew where nothing is loaded', async () => {
    const { mas, strategy } = run({}, { afterTrainingEpoch: (running) => mas.updateImportance(running, tensor(rows)).then(() => Promise.reject(reason)) });
    await rejectsWithCode(strategy.train(trainStream), 'ERR_HOOK', /enough/);
    mas.loadStateDict({ importance: {}, anchor: {} });
    await mas.updateImportance(strategy, tensor(rows));
    isNear(total(mas), (await parts({}))[0]);
  });
});
