import { z } from 'zod';
import { DataLoader } from '../../data/data-loader';
import type { Dataset, MiniBatch } from '../../data/dataset';
import { type Inputs, toNativeInputs } from '../../data/inputs';
import { jobBudgetMs } from '../../latency';
import { job, native } from '../../native/binding';
import type { NativeMas } from '../../native/types';
import { noProgressDisplay, progressDisplay } from '../../progress-display';
import { nativeModule } from '../../nn/module';
import { boolean, nonNegativeNumber, parseOptions, unitInterval } from '../../options';
import { requireTensor, Tensor } from '../../tensor/tensor';
import { callUser } from '../../user-function';
import { succeeded } from '../iteration/iteration-plan';
import { hasNativeTwin, nativeTwin } from '../../hooks/native-twin';
import { SupervisedPlugin } from '../../hooks/plugin';
import type { Strategy } from '../../hooks/strategy';
import type { TrainOptions } from '../../hooks/train-options';

/** The option schema of `MASPlugin`, for strategies that add options of their own. */
export const masOptions = {
  lambdaReg: nonNegativeNumber.default(1),
  alpha: unitInterval.default(0.5),
  verbose: boolean.default(false),
};
const schema = z.object(masOptions);

/** Options of `MASPlugin`. */
export interface MASPluginOptions {
  /** Weight of the penalty, at least 0. Default 1. */
  lambdaReg?: number;
  /** Share of the old importance when a new one is merged, in [0, 1]. Default 0.5. */
  alpha?: number;
  /** Shows progress over the importance pass on stderr. Default false. */
  verbose?: boolean;
}

/**
 * Memory Aware Synapses (Aljundi et al., "Memory Aware Synapses: Learning what (not) to forget", ECCV 2018,
 * arXiv 1711.09601), with the numbers of Avalanche's `MASPlugin`.
 *
 * After each experience the importance of every parameter is measured on its data, without labels (section 4.1, equation
 * 2, with a mini-batch's gradient in place of each sample's; F is the model in train mode, B the number of mini-batches):
 *
 *     Omega = 1/B sum_b | d/d theta  mean_{x in b} ||F(x)||^2 |
 *
 * and merged: `Omega <- alpha Omega_old + (1 - alpha) Omega`. From the second experience on the loss gets the penalty
 * (equation 4), theta* being the parameters at the end of the latest experience; no factor 1/2:
 *
 *     lambdaReg * sum Omega (theta - theta*)^2
 *
 * Outputs are [B, C], [B, C, ...] (norm over dimension 1, mean over the rest) or [B] (as [B, 1]). The mini-batches are
 * those of `trainMbSize` in the order of the data; `dropLast` given to `train` leaves out an incomplete last one here too,
 * unless it is the only one. A `forward` that the strategy overrides is used.
 *
 * Penalty and importance pass run on the compute thread. The pass leaves the model in train mode, moves BatchNorm's
 * running statistics once more for each mini-batch, and leaves the last mini-batch's gradients behind, as the reference's.
 *
 * @throws ERR_INVALID_ARG_VALUE for a negative or NaN `lambdaReg` or an `alpha` outside [0, 1]; ERR_UNKNOWN_OPTION; while
 * training ERR_MAS_NO_IMPORTANCE where the plugin joins a strategy that has trained before, ERR_CALL_ORDER where the model
 * changes while importances are measured, or where a hook is called outside of a training, ERR_EMPTY_EXPERIENCE where there
 * is no mini-batch to measure them on
 */
export class MASPlugin extends SupervisedPlugin {
  override readonly supportsDistributed = false;
  /** The weight of the penalty. */
  readonly lambdaReg: number;
  /** The share of the old importances where new ones are merged in. */
  readonly alpha: number;
  /** Whether the importance pass reports its progress. */
  readonly verbose: boolean;
  /** @internal */
  readonly handle: NativeMas;

  constructor(options?: MASPluginOptions) {
    super();
    const { lambdaReg, alpha, verbose } = parseOptions('MASPlugin', schema, options);
    this.lambdaReg = lambdaReg;
    this.alpha = alpha;
    this.verbose = verbose;
    this.handle = native.createMas(lambdaReg, alpha);
  }

  /**
   * Omega by parameter name, each in its parameter's shape and dtype, of half precision in float32 and of complex numbers
   * real; null before the first experience has ended. The memory itself: the next experience changes it in place.
   * @throws ERR_BUSY while a job uses it
   */
  get importance(): Map<string, Tensor> | null {
    const memory = this.handle.memory();
    return memory.length === 0 ? null : new Map(memory.map(([name, importance]) => [name, new Tensor(importance)]));
  }

  /** theta* by parameter name, in its dtype; else as `importance`. */
  get params(): Map<string, Tensor> | null {
    const memory = this.handle.memory();
    return memory.length === 0 ? null : new Map(memory.map(([name, , anchor]) => [name, new Tensor(anchor)]));
  }

  /** Adds the penalty to `strategy.loss`, in place; not during the first experience. */
  override async beforeBackward(strategy: Strategy): Promise<void> {
    if (strategy.clock.trainExpCounter > 0) await strategy.runNative([this.handle]);
  }

  /** Measures the importance of the experience that has just been learned and merges it. */
  override async afterTrainingExp(strategy: Strategy, options: TrainOptions = {}): Promise<void> {
    const { step, model } = strategy;
    const loader = importanceLoader(strategy, options);
    model.train();
    const total = loader.length ?? NaN;
    const progress = this.verbose ? progressDisplay('MAS importance') : noProgressDisplay;
    let done = 0;
    const advanceBy = async (iterations: number) => {
      done += iterations;
      const quarter = Math.floor((4 * done) / total);
      progress.update(done / total, `${done}/${total} mini-batches`, quarter);
      await strategy.reportProgress({ phase: 'importance', done, total });
    };
    step.open();
    try {
      step.beginImportance(this.handle);
      const isNative = nativeTwin(strategy.forward, strategy, strategy) !== undefined;
      const pass = isNative ? loader.openNative() : null;
      if (pass) {
        step.load(pass);
        for (let exhausted = false; !exhausted; ) {
          const part = succeeded(await job(step.accumulateImportance(this.handle, jobBudgetMs)));
          exhausted = part.exhausted;
          await advanceBy(part.iterations);
        }
      } else if (isNative) {
        for await (const [x, y, taskId] of loader) {
          await job(step.accumulateBatch(this.handle, toNativeInputs(x), y.handle, taskId.handle));
          await advanceBy(1);
        }
      } else {
        await withMiniBatchesOf(loader, strategy, async () => {
          const output = await outputOf(strategy);
          await job(step.accumulateOutput(this.handle, output.handle));
          await advanceBy(1);
        });
      }
      // What was added to a model in TypeScript is native from here on, so that it is noticed.
      nativeModule(strategy.model);
      await job(step.endImportance(this.handle, strategy.clock.trainExpCounter === 0));
    } finally {
      progress.stop();
      step.close();
    }
  }
}

hasNativeTwin<MASPlugin>(MASPlugin.prototype.beforeBackward, (plugin, strategy) =>
  strategy.clock.trainExpCounter > 0 ? plugin.handle : null,
);

/** The experience's own data: what a plugin has put into `adaptedDataset` is of other experiences. */
function importanceLoader(strategy: Strategy, { dropLast }: TrainOptions): DataLoader<Dataset, Inputs> {
  const { dataset } = strategy.requireExperience('MASPlugin.afterTrainingExp');
  const batchSize = strategy.trainMbSize;
  const isOnlyOne = dataset.length !== undefined && dataset.length < batchSize;
  return new DataLoader(dataset, { batchSize, dropLast: (dropLast ?? false) && !isOnlyOne });
}

/** Makes each mini-batch the strategy's current one in turn, and puts back the one that it had. */
async function withMiniBatchesOf(
  loader: AsyncIterable<MiniBatch<Inputs>>,
  strategy: Strategy,
  use: () => Promise<void>,
): Promise<void> {
  const { mbInputs, mbY, mbTaskId, mbOutput } = strategy;
  try {
    for await (const batch of loader) {
      strategy.mbatch = batch;
      await use();
    }
  } finally {
    if (mbInputs) strategy.mbatch = [mbInputs, mbY!, mbTaskId!];
    else strategy.step.clear();
    if (mbOutput) strategy.mbOutput = mbOutput;
  }
}

function outputOf(strategy: Strategy): Promise<Tensor> {
  return callUser('ERR_FORWARD', 'forward: failed', async () => requireTensor('forward', await strategy.forward()));
}
