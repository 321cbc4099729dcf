import { inspect } from 'node:util';
import { z } from 'zod';
import { DataLoader } from '../../data/data-loader';
import { ContinualTorchError } from '../../errors';
import type { HookName } from '../../hooks/hook-names';
import { pluginName, SupervisedPlugin, takesCheckpoints } from '../../hooks/plugin';
import type { PassProgress, Strategy } from '../../hooks/strategy';
import type { AnyExperience, Experiences, TrainOptions } from '../../hooks/train-options';
import { hasNativeTwin, nativeTwin } from '../../hooks/twins';
import { counted, listed, summary } from '../../inspect';
import { CrossEntropyLoss } from '../../nn/losses';
import type { Module } from '../../nn/module';
import { parseOptions } from '../../options';
import { Phase } from '../../phase';
import type { LastMetrics } from '../../results/metric-values';
import type { State } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import type { PlanPart } from '../iteration/iteration-plan';
import { runPass } from '../iteration/pass';
import { Progress } from '../iteration/progress';
import { PassKeeper } from '../iteration/pass-keeper';
import { hookPart } from '../iteration/plan-parts';
import { stepsOf } from '../iteration/steps';
import { Clock } from '../plugins/clock';
import type { EvaluationPlugin } from '../plugins/evaluation';
import { PeriodicEval } from '../plugins/periodic-eval';
import { aboutStrategy } from '../state/about';
import { load, type LoadedCheckpoint, save } from '../state/keeping';
import { loadStrategyState, strategyState } from '../state/strategy-state';
import { type Resumption, type TrainingState, writeTrainingState } from '../state/training-state';
import { MiniBatchTemplate } from './mini-batch-template';
import type { Place } from './place';
import { type BaseSGDTemplateOptions, baseSGDOptions, makeEvaluator } from './sgd-options';

const schema = z.object(baseSGDOptions);

/**
 * Epochs and iterations of stochastic gradient descent.
 *
 *     beforeTrainingExp: trainDatasetAdaptation, makeTrainDataloader, checkModelAndOptimizer, with their hooks
 *     trainExp: for each epoch
 *       beforeTrainingEpoch
 *       trainingEpoch: for each mini-batch
 *         beforeTrainingIteration
 *         clear gradients; beforeForward; forward; afterForward
 *         criterion; beforeBackward; backward; afterBackward
 *         beforeUpdate; optimizerStep; afterUpdate
 *         afterTrainingIteration
 *       afterTrainingEpoch
 *     beforeEvalExp: evalDatasetAdaptation, makeEvalDataloader, modelAdaptation, with their hooks
 *     evalExp: evalEpoch: for each mini-batch
 *       beforeEvalIteration; beforeEvalForward; forward; afterEvalForward
 *       criterion; afterEvalIteration
 *
 * Every method may be overridden alone; an override is called on the JavaScript thread, what is left alone runs on the
 * compute thread.
 */
export abstract class BaseSGDTemplate extends MiniBatchTemplate implements Strategy {
  /** Samples in a training mini-batch. */
  readonly trainMbSize: number;
  /** Epochs on each experience. */
  readonly trainEpochs: number;
  /** Samples in an evaluation mini-batch. */
  readonly evalMbSize: number;
  /** What measures and logs. */
  readonly evaluator: EvaluationPlugin;
  /** How many iterations, epochs and experiences there have been. */
  readonly clock = new Clock();
  /** Called every few milliseconds, where given. */
  readonly onProgress: ((progress: PassProgress) => void | Promise<void>) | null;

  readonly #progress = new Progress(this);
  private stopRequested = false;
  private isLearning = false;
  /** Of the epoch under way. */
  #keeper: PassKeeper | null = null;
  /** The training that is gone on with; null once it is under way. */
  #begun: TrainingState | null = null;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE */
  constructor(options: BaseSGDTemplateOptions) {
    const parsed = parseOptions(new.target.name, schema, options);
    const { model, device, plugins, generator, optimizer, trainMbSize } = parsed;
    super({ model, device, plugins, generator }, optimizer, parsed.criterion ?? new CrossEntropyLoss());
    this.trainMbSize = trainMbSize;
    this.trainEpochs = parsed.trainEpochs;
    this.evalMbSize = parsed.evalMbSize ?? trainMbSize;
    this.onProgress = parsed.onProgress;
    this.evaluator = makeEvaluator(parsed.evaluator);
    const { lossFunction } = this;
    if (lossFunction instanceof SupervisedPlugin && !plugins.includes(lossFunction)) this.plugins.push(lossFunction);
    // The clock comes last: all others see its counters before they advance.
    this.plugins.push(this.evaluator, new PeriodicEval(parsed.evalEvery, parsed.pevalMode), this.clock);
  }

  /** @returns the latest value of every metric, by name */
  override async train(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics> {
    await this.#listened(() => super.train(experiences, options));
    return this.evaluator.getLastMetrics();
  }

  /** @returns the latest value of every metric, by name */
  override async eval(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics> {
    await this.#listened(() => super.eval(experiences, options));
    return this.evaluator.getLastMetrics();
  }

  /** The model's output for the current mini-batch. */
  abstract forward(): Tensor | Promise<Tensor>;
  /** The loss of the current mini-batch, one number. */
  abstract criterion(): Tensor | Promise<Tensor>;
  /** The model for the current experience, on its device. */
  abstract modelAdaptation(model?: Module): Module | Promise<Module>;
  /** Tells the optimizer of the model's parameters, or puts another in its place. */
  abstract makeOptimizer(options?: TrainOptions): void | Promise<void>;
  /** Sets `dataloader` for training. */
  abstract makeTrainDataloader(options: TrainOptions): void | Promise<void>;
  /** Sets `dataloader` for evaluation. */
  abstract makeEvalDataloader(options: TrainOptions): void | Promise<void>;
  /** Adapts model and optimizer to the experience. */
  protected abstract checkModelAndOptimizer(options: TrainOptions): Promise<void>;

  /** Gradients of the loss. */
  backward(): void | Promise<void> {
    this.loss.backward();
  }

  /** One step of the optimizer. */
  optimizerStep(): void | Promise<void> {
    this.optimizer.step();
  }

  /** Sets `adaptedDataset` to the experience's data with its training transforms. */
  trainDatasetAdaptation(_options: TrainOptions): void | Promise<void> {
    this.adaptedDataset = this.requireExperience('trainDatasetAdaptation').dataset.train();
  }

  /** Sets `adaptedDataset` to the experience's data with its evaluation transforms. */
  evalDatasetAdaptation(_options: TrainOptions): void | Promise<void> {
    this.adaptedDataset = this.requireExperience('evalDatasetAdaptation').dataset.eval();
  }

  /**
   * Ends training on this experience: after the current iteration when called in a hook, else at the end of the job under
   * way (some 20 ms of iterations).
   */
  stopTraining(): void {
    this.stopRequested = true;
  }

  /** Ends the call under way in an orderly way: training behind the current iteration, an evaluation behind the experience. */
  override stop(): void {
    super.stop();
    if (this.isCallStopping) this.stopRequested = true;
  }

  /** One epoch over `dataloader`. */
  trainingEpoch(options: TrainOptions): Promise<void> {
    return this.passesUnderWay.begin(() => this.#pass('train', this.trainingIteration(options)));
  }

  /** One pass over `dataloader`. */
  evalEpoch(options: TrainOptions): Promise<void> {
    return this.passesUnderWay.begin(() => this.#pass('eval', this.evalIteration(options)));
  }

  /** Sizes, counters and the names of what it is made of. */
  [inspect.custom](): string {
    const { model, optimizer, device, trainMbSize, trainEpochs, evalMbSize, clock } = this;
    return summary(
      this.constructor.name,
      `model ${model.constructor.name}`,
      `optimizer ${optimizer.constructor.name}`,
      `device ${device}`,
      `trainMbSize ${trainMbSize}`,
      `trainEpochs ${trainEpochs}`,
      `evalMbSize ${evalMbSize}`,
      listed('plugins', this.plugins.map(pluginName)),
      `${counted(clock.trainExpCounter, 'experience')} and ${counted(clock.trainIterations, 'iteration')} trained`,
    );
  }

  /**
   * Events of how far the call of `train` or `eval` under way has come, or where there is none, the next one:
   *
   *     const training = strategy.train(trainStream);
   *     for await (const { experience, epoch, loss, timeLeft } of strategy.progress()) report(experience, epoch, loss, timeLeft);
   *     await training;
   *
   * The iteration ends with the call; where that fails, its own promise alone says so. Who is slow gets the latest event, and
   * none that has become old meanwhile. There may be any number of iterations.
   */
  progress(): AsyncIterableIterator<PassProgress> {
    return this.#progress.open();
  }

  /** @internal */
  passBegins(phase: PassProgress['phase'], done = 0): void {
    this.#progress.passBegins(phase, done);
  }

  /** @internal A promise that someone who is told returns is to be awaited. @throws ERR_HOOK */
  reportProgress({ phase, done, total }: Pick<PassProgress, 'phase' | 'done' | 'total'>): void | Promise<void> {
    return this.#progress.report(phase, done, total, this.callsUnderWay.all);
  }

  /** A call that does not come to begin ends what waits for it, too. */
  async #listened(call: () => Promise<unknown>): Promise<void> {
    try {
      await call();
    } finally {
      if (!this.isAtWork) this.callEnds();
    }
  }

  /** @internal */
  protected override callBegins(): void {
    this.#progress.callBegins();
  }

  /** @internal */
  protected override callEnds(): void {
    this.#progress.callEnds();
  }

  /** @internal */
  protected override saveCounts(): () => void {
    const { totalIterations } = this.clock;
    return () => void (this.clock.totalIterations = totalIterations);
  }

  /** @internal */
  protected override progressOfExperience(): { epoch: number; iteration: number } {
    return { epoch: this.clock.trainExpEpochs, iteration: this.clock.trainEpochIterations };
  }

  protected override async beforeTrainingExp(options: TrainOptions): Promise<void> {
    this.stopRequested = this.isCallStopping;
    await this.dispatch('beforeTrainDatasetAdaptation', options);
    await this.callOverride('trainDatasetAdaptation', () => this.trainDatasetAdaptation(options));
    await this.dispatch('afterTrainDatasetAdaptation', options);
    await this.callOverride('makeTrainDataloader', () => this.makeTrainDataloader(options));
    await this.checkModelAndOptimizer(options);
    await super.beforeTrainingExp(options);
  }

  protected override async trainExp(options: TrainOptions): Promise<void> {
    const from = this.placeToGoOn;
    if (from?.stage === 'afterTrainingExp') return;
    const begun = this.#begun;
    this.#begun = null;
    this.isLearning = true;
    try {
      for (let epoch = from?.epoch ?? 0; epoch < this.trainEpochs; epoch++) {
        const stage = from?.epoch === epoch ? from.stage : 'beforeTrainingEpoch';
        if (stage === 'beforeTrainingEpoch') {
          await this.dispatch('beforeTrainingEpoch', options);
          if (this.stopRequested) {
            this.stopRequested = false;
            break;
          }
        }
        this.step.open();
        if (stage !== 'beforeTrainingEpoch' && begun) this.step.setStatistics(begun.statistics);
        if (stage !== 'afterTrainingEpoch') {
          this.#keeper = new PassKeeper(this, stage === 'iteration' && begun ? begun.source : null);
          await this.callOverride('trainingEpoch', () => this.trainingEpoch(options));
          await this.passesUnderWay.end();
        }
        await this.dispatch('afterTrainingEpoch', options);
        this.step.close();
      }
    } finally {
      this.isLearning = false;
    }
  }

  protected override async goOn(resumption: Resumption, options: TrainOptions): Promise<void> {
    const { training } = resumption;
    if (training.place.stage !== 'beforeTrainingEpoch') await this.dispatch('beforeTrainingEpoch', options);
    await super.goOn(resumption, options);
    const { dataloader } = this;
    if (dataloader instanceof DataLoader && training.loader) dataloader.generator?.setState(training.loader);
    this.stopRequested = training.isStopping;
    this.#begun = training;
  }

  protected override betweenIterations(): void | Promise<void> {
    for (const plugin of this.plugins) {
      const taken = takesCheckpoints(plugin) ? plugin.betweenIterations(this) : undefined;
      if (taken) return taken;
    }
  }

  /** @internal See `Strategy`. */
  untilCheckpoint(): number {
    return this.plugins.reduce((least, plugin) => Math.min(least, takesCheckpoints(plugin) ? plugin.untilDue(this) : Infinity), Infinity);
  }

  /** @internal See `Strategy`. */
  checkpoint(): { state: State; about: State } | null {
    const place = this.placeNow();
    if (place === undefined) return null;
    const { halfEnded, resumption } = this;
    let training: TrainingState | null = null;
    if (place === null) training = halfEnded ? this.#training(halfEnded.place, halfEnded.experience) : (resumption?.training ?? null);
    else if (place.stage !== 'afterTraining') training = this.#training(place, this.requireExperience('save'));
    return {
      state: { ...this.stateDict(), training: training && writeTrainingState(training) },
      about: aboutStrategy(this, training),
    };
  }

  /** Where the training of an experience stands. */
  #training(place: Place, { originStream, currentExperience }: AnyExperience): TrainingState {
    const { dataloader, step } = this;
    const generator = dataloader instanceof DataLoader ? dataloader.generator : null;
    return {
      experience: { stream: originStream.name, index: currentExperience },
      place,
      statistics: step.statistics(),
      source: place.stage === 'iteration' ? (this.#keeper?.state(place.iteration) ?? null) : null,
      loader: generator && generator.getState(),
      isStopping: this.stopRequested,
    };
  }

  /**
   * Everything that it has learned, counted and drawn, by its parts: model, optimizer, plugins (those that have a state), and
   * generators; not where the training of an experience stands, which `save` keeps too. The tensors are those that it works
   * with. A strategy of your own that has a state of its own adds it, `{ ...super.stateDict(), scaler: scaler.stateDict() }`,
   * and takes it out before it calls `super.loadStateDict`.
   */
  stateDict(): { readonly [part: string]: State } {
    return strategyState(this);
  }

  /**
   * Takes what `stateDict` gave, on a strategy made as that one was. Heads of the model grow to what they were.
   * @throws ERR_STATE_DICT, ERR_CHECKPOINT_MISMATCH; ERR_BUSY while it trains or evaluates
   */
  loadStateDict(state: State): void {
    if (this.callsUnderWay.count > 0 && !this.isPreparing) throw busyLoading('loadStateDict');
    if (!this.isPreparing) this.halfEnded = this.resumption = null;
    loadStrategyState(this, state);
  }

  /**
   * Writes a checkpoint: `stateDict`, and where the training under way stands. It is taken between two iterations, or in the
   * hooks `beforeTrainingEpoch`, `afterTrainingEpoch`, `afterTrainingExp` and `afterTraining`, or outside of training; training
   * waits for a copy in memory, and not for the file. The folder keeps the two latest; see `CheckpointPlugin` and
   * docs/checkpoints.md.
   * @param folder made where it does not exist; it belongs to this run
   * @returns the path of the checkpoint, once it is on disk
   * @throws ERR_CHECKPOINT_SAVE where it cannot be written, or the folder has checkpoints of another run; ERR_CHECKPOINT_STATE;
   * ERR_CALL_ORDER in another hook; ERR_INVALID_ARG_TYPE
   */
  save(folder: string): Promise<string> {
    return save(this, folder);
  }

  /**
   * Goes on from the latest checkpoint of a folder that is whole, on a strategy that the program has made as before. The next
   * call of `train` must then be of the experience in which it was taken, if it was taken in one, and continues at its place:
   *
   *     await strategy.load(folder, { optional: true });
   *     for (const experience of trainStream.slice(strategy.clock.trainExpCounter)) await strategy.train(experience);
   *
   * @param folder of checkpoints, or one of them
   * @param options `optional`: where there is none nothing is loaded. Default false.
   * @returns what was loaded; null: nothing
   * @throws ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_FORMAT; ERR_CHECKPOINT_MISMATCH with what is different in model, optimizer
   * or plugins; ERR_STATE_DICT; ERR_BUSY while it trains or evaluates. The strategy is then as it was.
   */
  async load(folder: string, options?: { optional?: boolean }): Promise<LoadedCheckpoint | null> {
    if (this.callsUnderWay.count > 0) throw busyLoading('load');
    const checkpoint = await load(this, folder, options);
    if (!checkpoint) return null;
    this.resumption = checkpoint.resumption;
    return checkpoint.loaded;
  }

  protected override async beforeEvalExp(options: TrainOptions): Promise<void> {
    await this.dispatch('beforeEvalDatasetAdaptation', options);
    await this.callOverride('evalDatasetAdaptation', () => this.evalDatasetAdaptation(options));
    await this.dispatch('afterEvalDatasetAdaptation', options);
    await this.callOverride('makeEvalDataloader', () => this.makeEvalDataloader(options));
    this.model = await this.callOverride('modelAdaptation', () => this.modelAdaptation());
    // Heads that have grown get their place; the optimizer hears of them when the next experience is trained.
    if (this.step.knowsOptimizer() && this.step.layOut() && this.isLearning) warnOfGrowth();
    await super.beforeEvalExp(options);
  }

  protected override async evalExp(options: TrainOptions): Promise<void> {
    this.step.open();
    await this.callOverride('evalEpoch', () => this.evalEpoch(options));
    await this.passesUnderWay.end();
  }

  protected override async afterEvalExp(options: TrainOptions): Promise<void> {
    await super.afterEvalExp(options);
    this.step.close();
  }

  /** One training iteration, from the fetched mini-batch on. */
  private trainingIteration(options: TrainOptions): PlanPart[] {
    const { zeroGrad, forward, criterion, backward, optimizerStep } = stepsOf(this);
    return [
      this.#hook('beforeTrainingIteration', options),
      zeroGrad,
      this.#hook('beforeForward', options),
      forward,
      this.#hook('afterForward', options),
      criterion,
      this.#hook('beforeBackward', options),
      backward,
      this.#hook('afterBackward', options),
      this.#hook('beforeUpdate', options),
      optimizerStep,
      this.#hook('afterUpdate', options),
      this.#hook('afterTrainingIteration', options),
    ];
  }

  /** One evaluated mini-batch, from where it has been fetched on. */
  private evalIteration(options: TrainOptions): PlanPart[] {
    const { forward, criterion } = stepsOf(this);
    return [
      this.#hook('beforeEvalIteration', options),
      this.#hook('beforeEvalForward', options),
      forward,
      this.#hook('afterEvalForward', options),
      criterion,
      this.#hook('afterEvalIteration', options),
    ];
  }

  /** A hook of all plugins, as a part of an iteration. */
  #hook(name: HookName, options: TrainOptions): PlanPart {
    return hookPart(this, name, (plugin, index) => this.callHook(plugin, name, options, index));
  }

  /** Runs one pass over the dataloader. */
  #pass(phase: 'train' | 'eval', iteration: PlanPart[]): Promise<void> {
    return runPass(this, {
      phase,
      iteration,
      runNative: (phases, maxIterations) => this.nativeRuns.run(phases, maxIterations),
      isStopped: () => phase === 'train' && this.stopRequested,
      lossFunction: this.lossFunction,
      keeper: phase === 'train' ? this.#keeper : null,
    });
  }
}

hasNativeTwin(BaseSGDTemplate.prototype.backward, () => Phase.backward);
hasNativeTwin<BaseSGDTemplate>(BaseSGDTemplate.prototype.optimizerStep, ({ optimizer }, strategy) =>
  nativeTwin(optimizer.step, optimizer, strategy),
);

function busyLoading(operation: string): ContinualTorchError {
  return new ContinualTorchError('ERR_BUSY', `${operation}: expected an idle strategy, got one that trains or evaluates; await the promise of that call first`);
}

function warnOfGrowth(): void {
  process.emitWarning(
    'eval: the model has grown for the evaluated experience while another one is being learned: the parameters that grew ' +
      'are not trained again before the next experience. Evaluate before training, or classes that the model knows.',
    'ContinualTorchWarning',
  );
}

