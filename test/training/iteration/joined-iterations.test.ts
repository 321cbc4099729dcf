// Where nobody listens, many iterations are one job; the result must not depend on it.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Hook,
  hookNames,
  type LastMetrics,
  manualSeed,
  MASPlugin,
  models,
  type nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
} from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';
import { dropoutModel, features, numbersOf, smallBenchmark } from '../../support/small-runs';

interface Outcome {
  parameters: Record<string, number[]>;
  importance: Record<string, number[]>;
  metrics: LastMetrics;
  clock: Record<string, unknown>;
}

type Strategy = new (options: SupervisedTemplateOptions) => SupervisedTemplate;

interface Variant {
  before?: Plugin[];
  after?: Plugin[];
  template?: Strategy;
  makeModel?: () => nn.Module;
  makeOptimizer?: (parameters: Tensor[]) => optim.Optimizer;
  options?: Partial<SupervisedTemplateOptions>;
}

/** Two experiences of two epochs of three iterations, the last mini-batch being smaller. */
async function run({
  before = [],
  after = [],
  template = SupervisedTemplate,
  makeModel = dropoutModel,
  makeOptimizer = (parameters) => new optim.SGD(parameters, { lr: 0.1, momentum: 0.9, weightDecay: 1e-3 }),
  options,
}: Variant): Promise<Outcome> {
  manualSeed(11);
  const model = makeModel();
  const mas = new MASPlugin({ lambdaReg: 3, alpha: 0.3 });
  const strategy = new template({
    model,
    optimizer: makeOptimizer(model.parameters()),
    trainMbSize: 5,
    evalMbSize: 3,
    trainEpochs: 2,
    evaluator: quietEvaluator(),
    plugins: [...before, mas, ...after],
    ...options,
  });
  const benchmark = smallBenchmark({ train: 13, evaluation: 7 });
  const metrics = await strategy.train(benchmark.trainStream, { evalStreams: [benchmark.testStream] });
  return {
    parameters: numbersOf(model.namedParameters()),
    importance: numbersOf(mas.importance!),
    metrics,
    clock: { ...strategy.clock },
  };
}

const everyHook = (hook: Hook): Plugin => Object.fromEntries(hookNames.map((name) => [name, hook]));

describe('iterations with and without listeners', () => {
  let undisturbed: Outcome;
  before(async () => {
    undisturbed = await run({});
  });

  it('moves every parameter, so that equal results mean something', () => {
    manualSeed(11);
    const initial = numbersOf(dropoutModel().namedParameters());
    for (const [name, values] of Object.entries(undisturbed.parameters)) {
      assert.notDeepEqual(values, initial[name], name);
      assert.ok(
        undisturbed.importance[name]!.some((value) => value > 0),
        `importance of ${name}`,
      );
    }
  });

  it('gives the same bits for the same seed, and others for fewer epochs', async () => {
    assert.deepEqual(await run({}), undisturbed);
    assert.notDeepEqual((await run({ options: { trainEpochs: 1 } })).parameters, undisturbed.parameters);
  });

  for (const name of hookNames) {
    it(`gives the same bits with a listener on ${name}`, async () => {
      let calls = 0;
      assert.deepEqual(await run({ after: [{ [name]: () => void calls++ }] }), undisturbed);
      // No evaluation takes place here.
      assert.equal(calls > 0, !name.includes('Eval'));
    });
  }

  for (const place of ['before', 'after'] as const) {
    it(`gives the same bits with a listener on all hooks, ${place} MAS`, async () => {
      assert.deepEqual(await run({ [place]: [everyHook(() => {})] }), undisturbed);
    });

    it(`gives the same bits with an asynchronous listener on all hooks, ${place} MAS`, async () => {
      assert.deepEqual(await run({ [place]: [everyHook(() => nextTurn())] }), undisturbed);
    });
  }

  it('gives the same bits where a listener reads everything that a strategy shows', async () => {
    const look: Hook = (strategy) => {
      strategy.loss.item();
      strategy.mbatch?.forEach((tensor) => tensor.toNumbers());
      strategy.mbOutput?.toNumbers();
      strategy.model.parameters().forEach((parameter) => parameter.grad?.toNumbers());
    };
    assert.deepEqual(await run({ before: [everyHook(look)], after: [everyHook(look)] }), undisturbed);
  });

  it('gives the same bits where overrides only do what they override', async () => {
    class Overriding extends SupervisedTemplate {
      override forward() {
        return super.forward();
      }
      override async criterion() {
        return super.criterion();
      }
      override backward() {
        return super.backward();
      }
      override async optimizerStep() {
        await nextTurn();
        return super.optimizerStep();
      }
    }
    assert.deepEqual(await run({ template: Overriding }), undisturbed);
  });

  it('gives the same parameters without metrics, with progress reports, and the same metrics with listeners', async () => {
    const silent = await run({ options: { evaluator: null } });
    assert.deepEqual(silent.parameters, undisturbed.parameters);
    const done: number[] = [];
    const reported = await run({ options: { onProgress: (progress) => void done.push(progress.done) } });
    assert.deepEqual(reported, undisturbed);
    assert.ok(done.length > 0);
  });

  it('gives the same bits for heads that grow, with Adam and evaluation in between, listeners or none', async () => {
    const variant: Variant = {
      makeModel: () => new models.MTSimpleMLP({ inputSize: features, hiddenSize: 8 }),
      makeOptimizer: (parameters) => new optim.Adam(parameters, { lr: 0.01 }),
      options: { evalEvery: 1 },
    };
    const quiet = await run(variant);
    assert.equal(quiet.parameters['classifier.classifiers.0.classifier.bias']!.length, 4);
    assert.deepEqual(await run({ ...variant, after: [everyHook(() => nextTurn())] }), quiet);
    class Overriding extends SupervisedTemplate {
      override forward() {
        return super.forward();
      }
    }
    assert.deepEqual(await run({ ...variant, template: Overriding }), quiet);
  });

  for (const pevalMode of ['epoch', 'iteration'] as const) {
    it(`gives the same bits with evaluation after each ${pevalMode}, listeners or none`, async () => {
      const options = { evalEvery: 1, pevalMode };
      const quiet = await run({ options });
      assert.deepEqual(await run({ options, after: [everyHook(() => nextTurn())] }), quiet);
      assert.deepEqual(await run({ options, before: [{ afterEvalIteration: () => {} }] }), quiet);
    });
  }
});
