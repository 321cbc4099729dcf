// A strategy that has rejected a call must be as good as before.
import assert from 'node:assert/strict';
import {
  type ContinualTorchError,
  type ErrorCode,
  manualSeed,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
} from '../../lib/index';
import { rejectsWithCode } from './assertions';
import { quietEvaluator } from './evaluators';
import { numbersOf, smallBenchmark, smallModel } from './small-runs';

/** A strategy on the 4-5-4 MLP, mini-batches of 4. */
export function smallStrategy(options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  manualSeed(8);
  const model = smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }),
    trainMbSize: 4,
    evalMbSize: 4,
    evaluator: quietEvaluator(),
    ...options,
  });
}

/** It trains and evaluates: parameters move, counters advance by what was done, modes are the right ones. */
export async function assertUsable(strategy: SupervisedTemplate): Promise<void> {
  const clock = { ...strategy.clock };
  assert.equal(strategy.experience, null);
  assert.equal(strategy.mbatch, null);
  assert.equal(strategy.adaptedDataset, null);
  assert.deepEqual(strategy.evalStreams, []);
  assert.deepEqual(strategy.currentEvalStream, []);

  const modes: [hook: string, isTraining: boolean, modelTraining: boolean][] = [];
  const watch: Plugin = Object.fromEntries(
    (['beforeForward', 'beforeEvalForward'] as const).map((hook) => [
      hook,
      (s: SupervisedTemplate) => void modes.push([hook, s.isTraining, s.model.training]),
    ]),
  );
  const before = numbersOf(strategy.model.namedParameters());
  const { trainStream, testStream } = smallBenchmark();
  strategy.plugins.unshift(watch);
  try {
    // An experience that the call has left half ended is given up.
    await strategy.train(trainStream.at(0)!, { restart: true });
    await strategy.eval(testStream.at(0)!);
  } finally {
    strategy.plugins.splice(strategy.plugins.indexOf(watch), 1);
  }
  const after = numbersOf(strategy.model.namedParameters());
  assert.notDeepEqual(after, before);
  assert.ok(Object.values(after).flat().every(Number.isFinite));
  const { trainEpochs } = strategy;
  const iterations = 2 * trainEpochs;
  assert.deepEqual(modes, [
    ...Array.from({ length: iterations }, () => ['beforeForward', true, true]),
    ['beforeEvalForward', false, false],
  ]);
  assert.equal(strategy.model.training, true);
  assert.deepEqual(
    { ...strategy.clock },
    {
      ...clock,
      trainIterations: clock.trainIterations + iterations,
      trainExpCounter: clock.trainExpCounter + 1,
      trainExpEpochs: trainEpochs,
      trainExpIterations: iterations,
      trainEpochIterations: 2,
      totalIterations: clock.totalIterations + iterations + 1,
    },
  );
}

/** The call rejects as described, twice in a row, and the strategy remains usable. */
export async function rejectsAndSurvives(
  strategy: SupervisedTemplate,
  call: () => Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<ContinualTorchError> {
  await rejectsWithCode(call(), code, message);
  const error = await rejectsWithCode(call(), code, message);
  await assertUsable(strategy);
  return error;
}
