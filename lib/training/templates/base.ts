import { z } from 'zod';
import { Experience, Stream } from '../../benchmarks/stream';
import type { Dataset } from '../../data/dataset';
import { ContinualTorchError } from '../../errors';
import type { HookName } from '../../hooks/hook-names';
import { listener, pluginName, pluginSchema, warnOfSurplusCallbacks } from '../../hooks/plugin';
import type { Plugin } from '../../hooks/strategy';
import type { AnyExperience, Experiences, TrainOptions } from '../../hooks/train-options';
import { warnOfEvalModeOnce } from '../../jit/frozen-modes';
import { refuseUntrainable } from '../../jit/untrainable';
import { native } from '../../native/binding';
import { Module, nativeModule } from '../../nn/module';
import { boolean, deviceName, instanceOf, parseArgument, parseOptions } from '../../options';
import { getDefaultDevice } from '../../tensor/default-device';
import { cpuGenerator, drawingFrom, type Generator } from '../../tensor/generator';
import type { Tensor } from '../../tensor/tensor';
import { callUser, callUserAtOnce, finishing } from '../../user-function';
import { callOverride, inGradModeOf } from '../iteration/calls';
import { SafePoints } from '../iteration/safe-points';
import { groupByStream, requireNamesApart, toExperiences, toGroups } from './experiences';
import { hookAround, hooksAround, insideHook } from './hook-call';

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
  /** The calls of `train` and `eval` under way, the innermost last. */
  readonly #calls: number[] = [];
  #isEvaluating = false;

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
   * Learns from one or more experiences, one after the other.
   * @throws ERR_BUSY while the strategy trains or evaluates; ERR_EMPTY_EXPERIENCE; ERR_UNKNOWN_OPTION; whatever the model
   * (ERR_FORWARD), the criterion (ERR_CRITERION, ERR_LABEL_RANGE) or a hook (ERR_HOOK) reports. The strategy can be used
   * again afterwards.
   */
  async train(experiences: Experiences, options?: TrainOptions): Promise<unknown> {
    const list = toExperiences('train', experiences);
    const parsed = parseOptions('train', trainSchema, options) as TrainOptions;
    const evalStreams = groupByStream(toGroups(parsed.evalStreams ?? list).flatMap((group) => toExperiences('train', group)));
    if (parsed.evalStreams) requireNamesApart(evalStreams);
    if (this.#calls.length > 0) throw busy('train');
    if (list.length === 0) warnOfNoExperience('train', 'trained');
    await this.#occupy('train', () => drawingFrom(this.generator, () => this.#learn(list, evalStreams, parsed)));
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
    if (this.#isEvaluating || (this.#calls.length > 0 && hookAround()?.strategy !== this)) throw busy('eval');
    if (list.length === 0) warnOfNoExperience('eval', 'measured');
    await this.#occupy('eval', () => drawingFrom(this.generator, () => this.#evaluate(list, parsed)));
    return undefined;
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
  async #occupy(operation: string, work: () => Promise<void>): Promise<void> {
    const hooks = hooksAround();
    const { call, isShared } = this.holdModel(
      operation,
      hooks.map((hook) => hook.call),
    );
    this.#calls.push(call);
    const working = finishing(() => this.safePoints.during(work), [() => void this.#calls.pop(), () => this.releaseModel()]);
    // A hook may leave it alone; who waits for the hook may not.
    if (isShared || hookAround()?.strategy === this) for (const hook of hooks) hook.begun.push(working);
    await working;
  }

  /** What `train` does. */
  async #learn(list: AnyExperience[], evalStreams: AnyExperience[][], options: TrainOptions): Promise<void> {
    const epochs = async () => {
      this.isTraining = true;
      callUserAtOnce('ERR_CALLBACK', 'to of the model failed', () => this.model.to(this.device));
      callUserAtOnce('ERR_CALLBACK', 'train of the model failed', () => this.model.train());
      refuseUntrainable('train', this.model);
      warnOfEvalModeOnce('train', this.model);
      this.evalStreams = evalStreams;
      this.checkExperiences(list);
      await this.dispatch('beforeTraining', options);
      for (const experience of list) {
        this.experience = experience;
        await this.callOverride('beforeTrainingExp', () => this.beforeTrainingExp(options));
        await this.callOverride('trainExp', () => this.trainExp(options));
        await this.dispatch('afterTrainingExp', options);
      }
      await this.dispatch('afterTraining', options);
    };
    await finishing(
      () => this.#settled(epochs),
      [
        () => (this.evalStreams = []),
        () => (this.experience = null),
        () => (this.isTraining = true),
        ...callUserAtOnce('ERR_CALLBACK', 'trainCleanUp failed', () => this.trainCleanUp()),
      ],
    );
  }

  /** What `eval` does. */
  async #evaluate(list: AnyExperience[], options: TrainOptions): Promise<void> {
    const restore = callUserAtOnce('ERR_CALLBACK', 'saveTrainState failed', () => this.saveTrainState());
    const experiences = async () => {
      this.#isEvaluating = true;
      this.isTraining = false;
      callUserAtOnce('ERR_CALLBACK', 'eval of the model failed', () => this.model.eval());
      this.currentEvalStream = list;
      this.checkExperiences(list);
      await this.dispatch('beforeEval', options);
      for (const evaluated of list) {
        this.experience = evaluated;
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
    } finally {
      await this.endOfPasses();
    }
  }

  /** Calls a method that may be overridden. @throws ERR_CALLBACK with what it threw as the cause */
  protected callOverride<T>(name: string, call: () => T): T {
    return callOverride(name, call);
  }

  /** Calls a hook of every plugin that has it, in order, and waits for each. */
  protected async dispatch(name: HookName, options: TrainOptions): Promise<void> {
    for (const [index, plugin] of [...this.plugins].entries()) {
      const called = this.callHook(plugin, name, options, index);
      if (called) await called;
      const served = this.safePoints.serve();
      if (served) await served;
    }
  }

  /**
   * A hook that returns no promise has ended when this returns.
   * @throws ERR_HOOK with what it threw as its cause, unless that is already an error of ours
   */
  protected callHook(plugin: Plugin, name: HookName, options: TrainOptions, index: number): void | Promise<void> {
    const hook = listener(plugin, name, index);
    if (!hook) return;
    return insideHook(this, this.#calls.at(-1)!, () =>
      callUser('ERR_HOOK', `${name} of ${pluginName(plugin)} failed`, () =>
        this.inGradMode(() => hook.call(plugin, this, options)),
      ),
    );
  }

  /** Calls JavaScript with recording for backward on in training and off in evaluation. */
  protected inGradMode<T>(fn: () => T): T {
    return inGradModeOf(this, fn);
  }
}

function busy(operation: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_BUSY',
    `${operation}: expected an idle strategy, got one that is training or evaluating; await the promise of that call first${operation === 'eval' ? ', or evaluate in a hook' : ''}`,
  );
}

function warnOfNoExperience(operation: string, verb: string): void {
  process.emitWarning(`${operation}: got no experience: nothing is ${verb}.`, 'ContinualTorchWarning');
}
