import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { z } from 'zod';
import { DataLoader } from '../../data/data-loader';
import type { Dataset, MiniBatch, MiniBatchSource } from '../../data/dataset';
import { fromNativeInputs, type Inputs, requireInputs, requireOneInput, toNativeInputs } from '../../data/inputs';
import { ContinualTorchError } from '../../errors';
import type { EvaluationPlugin } from '../plugins/evaluation';
import { counted, listed, summary } from '../../inspect';
import { job, native } from '../../native/binding';
import { type NativePhase, type NativeTrainingStep, Phase, type Progress } from '../../native/types';
import { CrossEntropyLoss } from '../../nn/losses';
import { isScripted, type Module, nativeModule, stateOf } from '../../nn/module';
import { Optimizer } from '../../optim/optimizer';
import { parseArgument, parseOptions } from '../../options';
import { elementCount } from '../../tensor/element-count';
import { ops } from '../../tensor/operators';
import { requireTensor, Tensor } from '../../tensor/tensor';
import { callUser, isThenable } from '../../user-function';
import { Clock } from '../plugins/clock';
import { PeriodicEval } from '../plugins/periodic-eval';
import { listener, pluginName, SupervisedPlugin } from '../../hooks/plugin';
import { BaseTemplate } from './base';
import { IterationPlan, jobBudgetMs, type PlanPart, type PlanStep, succeeded } from '../iteration/iteration-plan';
import { openSource, requireMiniBatch } from '../iteration/mini-batch-source';
import { hasNativeTwin, isDeferred, nativeTwin } from '../../hooks/native-twin';
import { type BaseSGDTemplateOptions, baseSGDOptions, type Criterion, makeEvaluator } from './sgd-options';
import type { SupervisedTemplate } from './supervised';
import { withWayOut } from '../iteration/way-out';
import type { HookName } from '../../hooks/hook-names';
import type { PassProgress } from '../../hooks/strategy';
import type { Experiences, TrainOptions } from '../../hooks/train-options';
import type { LastMetrics } from '../../results/metric-values';

const schema = z.object(baseSGDOptions);

/** How long hooks and short jobs may keep the event loop from turning. */
const turnBudgetMs = 5;
/** How long to wait for a job before going on by way of the event loop. */
const patienceUs = 1000;

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
export abstract class BaseSGDTemplate extends BaseTemplate {
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
  /** @internal */
  readonly step: NativeTrainingStep;

  /** What the current experience is trained on or evaluated with; a plugin may replace it in the dataset hooks. */
  adaptedDataset: Dataset | null = null;
  /** Where mini-batches come from; a plugin may replace it in `beforeTrainingExp` and `beforeEvalExp`. */
  dataloader: MiniBatchSource = [];

  /** The criterion as it was given. */
  protected readonly lossFunction: Criterion;
  private currentOptimizer: Optimizer;
  private stopRequested = false;
  private latestTurn = 0;
  private isLearning = false;
  /** The passes that each call of `train` and `eval` under way has begun. */
  readonly #passes: Promise<void>[][] = [];
  readonly #warnedOf = new WeakSet<object>();

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE */
  constructor(options: BaseSGDTemplateOptions) {
    const parsed = parseOptions(new.target.name, schema, options);
    const { model, device, plugins, generator, optimizer, evaluator, trainMbSize } = parsed;
    super({ model, device, plugins, generator });
    this.currentOptimizer = optimizer;
    this.trainMbSize = trainMbSize;
    this.trainEpochs = parsed.trainEpochs;
    this.evalMbSize = parsed.evalMbSize ?? trainMbSize;
    this.onProgress = parsed.onProgress;
    this.lossFunction = parsed.criterion ?? new CrossEntropyLoss();
    this.evaluator = makeEvaluator(evaluator);
    const { lossFunction } = this;
    if (lossFunction instanceof SupervisedPlugin && !plugins.includes(lossFunction)) this.plugins.push(lossFunction);
    // The clock comes last: all others see its counters before they advance.
    this.plugins.push(this.evaluator, new PeriodicEval(parsed.evalEvery, parsed.pevalMode), this.clock);
    const criterion = this.nativeCriterion();
    this.step = native.createTrainingStep(
      nativeModule(model),
      optimizer.handle,
      criterion && {
        weight: criterion.weight?.handle ?? null,
        ignoreIndex: criterion.ignoreIndex,
        labelSmoothing: criterion.labelSmoothing,
      },
      device,
    );
  }

  override get model(): Module {
    return super.model;
  }

  override set model(model: Module) {
    this.step.setModel(nativeModule(parseArgument('strategy', 'model', baseSGDOptions.model, model)));
    super.model = model;
  }

  /** What updates the parameters. */
  get optimizer(): Optimizer {
    return this.currentOptimizer;
  }

  /** Another optimizer may take its place in `makeOptimizer`. */
  set optimizer(optimizer: Optimizer) {
    this.step.setOptimizer(parseArgument('strategy', 'optimizer', baseSGDOptions.optimizer, optimizer).handle);
    this.currentOptimizer = optimizer;
  }

  /** The current mini-batch, `[x, y, taskId]`; null outside of an iteration. @throws ERR_INPUTS where x is several tensors */
  get mbatch(): MiniBatch | null {
    const x = this.mbInputs;
    return x && [requireOneInput('mbatch', x, 'mbInputs has all of them'), this.read('y')!, this.read('taskId')!];
  }

  /** Another mini-batch takes its place. */
  set mbatch(batch: MiniBatch<Inputs> | [Inputs, Tensor]) {
    const [x, y, taskId] = requireMiniBatch(batch);
    this.step.setBatch(toNativeInputs(x), y.handle, taskId.handle);
  }

  /** Inputs of the current mini-batch, [B, ...] each, as the data has them: one tensor, an array or an object of tensors. */
  get mbInputs(): Inputs | null {
    const inputs = this.step.get('x');
    return inputs && fromNativeInputs(inputs);
  }

  /** Other inputs take their place for the rest of the iteration. */
  set mbInputs(x: Inputs) {
    this.step.set('x', toNativeInputs(requireInputs('mbInputs: expected', x)));
  }

  /** The model's output for the current mini-batch. */
  get mbOutput(): Tensor | null {
    return this.read('output');
  }

  /** Another output takes its place. */
  set mbOutput(output: Tensor) {
    this.step.set('output', requireTensor('mbOutput', output).handle);
  }

  /** The loss: [1] in training, penalties included; 0-dim in evaluation. */
  get loss(): Tensor {
    return this.read('loss')!;
  }

  /** Another loss takes its place: what is added to it is trained too. */
  set loss(loss: Tensor) {
    this.step.set('loss', requireTensor('loss', loss).handle);
  }

  /** @returns the latest value of every metric, by name */
  override async train(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics> {
    await super.train(experiences, options);
    return this.evaluator.getLastMetrics();
  }

  /** @returns the latest value of every metric, by name */
  override async eval(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics> {
    await super.eval(experiences, options);
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

  /** One epoch over `dataloader`. */
  trainingEpoch(options: TrainOptions): Promise<void> {
    return this.#begin(() => this.runPass('train', this.trainingIteration(options)));
  }

  /** One pass over `dataloader`. */
  evalEpoch(options: TrainOptions): Promise<void> {
    return this.#begin(() => this.runPass('eval', this.evalIteration(options)));
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

  /** @internal Runs phases on the compute thread, once. */
  async runNative(phases: NativePhase[]): Promise<void> {
    succeeded(await this.runPhases(phases, 1));
  }

  /**
   * A run of one iteration's phases between hooks is waited for: the way over the event loop would take longer than a small
   * model's phase. The loop turns all the same, every few milliseconds.
   */
  private runPhases(phases: NativePhase[], maxIterations: number): Progress | Promise<Progress> {
    stateOf(this.model).keepUp();
    const isPatient = maxIterations === 1 && performance.now() - this.latestTurn < turnBudgetMs;
    const ran = this.step.run(phases, this.isTraining, maxIterations, jobBudgetMs, isPatient ? patienceUs : 0);
    // What is computed at once is no turn of the loop: a pass may consist of nothing else.
    return isPatient && !(ran instanceof Promise) ? ran : this.turn(ran);
  }

  private async turn(running: Progress | Promise<Progress>): Promise<Progress> {
    const progress = running instanceof Promise ? await job(running) : await nextTurn(running);
    this.latestTurn = performance.now();
    return progress;
  }

  /** @internal A promise that someone who is told returns is to be awaited. @throws ERR_HOOK */
  reportProgress(progress: PassProgress): void | Promise<void> {
    const told = callUser('ERR_HOOK', 'onProgress failed', () => this.onProgress?.(progress));
    const tellLoggers = () =>
      callUser('ERR_HOOK', 'onProgress of a logger failed', () =>
        this.evaluator.onProgress(this as unknown as SupervisedTemplate, progress),
      );
    return isThenable(told) ? told.then(tellLoggers) : tellLoggers();
  }

  /** @internal The criterion that C++ can compute; null where it is another. */
  nativeCriterion(): CrossEntropyLoss | null {
    const { lossFunction } = this;
    const isTwin =
      lossFunction instanceof CrossEntropyLoss && isScripted(lossFunction) && lossFunction.reduction === 'mean';
    return isTwin ? lossFunction : null;
  }

  protected override async beforeTrainingExp(options: TrainOptions): Promise<void> {
    this.stopRequested = false;
    await this.dispatch('beforeTrainDatasetAdaptation', options);
    await this.callOverride('trainDatasetAdaptation', () => this.trainDatasetAdaptation(options));
    await this.dispatch('afterTrainDatasetAdaptation', options);
    await this.callOverride('makeTrainDataloader', () => this.makeTrainDataloader(options));
    await this.checkModelAndOptimizer(options);
    await super.beforeTrainingExp(options);
  }

  protected override async trainExp(options: TrainOptions): Promise<void> {
    this.isLearning = true;
    try {
      for (let epoch = 0; epoch < this.trainEpochs; epoch++) {
        await this.dispatch('beforeTrainingEpoch', options);
        if (this.stopRequested) {
          this.stopRequested = false;
          break;
        }
        this.step.open();
        await this.callOverride('trainingEpoch', () => this.trainingEpoch(options));
        await this.#passesEnd();
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
    await this.#passesEnd();
  }

  protected override async afterEvalExp(options: TrainOptions): Promise<void> {
    await super.afterEvalExp(options);
    this.step.close();
  }

  /** @internal */
  protected override holdModel(operation: string, hosts: number[]): { call: number; isShared: boolean } {
    const held = this.step.hold(operation, hosts);
    void this.#passes.push([]);
    return held;
  }

  protected override releaseModel(): void {
    void this.#passes.pop();
    this.step.release();
  }

  protected override async endOfPasses(): Promise<void> {
    await Promise.allSettled(this.#passes.at(-1)!);
  }

  protected override trainCleanUp(): (() => void)[] {
    return [() => this.closePasses(0), ...this.cleanUp()];
  }

  protected override evalCleanUp(): (() => void)[] {
    return this.cleanUp();
  }

  protected override saveTrainState(): (() => void)[] {
    const { adaptedDataset, dataloader } = this;
    const passes = this.step.passes();
    return [
      ...super.saveTrainState(),
      () => (this.adaptedDataset = adaptedDataset),
      () => (this.dataloader = dataloader),
      () => this.closePasses(passes),
    ];
  }

  private closePasses(left: number): void {
    while (this.step.passes() > left) this.step.close();
  }

  private cleanUp(): (() => void)[] {
    return [() => (this.adaptedDataset = null), () => (this.dataloader = []), () => this.step.clear()];
  }

  /** Notes a pass, so that it is waited for where an override that has begun it does not. */
  #begin(run: () => Promise<void>): Promise<void> {
    // Of this call: an evaluation may have begun by the time that `run` returns.
    const passes = this.#passes.at(-1);
    const pass = run();
    pass.catch(() => {});
    passes?.push(pass);
    return pass;
  }

  /** @throws what a pass that nobody waited for has failed with */
  async #passesEnd(): Promise<void> {
    await Promise.all(this.#passes.at(-1)!.splice(0));
  }

  /** One training iteration, from the fetched mini-batch on. */
  private trainingIteration(options: TrainOptions): PlanPart[] {
    return [
      this.hook('beforeTrainingIteration', options),
      this.phase(
        () => this.optimizer.zeroGrad,
        () => this.callOverride('zeroGrad', () => this.zeroGrad()),
      ),
      this.hook('beforeForward', options),
      this.phase(
        () => this.forward,
        () => this.takeOutput(),
      ),
      this.hook('afterForward', options),
      this.phase(
        () => this.criterion,
        () => this.takeLoss(),
      ),
      this.hook('beforeBackward', options),
      this.phase(
        () => this.backward,
        () => {
          this.step.checkLoss();
          return this.callOverride('backward', () => this.backward());
        },
      ),
      this.hook('afterBackward', options),
      this.hook('beforeUpdate', options),
      this.phase(
        () => this.optimizerStep,
        () => this.callOverride('optimizerStep', () => this.optimizerStep()),
      ),
      this.hook('afterUpdate', options),
      this.hook('afterTrainingIteration', options),
    ];
  }

  private evalIteration(options: TrainOptions): PlanPart[] {
    return [
      this.hook('beforeEvalIteration', options),
      this.hook('beforeEvalForward', options),
      this.phase(
        () => this.forward,
        () => this.takeOutput(),
      ),
      this.hook('afterEvalForward', options),
      this.phase(
        () => this.criterion,
        () => this.takeLoss(),
      ),
      this.hook('afterEvalIteration', options),
    ];
  }

  private phase(method: () => () => unknown, call: () => void | Promise<void>): PlanPart {
    return () => {
      const twin = nativeTwin(method(), this, this as unknown as SupervisedTemplate);
      return [twin === undefined || twin === null ? { kind: 'call', call } : { kind: 'native', phase: twin }];
    };
  }

  private hook(name: HookName, options: TrainOptions): PlanPart {
    return () =>
      this.plugins.flatMap((plugin, index): PlanStep[] => {
        const method = listener(plugin, name, index);
        if (!method) return [];
        const twin = nativeTwin(method, plugin, this as unknown as SupervisedTemplate);
        if (twin === null) return [];
        if (twin !== undefined) return [{ kind: 'native', phase: twin }];
        return [{ kind: isDeferred(method) ? 'later' : 'call', call: () => this.callHook(plugin, name, options, index) }];
      });
  }

  /** What the native phase does, with an optimizer that clears gradients in its own way. */
  private zeroGrad(): void {
    this.optimizer.zeroGrad();
    this.loss = ops.aten.zeros!([1], { device: this.device }) as Tensor;
  }

  private takeOutput(): Promise<void> {
    return callUser('ERR_FORWARD', 'forward: failed', async () => {
      this.mbOutput = requireOutput(await this.inGradMode(() => this.forward()));
    });
  }

  private takeLoss(): Promise<void> {
    return callUser('ERR_CRITERION', 'criterion: failed', async () => {
      const value = requireLoss(await this.inGradMode(() => this.criterion()));
      // In training plugins add to the loss in place, which keeps its shape [1].
      this.loss = this.isTraining ? (ops.aten.add_!(this.loss, value) as Tensor) : value;
    });
  }

  private async runPass(phase: 'train' | 'eval', parts: PlanPart[]): Promise<void> {
    const { dataloader } = this;
    const source = openSource(dataloader, this.step, (batch) => (this.mbatch = batch));
    const runNative = (phases: NativePhase[], maxIterations: number) => this.runPhases(phases, maxIterations);
    const plan = new IterationPlan(parts, runNative, source && source.fetch);
    let done = 0;
    try {
      const total = callUser('ERR_DATA_SOURCE', 'dataloader: failed', () => dataloader.length) ?? NaN;
      for (let exhausted = false; !exhausted; ) {
        if (phase === 'train' && this.stopRequested) {
          // The reference fetches the next mini-batch before it looks whether to stop.
          await plan.fetch();
          break;
        }
        const progress = await plan.advance();
        done += progress.iterations;
        exhausted = progress.exhausted;
        const reported = this.reportProgress({ phase, done, total });
        if (reported) await reported;
        if (exhausted && done === 0) this.#warnOfEmptyPass(phase);
      }
    } catch (error) {
      const explained = withWayOut(error, this.model, this.mbInputs, this.read('y'), this.lossFunction);
      // What came first is what is reported, also where the source cannot be closed after it.
      await source?.close().catch(() => {});
      throw phase === 'train' ? this.located(explained) : explained;
    }
    await source?.close();
  }

  /** Once for each experience. */
  #warnOfEmptyPass(phase: 'train' | 'eval'): void {
    const { adaptedDataset, dataloader, experience, trainMbSize, clock } = this;
    if (this.#warnedOf.has(experience!)) return;
    this.#warnedOf.add(experience!);
    const { currentExperience, originStream } = experience!;
    const where = `experience ${currentExperience} of stream "${originStream.name}"`;
    const drops = dataloader instanceof DataLoader && dataloader.dropLast;
    const why = drops
      ? `${where} has ${counted(adaptedDataset?.length, 'sample')}, too few for a mini-batch of ${trainMbSize}, and dropLast leaves them out`
      : `the dataloader gave no mini-batch${phase === 'train' ? ` in epoch ${clock.trainExpEpochs}` : ''} for ${where}`;
    const what = phase === 'train' ? 'nothing is trained' : 'nothing is measured';
    process.emitWarning(`${phase}: ${why}: ${what}.`, 'ContinualTorchWarning');
  }

  /** Says where a loss that is not finite came up. */
  private located(error: unknown): unknown {
    if (!(error instanceof ContinualTorchError) || error.code !== 'ERR_LOSS_NOT_FINITE') return error;
    const { trainEpochIterations, trainExpEpochs } = this.clock;
    const { currentExperience, originStream } = this.requireExperience('train');
    return new ContinualTorchError(
      error.code,
      `train: stopped in iteration ${trainEpochIterations} of epoch ${trainExpEpochs}, experience ${currentExperience} of stream "${originStream.name}": ${error.message}; the parameters are those of the last update`,
      { cause: error },
    );
  }

  /** A tensor of the current iteration; null where there is none. */
  protected read(name: 'y' | 'taskId' | 'output' | 'loss'): Tensor | null {
    const handle = this.step.get(name);
    return handle && new Tensor(handle);
  }
}

hasNativeTwin(BaseSGDTemplate.prototype.backward, () => Phase.backward);
hasNativeTwin<BaseSGDTemplate>(BaseSGDTemplate.prototype.optimizerStep, ({ optimizer }, strategy) =>
  nativeTwin(optimizer.step, optimizer, strategy),
);
hasNativeTwin(Optimizer.prototype.step, () => Phase.update);
hasNativeTwin(Optimizer.prototype.zeroGrad, () => Phase.zeroGrad);

/** @throws ERR_INVALID_ARG_TYPE where it is not one tensor */
function requireOutput(value: unknown): Tensor {
  const isWithOthers = typeof value === 'object' && value !== null && !(value instanceof Tensor);
  return requireTensor('forward', value, isWithOthers ? ': return the one that is trained, output[0] for example' : '');
}

/** @throws ERR_CRITERION where it is no tensor of one element */
function requireLoss(value: unknown): Tensor {
  const loss = requireTensor('criterion', value);
  if (elementCount(loss.shape) === 1) return loss;
  throw new ContinualTorchError(
    'ERR_CRITERION',
    `criterion: expected the loss of a mini-batch, one number, got [${loss.shape.join(', ')}]: ` +
      'losses of single samples (reduction: "none") have to be put together, by their mean() for example',
  );
}

function warnOfGrowth(): void {
  process.emitWarning(
    'eval: the model has grown for the evaluated experience while another one is being learned: the parameters that grew ' +
      'are not trained again before the next experience. Evaluate before training, or classes that the model knows.',
    'ContinualTorchWarning',
  );
}

