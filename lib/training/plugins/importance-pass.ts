import { z } from 'zod';
import { DataLoader } from '../../data/data-loader';
import type { Dataset } from '../../data/dataset';
import type { Inputs } from '../../data/inputs';
import { IterableDataset } from '../../data/iterable-dataset';
import { TensorDataset } from '../../data/tensor-dataset';
import { ContinualTorchError } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import { InteractiveLogger } from '../../logging/interactive-logger';
import { native } from '../../native/binding';
import type { NativeImportancePass, NativePassOptions } from '../../native/types';
import { nativeModule } from '../../nn/module';
import { boolean, instanceOf, parseArgument, parseOptions, positiveInteger } from '../../options';
import { noProgressDisplay, progressDisplay } from '../../progress-display';
import { DrawsOf, Generator } from '../../tensor/generator';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';
import { callUserAtOnce } from '../../user-function';
import { passOver } from '../iteration/plugin-pass';
import { BegunExperience } from './begun-experience';
import { QuadraticPenalty } from './quadratic-penalty';
import { keepsSamplesApart } from './samples-apart';

const penaltySchema = instanceOf(QuadraticPenalty, 'a QuadraticPenalty');
const measureSchema = z.object({
  isFirst: boolean,
  data: z.union([instanceOf(TensorDataset, ''), instanceOf(IterableDataset, '')], 'a TensorDataset or an IterableDataset').optional(),
  batchSize: positiveInteger.optional(),
  shuffle: boolean.default(false),
  maxSamples: positiveInteger.optional(),
  mode: z.enum(['train', 'eval'], '"train" or "eval"').default('train'),
  restoreMode: boolean.default(false),
  isUndone: boolean.default(false),
  gradients: z.enum(['of the pass', 'none', 'as before'], '"of the pass", "none" or "as before"').default('of the pass'),
  criterion: boolean.default(false),
  dropLast: boolean.default(false),
  rule: z.record(z.string(), z.custom<RuleOption>()).default({}),
  excluded: z.array(z.string(), 'an array of parameter names').default([]),
  unseen: z.enum(['merge', 'keep'], '"merge" or "keep"').default('merge'),
  normalize: z.enum(['mean', 'max'], '"mean" or "max"').nullable().default(null),
  keepMeasured: boolean.default(false),
  operation: z.string('a string').optional(),
  verbose: boolean.default(false),
});

/** An option of a rule. */
export type RuleOption = number | string | readonly number[];

/** How `ImportancePass.measure` goes about it. */
export interface MeasureOptions {
  /** Whether what was measured takes the place of what the penalty remembers, as after the first experience. */
  isFirst: boolean;
  /** What to measure on; targets are read with `criterion` alone. Default: the experience's data. */
  data?: TensorDataset | IterableDataset;
  /** Samples in a mini-batch. Default `strategy.trainMbSize`. */
  batchSize?: number;
  /** Whether the data is shuffled, by the default generator. Default false. */
  shuffle?: boolean;
  /** How many samples at most, the first ones of their order. Default: all. */
  maxSamples?: number;
  /** The mode that the model is put in. Default `"train"`. */
  mode?: 'train' | 'eval';
  /** Whether each module is put back into the mode in which it was. Default false. */
  restoreMode?: boolean;
  /** @internal Whether random numbers, too, are as they were where the pass fails or is aborted. Default false. */
  isUndone?: boolean;
  /**
   * What gradients parameters have afterwards: those of the last mini-batch (none, where importances are of samples), none, or those
   * that they had before; then nothing is drawn from the default generator either, but by `shuffle` and the model. Default `"of the pass"`.
   */
  gradients?: 'of the pass' | 'none' | 'as before';
  /** Whether the criterion's loss is computed, for rules that differentiate it. Default false. */
  criterion?: boolean;
  /**
   * Leaves out an incomplete last mini-batch, unless it is the only one of data that knows its length; where importances are of
   * samples, of which none is incomplete, there is none. Default false.
   */
  dropLast?: boolean;
  /** Options of the rule that are others this time. */
  rule?: Readonly<Record<string, RuleOption>>;
  /** Names of parameters whose importance is 0. Default: none. */
  excluded?: readonly string[];
  /** `"keep"`: what no gradient has reached stays as it was in a merge. Default `"merge"`. */
  unseen?: 'merge' | 'keep';
  /** Divides what was measured by its mean, or its largest element, over all parameters. Default null. */
  normalize?: 'mean' | 'max' | null;
  /** Whether what was measured is returned. Default false. */
  keepMeasured?: boolean;
  /** Who measures, in messages. Default: the plugin's `afterTrainingExp`. */
  operation?: string;
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
 * | `ewc` | square of the gradient of the criterion, or of the cross entropy with the predicted class | the quadratics add up, or decay old + measured | as in `EWCPlugin` `mode`, `labels`, `granularity`; `decay`, `outputs` |
 * | `mas` | magnitude of the gradient of an objective of the outputs | alpha old + (1 - alpha) measured, or old + measured | `alpha`, and as in `MASPlugin` `objective`, `granularity`, `weighting`, `merge`, `firstExperience`, `newParams`; `outputs`: the columns that count, none: all |
 *
 * Importances, and the parameters as they are at its end, go to the penalty. `docs/methods.md` shows how a method is made.
 */
export class ImportancePass {
  readonly #rule: string;
  readonly #options: Readonly<Record<string, RuleOption>>;
  /** Where importances go. */
  readonly penalty: QuadraticPenalty;
  /** @internal */
  readonly begun: BegunExperience;

  /** @throws ERR_INVALID_ARG_VALUE for a rule that is not known, or an option that it lacks; ERR_INVALID_ARG_TYPE */
  constructor(rule: string, options: Readonly<Record<string, RuleOption>>, penalty: QuadraticPenalty) {
    this.penalty = parseArgument('ImportancePass', 'penalty', penaltySchema, penalty);
    this.begun = new BegunExperience(this.penalty.handle);
    this.#rule = rule;
    this.#options = options;
    this.#stages({}, { ...asTheyAre, operation: this.#hook });
  }

  /**
   * An experience is to be learned: where it takes the place of one that has been measured and has not come to its end (a later
   * hook has failed, and `restart` was given), the penalty remembers again what it did before that one. For `beforeTrainingExp`.
   * A plugin that calls it calls `settle` too. @throws ERR_BUSY
   */
  begin(strategy: Strategy): void {
    this.begun.begin(strategy);
  }

  /** All that was measured stays, and what the penalty remembered before is let go. For `afterTraining`. @throws ERR_BUSY */
  settle(): void {
    this.begun.settle();
  }

  /**
   * Measures on the experience's own data, in its order, in mini-batches of `strategy.trainMbSize`, unless told otherwise; what a
   * plugin has put into `adaptedDataset` is of other experiences. For `afterTrainingExp`. A `forward` that the strategy overrides is used.
   * @returns with `keepMeasured` what was measured, by parameter name, before it was merged; else null
   * @throws ERR_CALL_ORDER where the model changes meanwhile, or outside of a training; ERR_EMPTY_EXPERIENCE where there is no
   * mini-batch; ERR_IMPORTANCE where the model fails, or a gradient is NaN or infinite; ERR_FORWARD where a `forward` of yours does;
   * ERR_SAMPLES_MEET where importances are of samples and BatchNorm normalises with the mini-batch; ..._NO_IMPORTANCE where
   * there is nothing to merge with; ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_ABORTED. The model's
   * buffers (BatchNorm's running statistics) are then as they were, and it can be measured again.
   */
  async measure(strategy: Strategy, options: MeasureOptions): Promise<Map<string, Tensor> | null> {
    const given = parseOptions('ImportancePass.measure', measureSchema, options);
    const { isFirst, mode, criterion, rule, excluded, unseen, normalize, keepMeasured } = given;
    const operation = given.operation ?? this.#hook;
    const stages = this.#stages(rule, { excluded, unseen, normalize: normalize ?? 'none', keepsMeasured: keepMeasured, operation });
    const { begin, accumulate, replace, merge, isOfSamples } = stages;
    const before = stateBefore(strategy, given);
    const display = this.#display(strategy, given.verbose);
    const passOf = async (source: DataLoader<Dataset, Inputs>): Promise<void> => {
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
      const data = dataOf(strategy, operation, given, isOfSamples);
      callUserAtOnce('ERR_CALLBACK', `${operation}: train of the model failed`, () => strategy.model.train(mode === 'train'));
      try {
        await passOf(data);
      } catch (error) {
        if (!stages.needsSingleSamples()) throw error;
      }
      if (isOfSamples && (stages.needsSingleSamples() || !(await keepsSamplesApart(strategy, data)))) {
        before.restoreBuffers();
        await passOf(new DataLoader(data.dataset, { batchSize: 1, generator: data.generator }));
      }
      // What was added to a model in TypeScript is native from here on, so that it is noticed.
      nativeModule(strategy.model);
      await strategy.runNative([isFirst ? replace : merge]);
      this.begun.measured(strategy);
      return keepMeasured ? new Map(stages.measured().map(([name, handle]) => [name, new Tensor(handle)])) : null;
    } catch (error) {
      before.undo();
      throw ofThePass(error, operation);
    } finally {
      display.stop();
      before.restore();
    }
  }

  /** Where a pass has its place. */
  get #hook(): string {
    return `${this.penalty.names.plugin}.afterTrainingExp`;
  }

  /** The phases of a pass with these options. */
  #stages(rule: Readonly<Record<string, RuleOption>>, pass: NativePassOptions): NativeImportancePass {
    return native.createImportancePass(this.#rule, { ...this.#options, ...rule }, this.penalty.handle, pass);
  }

  /** On stderr, unless a logger shows progress anyway. */
  #display(strategy: Strategy, verbose: boolean) {
    const { active, loggers } = strategy.evaluator;
    const isShown = active && loggers.some((logger) => logger instanceof InteractiveLogger && logger.isListening);
    return verbose && !isShown ? progressDisplay(`${this.penalty.names.method} importance`) : noProgressDisplay;
  }
}

const asTheyAre = { excluded: [], unseen: 'merge', normalize: 'none', keepsMeasured: false } as const;

type Given = z.output<typeof measureSchema>;

/** What a pass may leave behind as it was, and what one that fails does. */
function stateBefore({ model, device }: Strategy, { restoreMode, gradients, isUndone }: Given) {
  const modes = restoreMode ? nativeModule(model).modes() : null;
  const copy = (tensor: Tensor) => ops.aten.clone!(tensor) as Tensor;
  const buffers = noGrad(() => model.buffers().map((buffer): [Tensor, Tensor] => [buffer, copy(buffer)]));
  const draws = new DrawsOf(device);
  if (isUndone) draws.keep();
  const grads = gradients === 'as before' ? nativeModule(model).gradients() : null;
  const restoreBuffers = () => noGrad(() => buffers.forEach(([buffer, copied]) => void ops.aten.copy_!(buffer, copied)));
  return {
    restoreBuffers,
    undo: () => {
      restoreBuffers();
      draws.takeBack();
    },
    restore: () => {
      draws.forget();
      for (const [, copied] of buffers) copied.dispose();
      if (grads !== null) nativeModule(model).setGradients(grads);
      if (gradients === 'none') nativeModule(model).setGradients({});
      if (modes) nativeModule(model).setModes(modes);
    },
  };
}

function dataOf(strategy: Strategy, operation: string, given: Given, isOfSamples: boolean): DataLoader<Dataset, Inputs> {
  const { shuffle, maxSamples, gradients } = given;
  const batchSize = given.batchSize ?? strategy.trainMbSize;
  const all = given.data ?? strategy.requireExperience(operation).dataset;
  // A loader draws, as PyTorch's does, also where it does not shuffle.
  const generator = gradients === 'as before' && !shuffle ? new Generator({ device: 'cpu' }) : null;
  const dataset = maxSamples === undefined ? all : firstOf(all, maxSamples, shuffle);
  const isOnlyOne = dataset.length !== undefined && dataset.length < batchSize;
  return new DataLoader(dataset, { batchSize, shuffle, dropLast: given.dropLast && !isOfSamples && !isOnlyOne, generator });
}

function firstOf(data: Dataset, count: number, shuffle: boolean): Dataset {
  if (data instanceof IterableDataset) return data.take(count);
  if (!(data instanceof TensorDataset) || data.length <= count) return data;
  const order = shuffle ? (ops.aten.randperm!(data.length, { device: 'cpu' }) as Tensor).toNumbers() : Array.from({ length: count }, (_, i) => i);
  return data.subset(order.slice(0, count));
}

/** Says that it was in this pass, and not in training, that the model failed. */
function ofThePass(error: unknown, operation: string): unknown {
  if (!(error instanceof ContinualTorchError)) return error;
  const { code, message } = error;
  if (code === 'ERR_FORWARD' && message.startsWith('forward: the model failed')) {
    return new ContinualTorchError('ERR_IMPORTANCE', message.replace('forward', 'importance'), { cause: error });
  }
  if (code === 'ERR_INPUTS') {
    const why = `${operation}: importances are measured on the data as they are, without the hooks of an iteration; inputs can be made by a transform of the dataset. `;
    return new ContinualTorchError(code, why + message, { cause: error });
  }
  return error;
}
