import { z } from 'zod';
import { Experience, Stream } from '../../benchmarks/stream';
import type { Dataset } from '../../data/dataset';
import { ContinualTorchError } from '../../errors';
import type { HookName } from '../../hooks/hook-names';
import { isWhollyKept, listener, pluginName, pluginSchema, warnOfSurplusCallbacks } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';
import type { AnyExperience, Experiences, TrainOptions } from '../../hooks/train-options';
import { warnOfEvalModeOnce } from '../../jit/frozen-modes';
import { refuseUntrainable } from '../../jit/untrainable';
import { native } from '../../native/binding';
import { ModelSnapshot } from '../../nn/model-snapshot';
import { Module, nativeModule } from '../../nn/module';
import { boolean, deviceName, instanceOf, parseArgument, parseOptions } from '../../options';
import { getDefaultDevice } from '../../tensor/default-device';
import { cpuGenerator, drawingFrom, DrawsOf, type Generator } from '../../tensor/generator';
import type { Tensor } from '../../tensor/tensor';
import { callUser, callUserAtOnce, finishing, runEvery } from '../../user-function';
import { callOverride, inGradModeOf } from '../iteration/calls';
import { SafePoints } from '../iteration/safe-points';
import { abortError, isOfAbort, signalSchema } from './abort';
import { type Call, CallsUnderWay } from './calls-under-way';
import { groupByStream, requireNamesApart, toExperiences, toGroups } from './experiences';
import { HalfEnded } from './half-ended';
import { hookAround, hooksAround, insideHook } from './hook-call';
import { tellOfInterruption } from './interruption';
import { canBeKept, isOf, type Resumption } from '../state/training-state';
import { describePlace, isStage, type Place, placeBefore } from './place';

/** @internal The option schema of `train` and `eval`. */
export const trainSchema = z.object({
  evalStreams: z
    .custom<Experiences | readonly Experiences[]>(
      (value) => Array.isArray(value) || value instanceof Stream || value instanceof Experience,
      'a stream, an experience, or an array of experiences, streams or arrays of experiences',
    )
    .optional(),
  shuffle: boolean.optional(),
  dropLast: boolean.default(false),
  resetOptimizerState: boolean.default(false),
  removeParams: boolean.default(false),
  signal: signalSchema.optional(),
  restart: boolean.default(false),
});

/** The option schema, for templates that add options of their own. */
export const baseOptions = {
  model: instanceOf(Module, 'a Module (jit.load, nn, models)'),
  device: deviceName.default(getDefaultDevice),
  plugins: z.array(pluginSchema, 'an array of plugins').default([]),
  generator: cpuGenerator,
};
const schema = z.object(baseOptions);
const experienceSchema = instanceOf(Experience<Dataset>, 'an Experience or null').nullable();

/** Options that every strategy has. */
export interface BaseTemplateOptions {
  /** What is trained. */
  model: Module<Tensor | Promise<Tensor>>;
  /** `"cpu"`, `"cuda"` or `"cuda:N"`. Default: the default device, `"cpu"` at first. */
  device?: string;
  /** Called in this order; the array is copied. Default none. */
  plugins?: Plugin[];
  /**
   * On the CPU. Shuffles, dropout and heads that grow draw from it, and so does everything that `train` and `eval` call (hooks,
   * a forward in TypeScript) where it is given no generator; the default generator does not move. Default null: the default one.
   */
  generator?: Generator | null;
}

/**
 * The outermost loops of a strategy: experiences of `train` and `eval`, and the plugins' hooks around them. Extend it for
 * a strategy that does not learn by gradient descent, with `trainExp` and `evalExp` of its own.
 *
 *     train
 *       beforeTraining
 *       for each experience
 *         beforeTrainDatasetAdaptation, afterTrainDatasetAdaptation, beforeTrainingExp
 *         trainExp                                  (BaseSGDTemplate)
 *         afterTrainingExp
 *       afterTraining
 *     eval
 *       beforeEval
 *       for each experience
 *         beforeEvalDatasetAdaptation, afterEvalDatasetAdaptation, beforeEvalExp
 *         evalExp                                   (BaseSGDTemplate)
 *         afterEvalExp
 *       afterEval
 */
export abstract class BaseTemplate {
  /** In the order in which their hooks are called. */
  readonly plugins: Plugin[];
  /** Where model and mini-batches are. */
  readonly device: string;
  /** What `train` and `eval` draw from; null: the default generator. */
  readonly generator: Generator | null;

  /** Whether it trains; false during an evaluation, inside training too. */
  isTraining = false;
  /** Groups of experiences, one for each stream, that periodic evaluation evaluates. */
  evalStreams: AnyExperience[][] = [];
  /** The experiences of the evaluation under way. */
  currentEvalStream: readonly AnyExperience[] = [];

  /** @internal */
  readonly safePoints = new SafePoints();

  private currentModel: Module;
  #experience: AnyExperience | null = null;
  /** @internal */
  protected readonly callsUnderWay = new CallsUnderWay();
  #isEvaluating = false;
  /** Where the training under way stands; null inside an iteration. */
  #place: Place | null = null;
  /** @internal What the latest training has left to be ended. */
  protected halfEnded: HalfEnded | null = null;
  /** @internal What the next call of `train` goes on with; null: it begins. */
  protected resumption: Resumption | null = null;
  /** Whether hooks are called that prepare an experience which is gone on with. */
  #isPreparing = false;
  /** Where a training that is gone on with has its first thing to do; null once that has been done. */
  #from: Place | null = null;
  #snapshot: ModelSnapshot | null = null;
  /** A snapshot that waits for a safe point: whoever asks for one meanwhile gets it too. */
  #asked: Promise<Module> | null = null;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE */
  constructor(options: BaseTemplateOptions) {
    const { model, device, plugins, generator } = parseOptions(new.target.name, schema, options);
    native.checkDevice(device);
    this.currentModel = model;
    this.device = device;
    this.generator = generator;
    this.plugins = [...plugins];
    warnOfSurplusCallbacks(plugins, new.target.name);
  }

  /** The model that is trained. */
  get model(): Module {
    return this.currentModel;
  }

  /** Another model may take its place between two experiences (`modelAdaptation`). */
  set model(model: Module) {
    this.currentModel = model;
  }

  /** The experience that is trained on or evaluated; null outside. */
  get experience(): AnyExperience | null {
    return this.#experience;
  }

  /** @throws ERR_INVALID_ARG_TYPE unless it is an experience or null */
  set experience(experience: AnyExperience | null) {
    this.#experience = parseArgument('strategy', 'experience', experienceSchema, experience);
  }

  /** @internal The experience, for what cannot do without. @throws ERR_CALL_ORDER */
  requireExperience(operation: string): AnyExperience {
    if (this.experience) return this.experience;
    throw new ContinualTorchError(
      'ERR_CALL_ORDER',
      `${operation}: expected strategy.experience to be an experience, as it is while train or eval work with one, got null`,
    );
  }

  /** The opposite of `isTraining`. */
  get isEval(): boolean {
    return !this.isTraining;
  }

  /**
   * Learns from one or more experiences, one after the other. Where the first one is half ended, because a hook of
   * `afterTrainingExp` has failed, it goes on with that hook.
   * @throws ERR_CALL_ORDER where another experience is half ended, unless `restart` is given; ERR_BUSY while the strategy trains or evaluates; ERR_EMPTY_EXPERIENCE; ERR_UNKNOWN_OPTION; whatever the model
   * (ERR_FORWARD), the criterion (ERR_CRITERION, ERR_LABEL_RANGE) or a hook (ERR_HOOK) reports; ERR_ABORTED. The strategy can
   * be used again afterwards.
   */
  async train(experiences: Experiences, options?: TrainOptions): Promise<unknown> {
    const list = toExperiences('train', experiences);
    const parsed = parseOptions('train', trainSchema, options) as TrainOptions;
    const evalStreams = groupByStream(toGroups(parsed.evalStreams ?? list).flatMap((group) => toExperiences('train', group)));
    if (parsed.evalStreams) requireNamesApart(evalStreams);
    if (this.callsUnderWay.count > 0) throw busy('train');
    if (list[0] && !parsed.restart) {
      this.halfEnded?.require(list[0]);
      if (this.resumption) requireSame(this.resumption, list[0]);
    }
    await this.#occupy('train', list, parsed, (call) => this.#learn(call, evalStreams, parsed));
    return undefined;
  }

  /**
   * Measures one or more experiences in eval mode, without learning; afterwards everything is in the mode it was before.
   * A hook may call it in the middle of training, which goes on once it has ended, also where the hook does not wait for it.
   * @throws as `train`
   */
  async eval(experiences: Experiences, options?: TrainOptions): Promise<unknown> {
    const list = toExperiences('eval', experiences);
    const parsed = parseOptions('eval', trainSchema, options) as TrainOptions;
    if (this.#isEvaluating || (this.callsUnderWay.count > 0 && hookAround()?.strategy !== this)) throw busy('eval');
    await this.#occupy('eval', list, parsed, (call) => this.#evaluate(call, parsed));
    return undefined;
  }

  /**
   * Ends the call of `train` or `eval` under way in an orderly way; the call resolves. Training ends with the current
   * iteration: the last hooks of its epoch and its experience are called as after `stopTraining`, MAS measures, and no further
   * experience is begun. An evaluation ends with the current experience, so that every value is one of a whole experience; one
   * in a hook of training goes to its end, which belongs to the order. Without a call under way it does nothing.
   */
  stop(): void {
    const call = this.callsUnderWay.outermost;
    if (call) call.isStopping = true;
  }

  /** @internal Whether `stop` has been called. */
  protected get isCallStopping(): boolean {
    return this.callsUnderWay.outermost?.isStopping ?? false;
  }

  /**
   * A copy of the model to predict with, to save or to look at, in eval mode and without gradients: as it is at one moment
   * between two iterations. May be asked for at any time; while the strategy works the copy is taken at its next safe point,
   * at most some 20 ms later, or at once where a hook asks. Asked again it gives the same module, brought up to date in place, all
   * of it at once: predictions under way end with what they have begun with. Another module comes where the model has grown or
   * been replaced. Copying is one pass over flat memory on the compute thread; the first time takes memory for two copies.
   * @throws ERR_BUSY while another strategy is at work on the model
   */
  snapshot(): Promise<Module> {
    const { isInside } = this.safePoints;
    if (!isInside && this.#asked) return this.#asked;
    const taken = this.safePoints.ask(() => {
      if (this.#asked === taken) this.#asked = null;
      return this.#takeSnapshot();
    });
    if (isInside) hookAround()?.begun.push(taken);
    else this.#asked = taken;
    return taken;
  }

  /** Takes it, where nothing is at work. */
  async #takeSnapshot(): Promise<Module> {
    const { model } = this;
    if (!this.#snapshot?.fits(model)) this.#snapshot = new ModelSnapshot(model);
    await this.#snapshot.refresh();
    return this.#snapshot.module as Module;
  }

  /** Learns the current experience. */
  protected abstract trainExp(options: TrainOptions): Promise<void>;
  /** Evaluates the current experience. */
  protected abstract evalExp(options: TrainOptions): Promise<void>;

  /** What comes before an experience is learned. */
  protected async beforeTrainingExp(options: TrainOptions): Promise<void> {
    await this.dispatch('beforeTrainingExp', options);
  }

  /** What comes before an experience is evaluated. */
  protected async beforeEvalExp(options: TrainOptions): Promise<void> {
    await this.dispatch('beforeEvalExp', options);
  }

  /** What comes after an experience has been evaluated. */
  protected async afterEvalExp(options: TrainOptions): Promise<void> {
    await this.dispatch('afterEvalExp', options);
  }

  /** What forgets, step by step, what belonged to a call of `train`. */
  protected trainCleanUp(): (() => void)[] {
    return [];
  }

  /** What forgets, step by step, what belonged to a call of `eval`. */
  protected evalCleanUp(): (() => void)[] {
    return [];
  }

  /** What puts back, step by step, what an evaluation in the middle of training changes. */
  protected saveTrainState(): (() => void)[] {
    const { experience, isTraining, model } = this;
    const modes = nativeModule(model).modes();
    return [
      () => (this.experience = experience),
      () => (this.isTraining = isTraining),
      () => nativeModule(this.model).setModes(modes),
    ];
  }

  /** @internal A call begins that was made outside of hooks. */
  protected callBegins(): void {}

  /** @internal It has ended. */
  protected callEnds(): void {}

  /** @internal What puts back what the strategy counts. */
  protected saveCounts(): () => void {
    return () => {};
  }

  /** @internal What puts back, step by step, the mini-batch that the last hooks of an experience find. */
  protected saveMiniBatch(): (() => void)[] {
    return [];
  }

  /**
   * @internal Takes what the call works with away from all other strategies, but those that call this one in a hook and wait for it.
   * @returns a number for the call, and whether it works with the same as one of those calls
   */
  protected holdModel(_operation: string, _hosts: number[]): { call: number; isShared: boolean } {
    return { call: 0, isShared: false };
  }

  /** Gives back what the innermost call holds. */
  protected releaseModel(): void {}

  /** Returns once nothing that was begun for this call works any more, also where an override did not wait for it. */
  protected async endOfPasses(): Promise<void> {}

  /** @internal Refuses experiences that cannot be learned or evaluated, before anything is. */
  protected checkExperiences(_experiences: readonly AnyExperience[]): void {}

  /** A call of `train` or `eval`, to its end. */
  async #occupy(
    operation: Call['operation'],
    experiences: readonly AnyExperience[],
    { signal }: TrainOptions,
    work: (call: Call) => Promise<void>,
  ): Promise<void> {
    const aborted = this.callsUnderWay.aborted(signal);
    if (aborted) throw abortError(operation, 'before it began', aborted);
    if (experiences.length === 0) warnOfNoExperience(operation);
    const hooks = hooksAround();
    const { call: number, isShared } = this.holdModel(
      operation,
      hooks.map((hook) => hook.call),
    );
    const call = this.callsUnderWay.begin({ number, operation, experiences, signal });
    const isOutermost = this.callsUnderWay.count === 1;
    if (isOutermost) this.callBegins();
    const working = finishing(
      () => this.safePoints.during(number, () => drawingFrom(this.generator, () => work(call))),
      [() => this.callsUnderWay.end(), () => this.releaseModel(), () => isOutermost && this.callEnds()],
    );
    // A hook may leave it alone; who waits for the hook may not.
    if (isShared || hookAround()?.strategy === this) for (const hook of hooks) hook.begun.push(working);
    await working;
  }

  /** What `train` does. */
  async #learn(call: Call, evalStreams: AnyExperience[][], options: TrainOptions): Promise<void> {
    const { experiences } = call;
    const epochs = async () => {
      this.isTraining = true;
      callUserAtOnce('ERR_CALLBACK', 'to of the model failed', () => this.model.to(this.device));
      callUserAtOnce('ERR_CALLBACK', 'train of the model failed', () => this.model.train());
      refuseUntrainable('train', this.model);
      warnOfEvalModeOnce('train', this.model);
      this.evalStreams = evalStreams;
      this.checkExperiences(experiences);
      if (options.restart && experiences.length > 0) this.halfEnded = this.resumption = null;
      const { halfEnded, resumption } = this;
      this.#isPreparing = resumption !== null && experiences.length > 0;
      if (!halfEnded) await this.dispatch('beforeTraining', options);
      for (const [position, experience] of experiences.entries()) {
        if (call.isStopping) break;
        call.position = position;
        const left = this.halfEnded;
        if (left) runEvery(left.restore);
        this.experience = experience;
        if (!left) {
          await this.callOverride('beforeTrainingExp', () => this.beforeTrainingExp(options));
          if (resumption && position === 0) await this.goOn(resumption, options);
          await this.callOverride('trainExp', () => this.trainExp(options));
        }
        await this.#endExperience(options, left?.next(this.plugins) ?? 0);
      }
      await this.dispatch('afterTraining', options);
    };
    await finishing(
      () => this.#settled(epochs),
      [
        () => (this.#place = this.#from = null),
        () => (this.#isPreparing = false),
        () => (this.evalStreams = []),
        () => (this.experience = null),
        () => (this.isTraining = true),
        ...callUserAtOnce('ERR_CALLBACK', 'trainCleanUp failed', () => this.trainCleanUp()),
      ],
    );
  }

  /** The last hooks of an experience, from this plugin's on. Where one fails, the next call goes on with it. */
  async #endExperience(options: TrainOptions, from: number): Promise<void> {
    const draws = new DrawsOf(this.device);
    let restore: (() => void)[] = [];
    let uncount = () => {};
    const before = () => {
      draws.keep();
      uncount = this.saveCounts();
      restore = callUserAtOnce('ERR_CALLBACK', 'saveTrainState failed', () => this.saveTrainState());
    };
    try {
      await this.dispatch('afterTrainingExp', options, from, before);
      this.halfEnded = null;
    } catch (error) {
      draws.takeBack();
      uncount();
      restore.push(...this.saveMiniBatch());
      if (this.#place && this.#experience) this.halfEnded = new HalfEnded(this.#experience, this.#place, this.plugins, restore);
      throw error;
    } finally {
      draws.forget();
    }
  }

  /** What `eval` does. */
  async #evaluate(call: Call, options: TrainOptions): Promise<void> {
    const restore = callUserAtOnce('ERR_CALLBACK', 'saveTrainState failed', () => this.saveTrainState());
    const experiences = async () => {
      this.#isEvaluating = true;
      this.isTraining = false;
      callUserAtOnce('ERR_CALLBACK', 'eval of the model failed', () => this.model.eval());
      this.currentEvalStream = call.experiences;
      this.checkExperiences(call.experiences);
      await this.dispatch('beforeEval', options);
      for (const [position, experience] of call.experiences.entries()) {
        if (call.isStopping) break;
        call.position = position;
        this.experience = experience;
        await this.callOverride('beforeEvalExp', () => this.beforeEvalExp(options));
        await this.callOverride('evalExp', () => this.evalExp(options));
        await this.callOverride('afterEvalExp', () => this.afterEvalExp(options));
      }
      await this.dispatch('afterEval', options);
    };
    await finishing(
      () => this.#settled(experiences),
      [
        () => (this.#isEvaluating = false),
        () => (this.currentEvalStream = []),
        () => (this.experience = null),
        ...callUserAtOnce('ERR_CALLBACK', 'evalCleanUp failed', () => this.evalCleanUp()),
        ...restore,
      ],
    );
  }

  /** `work`, to the end of everything that it has begun. */
  async #settled(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.endOfPasses();
      const signal = this.callsUnderWay.aborted();
      throw signal && isOfAbort(error, signal) ? await this.#interrupted(error, signal, this.#place) : error;
    }
    await this.endOfPasses();
  }

  /** @internal Comes to a safe point of a pass; see `Strategy`. */
  pause(iteration: number | null): void | Promise<void> {
    const place = iteration === null ? null : { ...placeBefore('iteration', 0, this.progressOfExperience()), iteration };
    const around = this.#place;
    this.#place = place;
    const served = this.safePoints.serve();
    if (served) return served.then(() => ((this.#place = around), this.pause(iteration)));
    const saved = place && this.betweenIterations();
    if (saved) return saved.then(() => ((this.#place = around), this.#leaveIfAborted(place)));
    this.#place = around;
    return this.#leaveIfAborted(place);
  }

  /** @throws ERR_ABORTED, once plugins have heard of it */
  #leaveIfAborted(place: Place | null): void | Promise<void> {
    const signal = this.callsUnderWay.aborted();
    if (!signal) return;
    const error = this.#abortError(signal, place);
    if (!place) throw error;
    return this.#interrupted(error, signal, place).then((told) => Promise.reject(told));
  }

  /** @internal See `Strategy`. */
  unlessAborted<T>(promise: PromiseLike<T>, iteration: number | null): PromiseLike<T> {
    return this.callsUnderWay.unlessAborted(promise, () => this.pause(iteration));
  }

  /** @internal Whether a call of `train` or `eval` is under way. */
  get isAtWork(): boolean {
    return this.callsUnderWay.count > 0;
  }

  /** @internal Signals that abort every call. */
  get abortSignals(): Set<AbortSignal> {
    return this.callsUnderWay.standing;
  }

  /** Where the present moment is: null outside of training, undefined where nobody could go on. */
  protected placeNow(): Place | null | undefined {
    const { count, outermost } = this.callsUnderWay;
    if (count === 0) return null;
    if (count > 1 || outermost!.operation === 'eval' || this.#isPreparing || !this.#place) return undefined;
    const place = hookAround()?.strategy === this && this.#place.stage !== 'iteration' ? { ...this.#place, plugin: this.#place.plugin + 1 } : this.#place;
    // Behind the last plugin the clock has advanced.
    return canBeKept(place) && place.plugin < this.plugins.length ? place : undefined;
  }

  /** Whether hooks are called that prepare an experience which is gone on with. */
  protected get isPreparing(): boolean {
    return this.#isPreparing;
  }

  /** An experience has been prepared once more: goes to the place where it was left. */
  protected async goOn({ training, loadAgain }: Resumption, _options: TrainOptions): Promise<void> {
    loadAgain();
    this.#isPreparing = false;
    this.resumption = null;
    this.#from = training.place;
  }

  /** Where the experience that begins has its first thing to do; null: at its beginning. */
  protected get placeToGoOn(): Place | null {
    return this.#from;
  }

  /** Takes checkpoints where they are due. */
  protected betweenIterations(): void | Promise<void> {}

  /** @internal Epochs of the current experience that have been trained, and iterations of the present one. */
  protected progressOfExperience(): Pick<Place, 'epoch' | 'iteration'> {
    return { epoch: 0, iteration: 0 };
  }

  /** The error of the innermost call. The outermost one's plugins hear of it first, at the place where it ends. */
  async #interrupted(error: unknown, signal: AbortSignal, place: Place | null): Promise<unknown> {
    const { count, outermost } = this.callsUnderWay;
    if (count > 1) return this.#abortError(signal, null);
    if (outermost!.isTold) return error;
    outermost!.isTold = true;
    return this.#abortError(signal, place, await tellOfInterruption(this, this.plugins, place));
  }

  /** @param ways how to go on */
  #abortError(signal: AbortSignal, place: Place | null, ways?: readonly string[]): ContinualTorchError {
    const { experience, plugins } = this;
    const { operation } = this.callsUnderWay.innermost!;
    const next = place && describePlace(place, plugins);
    const of = experience && `experience ${experience.currentExperience} of stream "${experience.originStream.name}"`;
    const where = next ? `before ${[next, of].filter((part) => part !== null).join(', ')}` : of ? `in ${of}` : 'on its way';
    return abortError(operation, where, signal, ways);
  }

  /** Calls a method that may be overridden. @throws ERR_CALLBACK with what it threw as the cause */
  protected callOverride<T>(name: string, call: () => T): T {
    return callOverride(name, call);
  }

  /**
   * Calls a hook of every plugin that has it, in order, and waits for each.
   * @param from the index of the first plugin
   * @param before called before each of them
   */
  protected async dispatch(name: HookName, options: TrainOptions, from = 0, before?: () => void): Promise<void> {
    const isPreparing = this.#isPreparing;
    const first = this.#from?.stage === name ? this.#from.plugin : from;
    if (this.#from?.stage === name) this.#from = null;
    for (const [index, plugin] of [...this.plugins].entries()) {
      if (index < first || (isPreparing && isWhollyKept in plugin)) continue;
      before?.();
      if (isStage(name)) this.#place = placeBefore(name, index, this.progressOfExperience());
      if (!isInsideIteration(name)) this.#throwIfAborted();
      const called = this.callHook(plugin, name, options, index);
      if (called) await called;
      if (isStage(name)) this.#place = placeBefore(name, index + 1, this.progressOfExperience());
      const served = this.safePoints.serve();
      if (served) await served;
    }
    if (isStage(name)) this.#place = null;
  }

  /**
   * A hook that returns no promise has ended when this returns.
   * @throws ERR_HOOK with what it threw as its cause, unless that is already an error of ours
   */
  protected callHook(plugin: Plugin, name: HookName, options: TrainOptions, index: number): void | Promise<void> {
    const hook = listener(plugin, name, index);
    if (!hook) return;
    return insideHook(this, this.callsUnderWay.innermost!.number, () =>
      callUser('ERR_HOOK', `${name} of ${pluginName(plugin)} failed`, () =>
        this.inGradMode(() => hook.call(plugin, this, options)),
      ),
    );
  }

  /** @throws ERR_ABORTED */
  #throwIfAborted(): void {
    const signal = this.callsUnderWay.aborted();
    if (signal) throw this.#abortError(signal, this.callsUnderWay.count > 1 ? null : this.#place);
  }

  /** Calls JavaScript with recording for backward on in training and off in evaluation. */
  protected inGradMode<T>(fn: () => T): T {
    return inGradModeOf(this, fn);
  }
}

/** Whether an iteration that has begun goes on behind the hook. */
function isInsideIteration(name: HookName): boolean {
  return /Forward$|Backward$|Update$|^after.*Iteration$/.test(name);
}

/** @throws ERR_CALL_ORDER where another experience was left in the middle */
function requireSame({ training }: Resumption, first: AnyExperience): void {
  if (isOf(training, first)) return;
  const { stream, index } = training.experience;
  throw new ContinualTorchError(
    'ERR_CALL_ORDER',
    `train: expected experience ${index} of stream "${stream}", in which the checkpoint was taken that has been loaded, got experience ` +
      `${first.currentExperience} of stream "${first.originStream.name}": go on with stream.slice(strategy.clock.trainExpCounter)`,
  );
}

function busy(operation: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_BUSY',
    `${operation}: expected an idle strategy, got one that is training or evaluating; await the promise of that call first${operation === 'eval' ? ', or evaluate in a hook' : ''}`,
  );
}

function warnOfNoExperience(operation: Call['operation']): void {
  const verb = operation === 'train' ? 'trained' : 'measured';
  process.emitWarning(`${operation}: got no experience: nothing is ${verb}.`, 'ContinualTorchWarning');
}
