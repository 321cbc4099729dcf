import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import type { AnyExperience, TrainOptions } from '../../hooks/train-options';
import { hasNativeTwin } from '../../hooks/twins';
import { Module } from '../../nn/module';
import { instanceOf, parseArgument, parseOptions } from '../../options';
import { anyNumber, anyState, arrayOf, byName, checkState, object, type State, tensorState } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import { signalSchema } from '../templates/abort';
import { BaseSGDTemplate } from '../templates/base-sgd';
import { datasetOf, type ImportanceData, importanceDataSchema, SlidingWindow } from './importance-data';
import { ImportanceHistory, type MeasuredImportance } from './importance-history';
import { ImportancePass } from './importance-pass';
import { excludedFrom } from './included-parameters';
import { masOptions, type MASPluginOptions, type MASPreset, type Variant, variantOf } from './mas-options';
import { MASReport } from './mas-report';
import { PenaltyPlugin } from './penalty-plugin';
import type { PenaltyUpdate } from './penalty-update';
import { QuadraticPenalty, requireSameOptions } from './quadratic-penalty';

const schema = z.object(masOptions);
const updateSchema = z.object({ signal: signalSchema.optional() });
const names = {
  method: 'MAS',
  plugin: 'MASPlugin',
  weight: 'lambdaReg',
  noImportanceCode: 'ERR_MAS_NO_IMPORTANCE',
  shapeCode: 'ERR_MAS_SHAPE',
} as const;

const stateSchema = z.object({
  lambdaReg: anyNumber.optional(),
  alpha: anyState.optional(),
  penaltyUpdate: anyState.optional(),
  variant: byName(anyState).optional(),
  importance: byName(tensorState),
  anchor: byName(tensorState),
  history: arrayOf(object({ experience: anyNumber.nullable(), importance: byName(tensorState) })).optional(),
  window: anyState.optional(),
});

/** One measurement: who asks for it, what its data is called there, the data (null: that of the experience). */
interface Measurement {
  operation: string;
  name: string;
  data: ImportanceData | null;
  dropLast: boolean;
  /** Of which experience it is in the history. */
  experience: number | null;
  /** Whether modes are then as they were, and where it fails random numbers too, whatever the preset's pass leaves behind. */
  isUndone: boolean;
}

/** What a `MASPlugin` remembers. */
export type MASStateDict = {
  /** The weight of the penalty. */
  lambdaReg: number;
  /** The share of the old importances. */
  alpha: number | 'classCount';
  /** How the penalty reaches the parameters. */
  penaltyUpdate: PenaltyUpdate;
  /** The other options that say what an importance is. */
  variant: { readonly [option: string]: string | number | boolean | null };
  /** Omega by parameter name; empty before the first experience has ended. */
  importance: Record<string, Tensor>;
  /** theta* by parameter name. */
  anchor: Record<string, Tensor>;
  /** With `keepHistory`: of each experience what was measured, by parameter name. */
  history?: {
    /** How many experiences had been learned before; null: measured by `updateImportance`, but while an experience was learned. */
    experience: number | null;
    /** By parameter name. */
    importance: Record<string, Tensor>;
  }[];
  /** The samples of a `SlidingWindow`. */
  window?: State;
};

/**
 * Memory Aware Synapses (Aljundi et al., "Memory Aware Synapses: Learning what (not) to forget", ECCV 2018,
 * arXiv 1711.09601), unless told otherwise with the numbers of Avalanche's `MASPlugin`; `preset` names other variants.
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
 * With `preset: 'paper'` (granularity `'sample'`) it is equation 2 itself, exact, N being the number of samples, in eval mode; it depends
 * neither on the mini-batch size nor on the order:
 *
 *     Omega = 1/N sum_k | d/d theta ||F(x_k)||^2 |,    Omega <- Omega_old + Omega
 *
 * With `penaltyUpdate: 'proximal'` the loss stays as it is; behind the optimizer's update, eta being the learning rate of the
 * parameter's group (AdamW treats weight decay likewise),
 *
 *     theta <- (theta + 2 eta lambdaReg Omega theta*) / (1 + 2 eta lambdaReg Omega)
 *
 * With `'gradient'` a process warning (WARN_PENALTY_UNSTABLE) says once, at the beginning of an experience, where SGD's steps on the
 * penalty run away: 2 eta lambdaReg max(Omega) > 2, with momentum m 2 (1 + m), with Nesterov's 2 (1 + m) / (1 + 2 m).
 *
 * Outputs are [B, C], [B, C, ...] (norm over dimension 1, mean over the rest) or [B] (as [B, 1]). Without other options the mini-batches
 * are those of `trainMbSize` in the order of the data; `dropLast` given to `train` leaves out an incomplete last one here too,
 * unless it is the only one. A `forward` that the strategy overrides is used.
 *
 * Penalty and importance pass run on the compute thread. As the reference's, the pass leaves the model in train mode, moves BatchNorm's
 * running statistics once more for each mini-batch, and leaves the last mini-batch's gradients behind; presets in eval mode
 * (`original2018`, `paper`, `hsu2018`) leave modes, buffers and gradients as they were.
 *
 * @throws ERR_INVALID_ARG_VALUE for a negative or NaN `lambdaReg`, an `alpha` outside [0, 1], or options that contradict each other;
 * ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_MAS_NO_IMPORTANCE where the plugin joins a strategy that has trained
 * before, ERR_CALL_ORDER where the model changes while importances are measured, or where a hook is called outside of a training,
 * ERR_EMPTY_EXPERIENCE where there is no mini-batch to measure them on, ERR_IMPORTANCE where the model fails on one or a gradient is
 * NaN or infinite, ERR_SAMPLES_MEET where importances are of samples and BatchNorm normalises with the mini-batch, ERR_MAS_SHAPE where
 * a parameter has shrunk or what was loaded is of another model, ERR_MAS_HISTORY where a history does not fit into memory
 */
export class MASPlugin extends PenaltyPlugin {
  /** The weight of the penalty. */
  readonly lambdaReg: number;
  /** Whose variant it is, where no option says otherwise. */
  readonly preset: MASPreset;
  /** The share of the old importances where new ones are merged in. */
  readonly alpha: number | 'classCount';
  /** Whether the importance pass shows its progress on stderr; `onProgress` is told in any case. */
  readonly verbose: boolean;
  readonly #variant: Variant;
  readonly #normalize: 'mean' | 'max' | null;
  readonly #data: ImportanceData | null;
  readonly #pass: ImportancePass;
  readonly #history: ImportanceHistory | null;

  constructor(options?: MASPluginOptions) {
    const parsed = parseOptions('MASPlugin', schema, options);
    const { lambdaReg, preset, penaltyUpdate, normalize, keepHistory, verbose } = parsed;
    const { data, ...variant } = variantOf(parsed);
    const { alpha, objective, granularity, weighting, merge, firstExperience, newParams, penaltyScale } = variant;
    const weight = penaltyScale === 1 ? names.weight : `${penaltyScale} ${names.weight}`;
    const penalty = new QuadraticPenalty({ lambda: penaltyScale * lambdaReg }, { ...names, weight });
    const rule = { alpha: typeof alpha === 'number' ? alpha : 0.5, objective, granularity, weighting, merge, firstExperience, newParams };
    const pass = new ImportancePass('mas', rule, penalty);
    super(penalty, pass.begun, penaltyUpdate);
    this.lambdaReg = lambdaReg;
    this.preset = preset;
    this.alpha = alpha;
    this.verbose = verbose;
    this.#variant = variant;
    this.#normalize = normalize;
    this.#data = data;
    this.#history = keepHistory ? new ImportanceHistory('MASPlugin', 'keepHistory') : null;
    this.#pass = pass;
  }

  /** With `keepHistory` what was measured of each experience, before it was merged; else empty. */
  get history(): readonly MeasuredImportance[] {
    return this.#history?.entries ?? [];
  }

  /** Importances and anchors, the memory itself, and the options. @throws ERR_BUSY while a job uses it */
  stateDict(): MASStateDict {
    const { importance, anchor } = this.penalty.stateDict();
    const { lambdaReg, alpha, penaltyUpdate } = this;
    return {
      ...{ lambdaReg, alpha, penaltyUpdate, variant: this.#plainOptions(), importance, anchor },
      ...(this.#history && { history: this.#history.stateDict() }),
      ...(this.#data instanceof SlidingWindow && { window: this.#data.stateDict() }),
    };
  }

  /**
   * How much importance each parameter and layer holds, how far it has moved, and what part of the penalty it pays at present; with
   * `keepHistory` also which experiences it protects. Computed in float64 at once; nothing is changed. Before there is any
   * importance the report is empty.
   *
   *     console.log(mas.report(strategy.model));
   *
   * @param model what is held: its parameters are compared with theta*
   * @throws ERR_INVALID_ARG_TYPE; ERR_MAS_SHAPE where what is remembered is of another model; ERR_BUSY while a job uses either
   */
  report(model: Module): MASReport {
    parseArgument('MASPlugin.report', 'model', instanceOf(Module, 'a Module'), model);
    return new MASReport(this.penalty, model, this.#history && this.history);
  }

  /**
   * Goes on with copies of what a state remembers: of `stateDict`, or of another model whose parameters have the same names. The
   * next experience is then charged for it and merged with it, also where it is the strategy's first; where parameters have
   * grown since, as heads do, their low indices are held. All but `importance` and `anchor` may be left out.
   * @throws ERR_STATE_DICT, also where an option is another; ERR_BUSY while a job uses the memory
   */
  loadStateDict(state: unknown): void {
    const { importance, anchor, history, window, variant, ...options } = checkState('MASPlugin', stateSchema, state);
    const { lambdaReg, alpha, penaltyUpdate } = this;
    requireSameOptions('MASPlugin', { lambdaReg, alpha, penaltyUpdate }, options);
    requireSameOptions('MASPlugin', this.#plainOptions(), variant ?? {});
    if (window !== undefined && this.#data instanceof SlidingWindow) this.#data.loadStateDict(window);
    this.penalty.loadStateDict({ importance, anchor });
    this.#history?.loadStateDict(history ?? []);
    this.memoryIsLoaded();
  }

  /** As `PenaltyPlugin`; and forgets what was measured of the experience where it is learned again. */
  override async beforeTrainingExp(strategy: Strategy): Promise<void> {
    this.#history?.dropFrom(strategy.clock.trainExpCounter);
    await super.beforeTrainingExp(strategy);
  }

  /** Adds the mini-batch to the `SlidingWindow` that importances are measured on, where there is one. */
  override afterTrainingIteration(strategy: Strategy): void {
    if (this.#data instanceof SlidingWindow) this.#data.add(strategy.mbInputs!, strategy.mbTaskId ?? undefined);
  }

  /** Measures the importance of the experience that has just been learned and merges it. */
  override async afterTrainingExp(strategy: Strategy, { dropLast = false }: TrainOptions = {}): Promise<void> {
    const experience = strategy.clock.trainExpCounter;
    await this.#measure(strategy, { operation: 'MASPlugin.afterTrainingExp', name: 'importanceData', data: this.#data, dropLast, experience, isUndone: false });
  }

  /**
   * Measures importances between experiences, or before the first, and merges them with what is remembered, if anything: the anchors are
   * then the parameters as they are. A model that was trained elsewhere is protected so from its first experience here on. What is
   * measured in a hook, while an experience is learned, belongs to the experience: where that fails and is begun anew, it is taken
   * back. All else stays, and with it what had been merged by then, of a half-ended experience too.
   *
   * Each module is then in the mode in which it was; where it fails or is aborted, buffers, random numbers and what was remembered
   * are as before, too. Gradients are those that the preset's pass leaves behind.
   *
   *     await mas.updateImportance(strategy, images); // [N, ...], without labels
   *     await strategy.train(experience);             // is charged for moving what mattered on them
   *
   * @param data what to measure on; needs no labels
   * @param options `signal`: aborts it as it aborts `train`, after the mini-batch under way
   * @throws as the pass behind an experience; ERR_BUSY while the strategy is at work, outside of its hooks; ERR_ABORTED
   */
  async updateImportance(strategy: Strategy, data: ImportanceData, options?: { signal?: AbortSignal }): Promise<void> {
    const operation = 'MASPlugin.updateImportance';
    parseArgument(operation, 'strategy', z.instanceof(BaseSGDTemplate, { error: 'a strategy' }), strategy);
    const measure = async () => {
      const isOfExperience = strategy.isInTrain && this.begun.isOf(strategy);
      const experience = isOfExperience ? strategy.clock.trainExpCounter : null;
      await this.#measure(strategy, { operation, name: 'data', data, dropLast: false, experience, isUndone: true });
      if (!isOfExperience) this.memoryIsMade();
    };
    await strategy.alone(operation, measure, () => {
      parseArgument(operation, 'data', importanceDataSchema, data);
      const { signal } = parseOptions(operation, updateSchema, options);
      return { ...(signal && { signal }) };
    });
  }

  /** @internal Whether mini-batches are to be kept. */
  get watches(): boolean {
    return this.#data instanceof SlidingWindow;
  }

  /** A pass over this data, or over that of the experience. */
  async #measure(strategy: Strategy, { operation, name, data: from, dropLast, experience: of, isUndone }: Measurement): Promise<void> {
    const { granularity, lastBatch, batchSize, maxSamples, shuffle, mode, restoreMode, gradients, unseenHeads } = this.#variant;
    const { experience } = strategy;
    const history = this.#history;
    history?.requireRoom(strategy.model);
    const data = from === null ? null : await strategy.unlessAborted(datasetOf(operation, name, from, experience, granularity === 'sample'), null);
    const measuring = this.#pass.measure(strategy, {
      operation,
      isFirst: !this.hasMemory(strategy),
      ...(data !== null && { data: data.dataset }),
      ...(batchSize !== null && { batchSize }),
      ...(maxSamples !== null && { maxSamples }),
      ...{ shuffle, mode, restoreMode: restoreMode || isUndone, isUndone, gradients, verbose: this.verbose, normalize: this.#normalize, keepMeasured: history !== null },
      dropLast: lastBatch === 'training' ? dropLast : lastBatch === 'drop',
      unseen: unseenHeads === 'keep' ? 'keep' : 'merge',
      excluded: excludedFrom(this.#variant.include, strategy.model),
      rule: this.#ruleOf(experience),
    });
    const measured = await measuring.finally(() => data?.close());
    if (measured) history?.add(of, measured);
  }

  /** What of the rule depends on the experience. */
  #ruleOf(experience: AnyExperience | null): Record<string, number | readonly number[]> {
    const seen = experience?.classesSeenSoFar ?? [];
    return {
      ...(this.alpha === 'classCount' && seen.length > 0 && { alpha: (experience?.previousClasses ?? []).length / seen.length }),
      ...(this.#variant.outputs === 'seen' && { outputs: seen }),
    };
  }

  /** Those that can be written and compared. */
  #plainOptions(): Record<string, string | number | boolean | null> {
    const { include, alpha: _, ...plain } = this.#variant;
    return { ...plain, include: typeof include === 'string' ? include : 'function', normalize: this.#normalize };
  }
}

hasNativeTwin<MASPlugin>(MASPlugin.prototype.afterTrainingIteration, (plugin) => (plugin.watches ? undefined : null));
