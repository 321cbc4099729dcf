import type { MiniBatchSource } from '../../data/dataset';
import type { Strategy } from '../../hooks/strategy';
import { Phase } from '../../phase';
import { callUser, isThenable } from '../../user-function';
import { IterationPlan, type PlanPart } from './iteration-plan';
import { openSource } from './mini-batch-source';
import { NativeRuns } from './native-runs';
import { stepsOf } from './steps';

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
 * mini-batches; ERR_BUSY outside of the strategy's hooks, while it is at work
 */
export async function passOver(strategy: Strategy, data: MiniBatchSource, pass: PluginPass): Promise<void> {
  const { step, model } = strategy;
  const { forward, criterion } = stepsOf(strategy);
  const plugins = pass.steps.map(
    (of): PlanPart =>
      () => [typeof of === 'function' ? { kind: 'call', call: of } : { kind: 'native', phase: of }],
  );
  const parts: PlanPart[] = [clear, forward, ...(pass.criterion ? [criterion] : []), ...plugins];
  step.open(true);
  try {
    const source = openSource(data, step, (batch) => (strategy.mbatch = batch));
    const runs = new NativeRuns({ step, model, isTraining: true });
    const plan = new IterationPlan(parts, (phases, most) => runs.run(phases, most), source && source.fetch);
    try {
      const total = callUser('ERR_DATA_SOURCE', 'data: failed', () => data.length) ?? NaN;
      for (let done = 0, exhausted = false; !exhausted; ) {
        const progress = await plan.advance();
        ({ exhausted } = progress);
        done += progress.iterations;
        const reported = pass.onProgress?.(done, total);
        if (isThenable(reported)) await reported;
      }
    } catch (error) {
      // What came first is what is reported, also where the source cannot be closed after it.
      await source?.close().catch(() => {});
      throw error;
    }
    await source?.close();
  } finally {
    step.close();
  }
}

const clear: PlanPart = () => [{ kind: 'native', phase: Phase.zeroGrad }];
