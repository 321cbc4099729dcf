// strategy.stop(): the whole call ends in an orderly way, wherever it comes from.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  EvaluationPlugin,
  type HookName,
  hookNames,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  type Strategy,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
} from '../../lib/index';
import { smallBenchmark, smallModel } from '../support/small-runs';

const { trainStream, testStream } = smallBenchmark();

function makeStrategy(options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  const model = smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 2,
    trainEpochs: 2,
    evalMbSize: 2,
    evaluator: null,
    ...options,
  });
}

/** Writes down every hook, and stops the nth time that one is called. */
function stopping(at: HookName, seen: string[], call: 'stop' | 'stopTraining' = 'stop', nth = 1): Plugin {
  let left = nth;
  const hook = (name: HookName) => (strategy: Strategy) => {
    seen.push(name);
    if (name === at && --left === 0) strategy[call]();
  };
  return Object.fromEntries(hookNames.map((name) => [name, hook(name)]));
}

const outside = (seen: string[]) => seen.filter((name) => /^(before|after)(Training|TrainingExp|TrainingEpoch|Eval|EvalExp)$/.test(name));

describe('stop', () => {
  it('ends training behind the iteration, with the last hooks of epoch, experience and call', async () => {
    for (const name of hookNames.slice(hookNames.indexOf('beforeTrainingIteration'), hookNames.indexOf('afterTrainingIteration') + 1)) {
      const seen: string[] = [];
      const mas = new MASPlugin();
      const strategy = makeStrategy({ plugins: [mas, stopping(name, seen, 'stop', 2)] });
      await strategy.train(trainStream);
      const last = seen.slice(seen.lastIndexOf('afterTrainingIteration') + 1);
      assert.deepEqual(last, ['afterTrainingEpoch', 'beforeTrainingEpoch', 'afterTrainingExp', 'afterTraining'], name);
      assert.equal(strategy.clock.trainIterations, 2);
      assert.equal(strategy.clock.trainExpCounter, 1);
      assert.ok(mas.importance);
      // The next call is not stopped.
      await strategy.train(trainStream[1]!);
      assert.equal(strategy.clock.trainExpIterations, 8);
    }
  });

  it('ends an experience as stopTraining does, and no further one is begun', async () => {
    for (const name of hookNames.slice(0, hookNames.indexOf('afterTraining'))) {
      const [stopped, ended]: [string[], string[]] = [[], []];
      await makeStrategy({ plugins: [stopping(name, stopped)] }).train(trainStream);
      await makeStrategy({ plugins: [stopping(name, ended, 'stopTraining')] }).train(trainStream[0]!);
      // The reference forgets what is asked for before the experience begins.
      const expected = name === 'beforeTraining' ? ['beforeTraining', 'afterTraining'] : ended;
      assert.deepEqual(stopped, expected, name);
    }
  });

  it('ends training whose iterations are joined', async () => {
    const strategy = makeStrategy({ trainEpochs: 1_000_000, onProgress: () => strategy.stop() });
    await strategy.train(trainStream);
    assert.equal(strategy.clock.trainExpCounter, 1);
    assert.ok(strategy.clock.trainIterations < 1000);
  });

  it('is heard in an evaluation in a hook, which goes to its end', async () => {
    const seen: string[] = [];
    const strategy = makeStrategy({ plugins: [stopping('afterEvalIteration', seen)], evalEvery: 0 });
    await strategy.train(trainStream, { evalStreams: [testStream] });
    assert.deepEqual(outside(seen), ['beforeTraining', 'beforeEval', 'beforeEvalExp', 'afterEvalExp', 'beforeEvalExp', 'afterEvalExp', 'afterEval', 'afterTraining']);
  });

  it('ends an evaluation with the experience, whose values are those of the whole', async () => {
    const seen: string[] = [];
    const evaluator = () => new EvaluationPlugin(accuracyMetrics({ experience: true }), { loggers: [] });
    const strategy = makeStrategy({ plugins: [stopping('afterEvalIteration', seen)], evaluator });
    const values = await strategy.eval(testStream);
    assert.deepEqual(outside(seen), ['beforeEval', 'beforeEvalExp', 'afterEvalExp', 'afterEval']);
    const name = 'Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000';
    assert.deepEqual(Object.keys(values), [name]);
    const whole = makeStrategy({ model: strategy.model, evaluator });
    assert.equal((await whole.eval(testStream[0]!))[name], values[name]);
  });

  it('does nothing where nothing is under way', async () => {
    const strategy = makeStrategy();
    strategy.stop();
    await strategy.train(trainStream);
    assert.equal(strategy.clock.trainIterations, 16);
    assert.ok(strategy.model instanceof nn.Module);
  });
});
