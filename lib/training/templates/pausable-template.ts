import { z } from 'zod';
import { Experience } from '../../benchmarks/stream';
import type { Dataset } from '../../data/dataset';
import { ContinualTorchError } from '../../errors';
import type { HookName } from '../../hooks/hook-names';
import { isWhollyKept, listener, pluginName, warnOfSurplusCallbacks } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';
import type { AnyExperience, TrainOptions } from '../../hooks/train-options';
import { native } from '../../native/binding';
import { ModelSnapshot } from '../../nn/model-snapshot';
import { Module } from '../../nn/module';
import { instanceOf, parseArgument, parseOptions } from '../../options';
import { type Generator } from '../../tensor/generator';
import { callUser } from '../../user-function';
import { callOverride, inGradModeOf } from '../iteration/calls';
import { SafePoints } from '../iteration/safe-points';
import { baseOptions, type BaseTemplateOptions } from './base-options';
import { abortError } from './abort';
import { CallsUnderWay } from './calls-under-way';
import { hookAround, insideHook } from './hook-call';
import { tellOfInterruption } from './interruption';
import { canBeKept } from '../state/training-state';
import { describePlace, isStage, type Place, placeBefore } from './place';

const schema = z.object(baseOptions);
const experienceSchema = instanceOf(Experience<Dataset>, 'an Experience or null').nullable();

/**
 * A strategy's model and plugins, the calls of their hooks, and the places between two things that it does, where it can be looked
 * at, saved and stopped.
 */
export abstract class PausableTemplate {
  /** In the order in which their hooks are called. */
  readonly plugins: Plugin[];
  /** Where model and mini-batches are. */
  readonly device: string;
  /** What `train` and `eval` draw from; null: the default generator. */
  readonly generator: Generator | null;

  /** Whether it trains; false during an evaluation, inside training too. */
  isTraining = false;

  /** @internal */
  readonly safePoints = new SafePoints();

  /** @internal */
  protected readonly callsUnderWay = new CallsUnderWay();
  /** @internal Where the training under way stands; null inside an iteration. */
  protected placeUnderWay: Place | null = null;
  /** @internal Whether hooks are called that prepare an experience which is gone on with. */
  protected isPreparing = false;
  /** @internal Where a training that is gone on with has its first thing to do; null once that has been done, or at its beginning. */
  protected placeToGoOn: Place | null = null;

  private currentModel: Module;
  #experience: AnyExperience | null = null;
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
   * Ends the call of `train` or `eval` under way in an orderly way; the call resolves. Training ends with the current
   * iteration: the last hooks of its epoch and its experience are called as after `stopTraining`, MAS measures, and no further
   * experience is begun. An evaluation ends with the current experience, so that every value is one of a whole experience; one
   * in a hook of training goes to its end, which belongs to the order; so does `updateImportance` of a plugin. Without a call
   * under way it does nothing.
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

  /** @internal Comes to a safe point of a pass; see `Strategy`. */
  pause(iteration: number | null): void | Promise<void> {
    const place = iteration === null ? null : { ...placeBefore('iteration', 0, this.progressOfExperience()), iteration };
    const around = this.placeUnderWay;
    this.placeUnderWay = place;
    // Who asks anew as soon as it has been answered waits for the next safe point.
    const served = this.safePoints.serve();
    const saved = served ? served.then(() => place && this.betweenIterations()) : place && this.betweenIterations();
    if (saved) return saved.then(() => ((this.placeUnderWay = around), this.#leaveIfAborted(place)));
    this.placeUnderWay = around;
    return this.#leaveIfAborted(place);
  }

  /** @throws ERR_ABORTED, once plugins have heard of it */
  #leaveIfAborted(place: Place | null): void | Promise<void> {
    const signal = this.callsUnderWay.aborted();
    if (!signal) return;
    const error = this.#abortError(signal, place);
    if (!place) throw error;
    return this.interrupted(error, signal, place).then((told) => Promise.reject(told));
  }

  /** @internal See `Strategy`. */
  unlessAborted<T>(promise: PromiseLike<T>, iteration: number | null): PromiseLike<T> {
    return this.callsUnderWay.unlessAborted(promise, () => this.pause(iteration));
  }

  /** @internal Whether a call is under way. */
  get isAtWork(): boolean {
    return this.callsUnderWay.count > 0;
  }

  /** @internal Whether a call of `train` is under way; see `Strategy`. */
  get isInTrain(): boolean {
    return this.callsUnderWay.outermost?.operation === 'train';
  }

  /** @internal Signals that abort every call. */
  get abortSignals(): Set<AbortSignal> {
    return this.callsUnderWay.standing;
  }

  /** @internal Where the present moment is: null outside of training, undefined where nobody could go on. */
  protected placeNow(): Place | null | undefined {
    const { count, outermost } = this.callsUnderWay;
    if (count === 0) return null;
    if (count > 1 || outermost!.operation !== 'train' || this.isPreparing || !this.placeUnderWay) return undefined;
    const place = hookAround()?.strategy === this && this.placeUnderWay.stage !== 'iteration' ? { ...this.placeUnderWay, plugin: this.placeUnderWay.plugin + 1 } : this.placeUnderWay;
    // Behind the last plugin the clock has advanced.
    return canBeKept(place) && place.plugin < this.plugins.length ? place : undefined;
  }

  /** Takes checkpoints where they are due. */
  protected betweenIterations(): void | Promise<void> {}

  /** @internal Epochs of the current experience that have been trained, and iterations of the present one. */
  protected progressOfExperience(): Pick<Place, 'epoch' | 'iteration'> {
    return { epoch: 0, iteration: 0 };
  }

  /** @internal The error of the innermost call. The outermost one's plugins hear of it first, at the place where it ends. */
  protected async interrupted(error: unknown, signal: AbortSignal, place: Place | null): Promise<unknown> {
    const { count, outermost } = this.callsUnderWay;
    if (count > 1) return this.#abortError(signal, null);
    if (outermost!.isTold) return error;
    outermost!.isTold = true;
    return this.#abortError(signal, place, await tellOfInterruption(this, this.plugins, place));
  }

  /** @param ways how to go on */
  #abortError(signal: AbortSignal, place: Place | null, ways?: readonly string[]): ContinualTorchError {
    const { experience, plugins } = this;
    const operation = this.callsUnderWay.innermost?.operation ?? 'passOver'; // of no call
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
    const isPreparing = this.isPreparing;
    const first = this.placeToGoOn?.stage === name ? this.placeToGoOn.plugin : from;
    if (this.placeToGoOn?.stage === name) this.placeToGoOn = null;
    for (const [index, plugin] of [...this.plugins].entries()) {
      if (index < first || (isPreparing && isWhollyKept in plugin)) continue;
      before?.();
      if (isStage(name)) this.placeUnderWay = placeBefore(name, index, this.progressOfExperience());
      if (!isInsideIteration(name)) this.#throwIfAborted();
      const called = this.callHook(plugin, name, options, index);
      if (called) await called;
      if (isStage(name)) this.placeUnderWay = placeBefore(name, index + 1, this.progressOfExperience());
      const served = this.safePoints.serve();
      if (served) await served;
    }
    if (isStage(name)) this.placeUnderWay = null;
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
    if (signal) throw this.#abortError(signal, this.callsUnderWay.count > 1 ? null : this.placeUnderWay);
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
