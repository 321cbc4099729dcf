import { inspect } from 'node:util';
import { z } from 'zod';
import type { HookName } from '../../hooks/hook-names';
import { pluginName, SupervisedPlugin } from '../../hooks/plugin';
import type { PassProgress, Strategy } from '../../hooks/strategy';
import type { Experiences, TrainOptions } from '../../hooks/train-options';
import { hasNativeTwin, nativeTwin } from '../../hooks/twins';
import { counted, listed, summary } from '../../inspect';
import { CrossEntropyLoss } from '../../nn/losses';
import type { Module } from '../../nn/module';
import { parseOptions } from '../../options';
import { Phase } from '../../phase';
import type { LastMetrics } from '../../results/metric-values';
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
import { ResumableTemplate } from './resumable-template';
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
export abstract class BaseSGDTemplate extends ResumableTemplate implements Strategy {
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
  private isLearning = false;

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
   * Events of how far the call of `train`, `eval` or `updateImportance` under way has come, or where there is none, the next one:
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

  /** @internal See `Strategy`. */
  override alone(...call: Parameters<ResumableTemplate['alone']>): Promise<void> {
    return this.#listened(() => super.alone(...call));
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
    // No hook is called there that would come to it; the next experience begins at its beginning.
    if (from?.stage === 'iteration') this.placeToGoOn = null;
    const begun = this.begun;
    this.begun = null;
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
          this.passKeeper = new PassKeeper(this, stage === 'iteration' && begun ? begun.source : null);
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
      keeper: phase === 'train' ? this.passKeeper : null,
    });
  }
}

hasNativeTwin(BaseSGDTemplate.prototype.backward, () => Phase.backward);
hasNativeTwin<BaseSGDTemplate>(BaseSGDTemplate.prototype.optimizerStep, ({ optimizer }, strategy) =>
  nativeTwin(optimizer.step, optimizer, strategy),
);

function warnOfGrowth(): void {
  process.emitWarning(
    'eval: the model has grown for the evaluated experience while another one is being learned: the parameters that grew ' +
      'are not trained again before the next experience. Evaluate before training, or classes that the model knows.',
    'ContinualTorchWarning',
  );
}

