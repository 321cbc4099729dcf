import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ContinualTorchError, isGradEnabled, manualSeed, type SupervisedTemplate } from '../../../lib/index';
import { numbersOf } from '../../support/small-runs';
import type { Program } from './program';
import { makeSubject, type Subject } from './subject';

type Numbers = Record<string, number[]>;

/**
 * Runs a program. Whatever a user's function does, a call resolves or rejects with an error of ours; afterwards the strategy
 * is at rest, and trains as one that is new; and no listener changes what is learned.
 * @returns the codes that calls ended with
 * @throws what does not hold
 */
export async function check(program: Program): Promise<string[]> {
  const subject = makeSubject(program);
  const { strategy, benchmark } = subject;
  const outcomes = [await outcome(() => strategy.train(benchmark.trainStream)), await outcome(() => strategy.eval(benchmark.testStream))];
  await Promise.all(subject.left);
  assertAtRest(strategy);
  subject.mend();
  if (program.fault === null) assert.deepEqual(outcomes, ['ok', 'ok'], 'a program without a fault');
  await assertAsNew(program, subject);
  if (program.fault === null && !program.mas) assert.deepEqual(await learned(program, true), await learned(program, false), 'listeners');
  return outcomes;
}

async function outcome(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
    return 'ok';
  } catch (error) {
    if (isOurs(error)) return error.code;
    throw new Error(`an error without a code: ${inspect(error)}`, { cause: error });
  }
}

function isOurs(error: unknown): error is ContinualTorchError {
  try {
    return error instanceof ContinualTorchError;
  } catch {
    return false;
  }
}

function assertAtRest(strategy: SupervisedTemplate): void {
  assert.equal(strategy.experience, null);
  assert.equal(strategy.mbatch, null);
  assert.equal(strategy.adaptedDataset, null);
  assert.equal(strategy.isTraining, true);
  assert.deepEqual(strategy.evalStreams, []);
  assert.deepEqual(strategy.currentEvalStream, []);
  assert.equal(strategy.step.passes(), 0);
  assert.equal(isGradEnabled(), true);
}

/** It trains from new weights as a new strategy does. MAS and a model that grows keep what they have learned: they train. */
async function assertAsNew(program: Program, { strategy, benchmark, left }: Subject): Promise<void> {
  if (program.mas || program.model === 'growing') {
    const code = await outcome(() => strategy.train(benchmark.trainStream));
    assert.ok(['ok', 'ERR_MAS_NO_IMPORTANCE', 'ERR_LOSS_NOT_FINITE'].includes(code), `training again: ${code}`);
    return;
  }
  const fresh = makeSubject({ ...program, fault: null });
  strategy.model.loadStateDict(fresh.strategy.model.stateDict());
  const results: Numbers[] = [];
  for (const subject of [fresh, { strategy, benchmark, left }]) {
    manualSeed(program.seed);
    await subject.strategy.train(subject.benchmark.trainStream.at(0)!, { resetOptimizerState: true });
    await Promise.all(subject.left);
    results.push(numbersOf(subject.strategy.model.stateDict()));
  }
  assert.deepEqual(results[1], results[0], 'training again, as a new strategy');
}

async function learned(program: Program, listens: boolean): Promise<Numbers> {
  const { strategy, benchmark, left } = makeSubject(program, listens);
  manualSeed(program.seed);
  await strategy.train(benchmark.trainStream);
  await Promise.all(left);
  return numbersOf(strategy.model.stateDict());
}
