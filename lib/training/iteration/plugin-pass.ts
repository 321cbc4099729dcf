import { z } from 'zod';
import type { MiniBatchSource } from '../../data/dataset';
import type { Strategy } from '../../hooks/strategy';
import { boolean, parseOptions } from '../../options';
import { Phase } from '../../phase';
import { IterationPlan, type PlanPart } from './iteration-plan';
import { openSource } from './mini-batch-source';
import { NativeRuns } from './native-runs';
import { runPlan } from './run-plan';
import { stepsOf } from './steps';

const isStep = (value: unknown): boolean =>
  typeof value === 'function' || typeof value === 'number' || (typeof value === 'object' && value !== null);

const schema = z.object({
  criterion: boolean.default(false),
  steps: z.array(z.custom<PluginPass['steps'][number]>(isStep, 'a phase or a function'), 'an array of phases and functions'),
  onProgress: z.custom<NonNullable<PluginPass['onProgress']>>((value) => typeof value === 'function', 'a function').optional(),
});

/** What a plugin does with the mini-batches of a pass of its own. */
export interface PluginPass {
  /** Whether the criterion's loss is computed too. Default false. */
  criterion?: boolean;
  /** What comes after that, in this order: native phases, which are one job where no function stands between them, or functions. */
  steps: readonly (Phase | (() => void | Promise<void>))[];
  /** Called every few milliseconds, in mini-batches; `total` is NaN where the data does not know its length. */
  onProgress?(done: number, total: number): void | Promise<void>;
}

/**
 * Takes a model through mini-batches of a plugin's own, in one of its hooks, on the compute thread: for each, gradients are
 * cleared, the output and where asked for the loss are computed, and the plugin's steps follow. Nothing is updated, and no
 * hook is called. Gradients are recorded; the mode of the model is the caller's. Steps find the mini-batch in
 * `strategy.mbX`, `mbY`, `mbOutput` and `loss`; afterwards those are again what they were before.
 *
 *     // In afterTrainingExp: the gradients of each mini-batch, without labels.
 *     await passOver(strategy, new DataLoader(strategy.experience!.dataset, { batchSize: 32 }), {
 *       steps: [() => strategy.mbOutput!.square().mean().backward(), () => collect(strategy.model)],
 *     });
 *
 * @param data a `DataLoader`, or anything that gives mini-batches
 * @throws ERR_FORWARD, ERR_CRITERION, ERR_DATA_SOURCE, or what a step throws; ERR_INVALID_ARG_TYPE where `data` gives no
 * mini-batches; ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_BUSY outside of the strategy's hooks, while it is at work;
 * ERR_ABORTED
 */
export async function passOver(strategy: Strategy, data: MiniBatchSource, pass: PluginPass): Promise<void> {
  const { steps, criterion: withCriterion, onProgress } = parseOptions('passOver', schema, pass);
  const { step, model, safePoints } = strategy;
  const training = { step, model, safePoints, isTraining: true };
  const { forward, criterion } = stepsOf(strategy, training);
  const plugins = steps.map(
    (of): PlanPart =>
      () => [typeof of === 'function' ? { kind: 'call', call: of } : { kind: 'native', phase: of }],
  );
  const parts: PlanPart[] = [clear, forward, ...(withCriterion ? [criterion] : []), ...plugins];
  step.open(true);
  try {
    const unlessAborted = <T>(promise: PromiseLike<T>) => strategy.unlessAborted(promise, null);
    const source = openSource(data, { step, unlessAborted }, (batch) => (strategy.mbatch = batch));
    const runs = new NativeRuns(training);
    const plan = new IterationPlan(parts, (phases, most) => runs.run(phases, most), source.fetch);
    await runPlan(plan, data, source, { safePoint: () => strategy.pause(null), ...(onProgress && { onProgress }) });
  } finally {
    step.close();
  }
}

const clear: PlanPart = () => [{ kind: 'native', phase: Phase.zeroGrad }];
