import { AsyncLocalStorage } from 'node:async_hooks';
import { z } from 'zod';
import { Experience, type Stream } from '../../benchmarks/stream';
import type { Dataset } from '../../data/dataset';
import { ContinualTorchError, describeValue } from '../../errors';
import { warnOfEvalModeOnce } from '../../jit/frozen-modes';
import { native } from '../../native/binding';
import { Module, nativeModule } from '../../nn/module';
import { getDefaultDevice } from '../../tensor/default-device';
import { boolean, deviceName, instanceOf, parseOptions } from '../../options';
import { noGrad } from '../../tensor/grad-mode';
import { isThenable } from './iteration-plan';
import { type HookName, listener, type Plugin, pluginName, pluginSchema, warnOfSurplusCallbacks } from '../plugins/plugin';

/** @internal The option schema of `train` and `eval`. */
export const trainSchema = z.object({
  evalStreams: z.array(z.any(), 'an array of experiences, streams or arrays of experiences').optional(),
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
};
const schema = z.object(baseOptions);

export interface BaseTemplateOptions {
  model: Module;
  /** `"cpu"`, `"cuda"` or `"cuda:N"`. Default: the default device, `"cpu"` at first. */
  device?: string;
  /** Called in this order; the array is copied. Default none. */
  plugins?: Plugin[];
}

type AnyExperience = Experience<Dataset>;

/** One experience or several: a stream, or an array. */
export type Experiences = AnyExperience | Stream<Dataset> | readonly AnyExperience[];

/** Options of `train` and `eval`; hooks get them, and those given to `train` reach the evaluations inside it. */
export interface TrainOptions {
  /** What periodic evaluation evaluates. Default: the training experiences. */
  evalStreams?: readonly Experiences[];
  /** Draws mini-batches in random order. Default: true in training, false in evaluation. */
  shuffle?: boolean;
  /** Leaves out a last training mini-batch that is not full. Default false. */
  dropLast?: boolean;
  /** Forgets momentum and moments before each experience. Default false. */
  resetOptimizerState?: boolean;
  /** Takes parameters that the model no longer has out of the optimizer. Default false. */
  removeParams?: boolean;
}

/** A hook under way; null once it has ended, though work that it started may go on. */
interface HookCall {
  strategy: BaseTemplate | null;
  /** The evaluation that it has begun. */
  evaluation: Promise<void> | null;
}

/** Tells a call of `eval` inside a hook, which is part of the training, from one that comes from elsewhere meanwhile. */
const strategyOfHook = new AsyncLocalStorage<HookCall>();

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
  readonly device: string;

  /** The experience that is trained on or evaluated; null outside. */
  experience: AnyExperience | null = null;
  isTraining = false;
  /** Groups of experiences, one for each stream, that periodic evaluation evaluates. */
  evalStreams: AnyExperience[][] = [];
  /** The experiences of the evaluation under way. */
  currentEvalStream: readonly AnyExperience[] = [];

  private currentModel: Module;
  private isRunning = false;
  private isEvaluating = false;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE */
  constructor(options: BaseTemplateOptions) {
    const { model, device, plugins } = parseOptions(new.target.name, schema, options);
    native.checkDevice(device);
    this.currentModel = model;
    this.device = device;
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
    const evalStreams = groupByStream((parsed.evalStreams ?? [list]).flatMap((group) => toExperiences('train', group)));
    if (parsed.evalStreams) requireNamesApart(evalStreams);
    if (this.isRunning) throw busy('train');
    this.isRunning = true;
    try {
      this.isTraining = true;
      this.model.to(this.device);
      this.model.train();
      warnOfEvalModeOnce('train', this.model);
      this.evalStreams = evalStreams;
      await this.dispatch('beforeTraining', parsed);
      for (const experience of list) {
        this.experience = experience;
        await this.beforeTrainingExp(parsed);
        await this.trainExp(parsed);
        await this.dispatch('afterTrainingExp', parsed);
      }
      await this.dispatch('afterTraining', parsed);
    } finally {
      this.isRunning = false;
      this.evalStreams = [];
      this.experience = null;
      this.isTraining = true;
      this.trainCleanUp();
    }
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
    const call = strategyOfHook.getStore();
    if (this.isEvaluating || (this.isRunning && call?.strategy !== this)) throw busy('eval');
    const evaluation = this.evaluate(list, parsed);
    if (call?.strategy === this) call.evaluation = evaluation;
    await evaluation;
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

  /** Forgets what belonged to a call of `train`. */
  protected trainCleanUp(): void {}

  /** Forgets what belonged to a call of `eval`. */
  protected evalCleanUp(): void {}

  /** @returns a function that puts back what an evaluation in the middle of training changes */
  protected saveTrainState(): () => void {
    const { experience, isTraining, model } = this;
    const modes = nativeModule(model).modes();
    return () => {
      this.experience = experience;
      this.isTraining = isTraining;
      nativeModule(this.model).setModes(modes);
    };
  }

  private async evaluate(list: AnyExperience[], options: TrainOptions): Promise<void> {
    const isNested = this.isRunning;
    const restore = this.saveTrainState();
    this.isRunning = this.isEvaluating = true;
    try {
      this.isTraining = false;
      this.model.eval();
      this.currentEvalStream = list;
      await this.dispatch('beforeEval', options);
      for (const evaluated of list) {
        this.experience = evaluated;
        await this.beforeEvalExp(options);
        await this.evalExp(options);
        await this.afterEvalExp(options);
      }
      await this.dispatch('afterEval', options);
    } finally {
      this.isRunning = isNested;
      this.isEvaluating = false;
      this.currentEvalStream = [];
      this.experience = null;
      this.evalCleanUp();
      restore();
    }
  }

  /** Calls a hook of every plugin that has it, in order, and waits for each. */
  protected async dispatch(name: HookName, options: TrainOptions): Promise<void> {
    for (const plugin of [...this.plugins]) {
      const called = this.callHook(plugin, name, options);
      if (called) await called;
    }
  }

  /**
   * A hook that returns no promise has ended when this returns.
   * @throws ERR_HOOK with the plugin's error as its cause, unless that is already one of ours
   */
  protected callHook(plugin: Plugin, name: HookName, options: TrainOptions): void | Promise<void> {
    const hook = listener(plugin, name);
    if (!hook) return;
    const call: HookCall = { strategy: this, evaluation: null };
    let result: unknown;
    try {
      result = strategyOfHook.run(call, () => this.inGradMode(() => hook.call(plugin, this as never, options)));
    } catch (error) {
      result = Promise.reject(error);
    }
    if (!isThenable(result) && !call.evaluation) {
      call.strategy = null;
      return;
    }
    return this.finishHook(call, result, `${name} of ${pluginName(plugin)}`);
  }

  private async finishHook(call: HookCall, result: unknown, what: string): Promise<void> {
    try {
      await result;
    } catch (error) {
      if (error instanceof ContinualTorchError) throw error;
      const message = error instanceof Error ? error.message : describeValue(error);
      throw new ContinualTorchError('ERR_HOOK', `${what} failed: ${message}`, { cause: error });
    } finally {
      call.strategy = null;
      // A hook may leave it alone, training may not: both work with the current mini-batch and the model's mode.
      await call.evaluation?.catch(() => {});
    }
  }

  /** Calls JavaScript with recording for backward on in training and off in evaluation. */
  protected inGradMode<T>(fn: () => T): T {
    return this.isTraining ? fn() : noGrad(fn);
  }
}

function busy(operation: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_BUSY',
    `${operation}: expected an idle strategy, got one that is training or evaluating; await the promise of that call first`,
  );
}

function toExperiences(operation: string, experiences: Experiences): AnyExperience[] {
  const list = experiences instanceof Experience ? [experiences] : isIterable(experiences) ? [...experiences] : null;
  const wrong = list === null ? -1 : list.findIndex((item: unknown) => !(item instanceof Experience));
  if (list === null || wrong >= 0) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected an experience, a stream or an array of experiences, got ${list === null ? describeValue(experiences) : `${describeValue(list[wrong])} at index ${wrong}`}`,
    );
  }
  for (const { dataset, originStream, currentExperience } of list) {
    if (dataset.length !== 0) continue;
    throw new ContinualTorchError(
      'ERR_EMPTY_EXPERIENCE',
      `${operation}: expected an experience with samples, got none in experience ${currentExperience} of stream "${originStream.name}"`,
    );
  }
  return list;
}

function isIterable(value: unknown): value is Iterable<AnyExperience> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** Experiences by the name of their stream, in the order in which the names first come. */
function groupByStream(experiences: AnyExperience[]): AnyExperience[][] {
  const groups = new Map<string, AnyExperience[]>();
  for (const experience of experiences) {
    const group = groups.get(experience.originStream.name);
    if (group) group.push(experience);
    else groups.set(experience.originStream.name, [experience]);
  }
  return [...groups.values()];
}

/** Metrics go by stream name and index: the values of one experience must not pass for those of another. */
function requireNamesApart(groups: AnyExperience[][]): void {
  for (const group of groups) {
    const seen = new Map<number, AnyExperience>();
    for (const experience of group) {
      const { currentExperience, originStream, dataset } = experience;
      const other = seen.get(currentExperience);
      seen.set(currentExperience, experience);
      if (!other || other.dataset === dataset) continue;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `train: expected evalStreams of different names, got two "${originStream.name}" that both have an experience ${currentExperience}`,
      );
    }
  }
}
