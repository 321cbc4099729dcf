import { z } from 'zod';
import { DataLoader } from '../../data/data-loader';
import type { Dataset } from '../../data/dataset';
import type { Inputs } from '../../data/inputs';
import { ContinualTorchError } from '../../errors';
import type { Counters, Strategy } from '../../hooks/strategy';
import { InteractiveLogger } from '../../logging/interactive-logger';
import { native } from '../../native/binding';
import type { NativeImportancePass } from '../../native/types';
import { type Module, nativeModule } from '../../nn/module';
import { boolean, instanceOf, parseArgument, parseOptions } from '../../options';
import { noProgressDisplay, progressDisplay } from '../../progress-display';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import type { Tensor } from '../../tensor/tensor';
import { passOver } from '../iteration/plugin-pass';
import { QuadraticPenalty } from './quadratic-penalty';
import { keepsSamplesApart } from './samples-apart';

const penaltySchema = instanceOf(QuadraticPenalty, 'a QuadraticPenalty');
const schema = z.object({
  isFirst: boolean,
  mode: z.enum(['train', 'eval'], '"train" or "eval"').default('train'),
  criterion: boolean.default(false),
  dropLast: boolean.default(false),
  verbose: boolean.default(false),
});

/** How `ImportancePass.measure` goes about it. */
export interface MeasureOptions {
  /** Whether what was measured takes the place of what the penalty remembers, as after the first experience. */
  isFirst: boolean;
  /** The mode that the model is put in, and left in. Default `"train"`. */
  mode?: 'train' | 'eval';
  /** Whether the criterion's loss is computed, for rules that differentiate it. Default false. */
  criterion?: boolean;
  /**
   * Leaves out an incomplete last mini-batch, unless it is the only one of data that knows its length; where importances are of
   * samples, of which none is incomplete, there is none. Default false.
   */
  dropLast?: boolean;
  /** Shows progress on stderr. Default false. */
  verbose?: boolean;
}

/**
 * Measures how much each parameter matters, in a pass over the data that has just been learned, on the compute thread.
 *
 * A rule in C++ says what is differentiated in a mini-batch, what its gradients g_b add, and how an experience's importance is
 * merged with those of earlier ones; the pass takes the mean over the B mini-batches:
 *
 *     measured = 1/B sum_b rule(g_b)
 *
 * | rule | of a mini-batch | merged | options |
 * | --- | --- | --- | --- |
 * | `mas` | magnitude of the gradient of the outputs' mean squared norm | alpha old + (1 - alpha) measured | `alpha` |
 *
 * Importances, and the parameters as they are at its end, go to the penalty. `docs/methods.md` shows how a method is made.
 */
export class ImportancePass {
  readonly #stages: NativeImportancePass;
  /** The training under way that has been measured, by its clock and by the experiences before it. */
  #measured: { clock: Counters; experience: number } | null = null;
  /** Where importances go. */
  readonly penalty: QuadraticPenalty;

  /** @throws ERR_INVALID_ARG_VALUE for a rule that is not known, or an option that it lacks; ERR_INVALID_ARG_TYPE */
  constructor(rule: string, options: Readonly<Record<string, number>>, penalty: QuadraticPenalty) {
    this.penalty = parseArgument('ImportancePass', 'penalty', penaltySchema, penalty);
    this.#stages = native.createImportancePass(rule, options, penalty.handle);
  }

  /**
   * An experience is to be learned: where it takes the place of one that has been measured and has not come to its end (a later
   * hook has failed, and `restart` was given), the penalty remembers again what it did before that one. For `beforeTrainingExp`.
   * A plugin that calls it calls `settle` too. @throws ERR_BUSY
   */
  begin({ clock }: Strategy): void {
    const measured = this.#measured;
    if (measured?.clock === clock && measured.experience === clock.trainExpCounter) this.penalty.handle.takeBack();
    this.penalty.handle.keepPrevious(true);
    this.#measured = null;
  }

  /** All that was measured stays, and what the penalty remembered before is let go. For `afterTraining`. @throws ERR_BUSY */
  settle(): void {
    this.penalty.handle.keepPrevious(false);
    this.#measured = null;
  }

  /**
   * Measures on the experience's own data, in its order, in mini-batches of `strategy.trainMbSize`; what a plugin has put
   * into `adaptedDataset` is of other experiences. For `afterTrainingExp`. A `forward` that the strategy overrides is used.
   * @throws ERR_CALL_ORDER where the model changes meanwhile, or outside of a training; ERR_EMPTY_EXPERIENCE where there is no
   * mini-batch; ERR_IMPORTANCE where the model fails, ERR_FORWARD where a `forward` of yours does; ..._NO_IMPORTANCE where
   * there is nothing to merge with; ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_ABORTED. The model's
   * buffers (BatchNorm's running statistics) are then as they were, and it can be measured again.
   */
  async measure(strategy: Strategy, options: MeasureOptions): Promise<void> {
    const { isFirst, mode, criterion, dropLast, verbose } = parseOptions('ImportancePass.measure', schema, options);
    const { plugin, method } = this.penalty.names;
    const hook = `${plugin}.afterTrainingExp`;
    const { begin, accumulate, replace, merge, isOfSamples } = this.#stages;
    const data = dataOf(strategy, hook, dropLast && !isOfSamples);
    strategy.model.train(mode === 'train');
    const buffers = noGrad(() => copiedBuffers(strategy.model));
    const isShown = strategy.evaluator.active && strategy.evaluator.loggers.some((logger) => logger instanceof InteractiveLogger && logger.isListening);
    const display = verbose && !isShown ? progressDisplay(`${method} importance`) : noProgressDisplay;
    const passOf = async (source: typeof data): Promise<void> => {
      await strategy.runNative([begin]);
      strategy.passBegins('importance');
      await passOver(strategy, source, {
        criterion,
        steps: [accumulate],
        onProgress: (done, total) => {
          if (Number.isNaN(total)) display.update(0, `${done} mini-batches`, Math.floor(done / 100));
          else display.update(done / total, `${done}/${total} mini-batches`, Math.floor((4 * done) / total));
          return strategy.reportProgress({ phase: 'importance', done, total });
        },
      });
    };
    try {
      try {
        await passOf(data);
      } catch (error) {
        if (!this.#stages.needsSingleSamples()) throw error;
      }
      if (isOfSamples && (this.#stages.needsSingleSamples() || !(await keepsSamplesApart(strategy, data)))) {
        restore(buffers);
        await passOf(new DataLoader(data.dataset, { batchSize: 1 }));
      }
      // What was added to a model in TypeScript is native from here on, so that it is noticed.
      nativeModule(strategy.model);
      await strategy.runNative([isFirst ? replace : merge]);
      this.#measured = { clock: strategy.clock, experience: strategy.clock.trainExpCounter };
    } catch (error) {
      restore(buffers);
      throw ofThePass(error, hook);
    } finally {
      display.stop();
      for (const [, copy] of buffers) copy.dispose();
    }
  }
}

/** Each buffer of a model, and a copy of it. */
function copiedBuffers(model: Module): [buffer: Tensor, copy: Tensor][] {
  return model.buffers().map((buffer) => [buffer, ops.aten.clone!(buffer) as Tensor]);
}

function restore(buffers: [buffer: Tensor, copy: Tensor][]): void {
  noGrad(() => buffers.forEach(([buffer, copy]) => void ops.aten.copy_!(buffer, copy)));
}

function dataOf(strategy: Strategy, hook: string, dropLast: boolean): DataLoader<Dataset, Inputs> {
  const { dataset } = strategy.requireExperience(hook);
  const batchSize = strategy.trainMbSize;
  const isOnlyOne = dataset.length !== undefined && dataset.length < batchSize;
  return new DataLoader(dataset, { batchSize, dropLast: dropLast && !isOnlyOne });
}

/** Says that it was in this pass, and not in training, that the model failed. */
function ofThePass(error: unknown, hook: string): unknown {
  if (!(error instanceof ContinualTorchError)) return error;
  const { code, message } = error;
  if (code === 'ERR_FORWARD' && message.startsWith('forward: the model failed')) {
    return new ContinualTorchError('ERR_IMPORTANCE', message.replace('forward', 'importance'), { cause: error });
  }
  if (code === 'ERR_INPUTS') {
    const why = `${hook}: importances are measured on the data as they are, without the hooks of an iteration; inputs can be made by a transform of the dataset. `;
    return new ContinualTorchError(code, why + message, { cause: error });
  }
  return error;
}
