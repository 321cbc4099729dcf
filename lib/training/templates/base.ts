import { AsyncLocalStorage } from 'node:async_hooks';
import { z } from 'zod';
import { Experience, type Stream } from '../../benchmarks/stream';
import type { TensorDataset } from '../../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../../errors';
import type { Module } from '../../nn/module';
import { boolean, parseOptions } from '../../options';
import { noGrad } from '../../tensor/grad-mode';
import type { EvaluationPlugin } from '../../evaluation/evaluation-plugin';
import type { LastMetrics } from '../../evaluation/metric';
import type { Clock } from '../plugins/clock';
import { type HookName, listener, type Plugin } from '../plugins/plugin';

const trainSchema = z.object({
  evalStreams: z.array(z.any(), 'an array of experiences, streams or arrays of experiences').optional(),
  shuffle: boolean.optional(),
  dropLast: boolean.default(false),
  resetOptimizerState: boolean.default(false),
});

/** One experience or several: a stream, or an array. */
export type Experiences = Experience | Stream | readonly Experience[];

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
}

/** A hook under way; null once it has ended, though work that it started may go on. */
interface HookCall {
  strategy: BaseTemplate | null;
}

/** Tells a call of `eval` inside a hook, which is part of the training, from one that comes from elsewhere meanwhile. */
const strategyOfHook = new AsyncLocalStorage<HookCall>();

/**
 * The outermost loops of a strategy: experiences of `train` and `eval`, and the plugins' hooks around them.
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
  /** In the order in which their hooks are called; evaluator, periodic evaluation and clock come last. */
  abstract readonly plugins: Plugin[];
  abstract readonly model: Module;
  abstract readonly device: string;
  abstract readonly evaluator: EvaluationPlugin;
  abstract readonly clock: Clock;
  abstract adaptedDataset: TensorDataset | null;

  /** The experience that is trained on or evaluated; null outside. */
  experience: Experience | null = null;
  isTraining = false;
  /** Groups of experiences, one for each stream, that periodic evaluation evaluates. */
  evalStreams: Experience[][] = [];
  /** The experiences of the evaluation under way. */
  currentEvalStream: readonly Experience[] = [];

  private isRunning = false;
  private isEvaluating = false;

  get isEval(): boolean {
    return !this.isTraining;
  }

  /**
   * Learns from one or more experiences, one after the other.
   * @returns the latest value of every metric, by name
   * @throws ERR_BUSY while the strategy trains or evaluates; ERR_EMPTY_EXPERIENCE; ERR_UNKNOWN_OPTION; whatever the model
   * (ERR_FORWARD), the criterion (ERR_CRITERION, ERR_LABEL_RANGE) or a hook (ERR_HOOK) reports. The strategy can be used
   * again afterwards.
   */
  async train(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics> {
    const list = toExperiences('train', experiences);
    const parsed = parseOptions('train', trainSchema, options) as TrainOptions;
    const evalStreams = (parsed.evalStreams ?? [list]).map((group) => toExperiences('train', group));
    if (this.isRunning) throw busy('train');
    this.isRunning = true;
    try {
      this.isTraining = true;
      this.prepareTraining();
      this.evalStreams = groupByStream(evalStreams.flat());
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
      this.cleanUp();
    }
    return this.evaluator.getLastMetrics();
  }

  /**
   * Measures one or more experiences in eval mode, without learning; afterwards everything is in the mode it was before.
   * A hook may call it in the middle of training.
   * @returns the latest value of every metric, by name
   * @throws as `train`
   */
  async eval(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics> {
    const list = toExperiences('eval', experiences);
    const parsed = parseOptions('eval', trainSchema, options) as TrainOptions;
    const isNested = this.isRunning;
    if (this.isEvaluating || (isNested && strategyOfHook.getStore()?.strategy !== this)) throw busy('eval');
    const { experience, isTraining, adaptedDataset } = this;
    const modes = this.model.handle.modes();
    this.isRunning = this.isEvaluating = true;
    try {
      this.isTraining = false;
      this.model.eval();
      this.currentEvalStream = list;
      await this.dispatch('beforeEval', parsed);
      for (const evaluated of list) {
        this.experience = evaluated;
        await this.beforeEvalExp(parsed);
        await this.evalExp(parsed);
      }
      await this.dispatch('afterEval', parsed);
    } finally {
      this.isRunning = isNested;
      this.isEvaluating = false;
      this.currentEvalStream = [];
      this.experience = experience;
      this.isTraining = isTraining;
      this.cleanUp();
      this.adaptedDataset = adaptedDataset;
      this.model.handle.setModes(modes);
    }
    return this.evaluator.getLastMetrics();
  }

  protected abstract prepareTraining(): void;
  protected abstract beforeTrainingExp(options: TrainOptions): Promise<void>;
  protected abstract trainExp(options: TrainOptions): Promise<void>;
  protected abstract beforeEvalExp(options: TrainOptions): Promise<void>;
  protected abstract evalExp(options: TrainOptions): Promise<void>;
  /** Forgets what belonged to the call that ends. */
  protected abstract cleanUp(): void;

  /** Calls a hook of every plugin that has it, in order, and waits for each. */
  protected async dispatch(name: HookName, options: TrainOptions): Promise<void> {
    for (const plugin of [...this.plugins]) await this.callHook(plugin, name, options);
  }

  /** @throws ERR_HOOK with the plugin's error as its cause, unless that is already one of ours */
  protected async callHook(plugin: Plugin, name: HookName, options: TrainOptions): Promise<void> {
    const hook = listener(plugin, name);
    if (!hook) return;
    const call: HookCall = { strategy: this };
    try {
      await strategyOfHook.run(call, () => this.inGradMode(() => hook.call(plugin, this as never, options)));
    } catch (error) {
      if (error instanceof ContinualTorchError) throw error;
      const message = error instanceof Error ? error.message : describeValue(error);
      throw new ContinualTorchError('ERR_HOOK', `${name} of ${pluginName(plugin)} failed: ${message}`, { cause: error });
    } finally {
      call.strategy = null;
    }
  }

  /** Calls JavaScript with recording for backward on in training and off in evaluation. */
  protected inGradMode<T>(fn: () => T): T {
    return this.isTraining ? fn() : noGrad(fn);
  }
}

export function pluginName(plugin: object): string {
  const name = plugin.constructor.name;
  return name === 'Object' || name === '' ? 'a plugin' : name;
}

function busy(operation: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_BUSY',
    `${operation}: expected an idle strategy, got one that is training or evaluating; await the promise of that call first`,
  );
}

function toExperiences(operation: string, experiences: Experiences): Experience[] {
  const list = experiences instanceof Experience ? [experiences] : isIterable(experiences) ? [...experiences] : null;
  const wrong = list === null ? -1 : list.findIndex((item: unknown) => !(item instanceof Experience));
  if (list === null || wrong >= 0) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected an experience, a stream or an array of experiences, got ${list === null ? describeValue(experiences) : `${describeValue(list[wrong])} at index ${wrong}`}`,
    );
  }
  for (const { dataset, originStream, currentExperience } of list) {
    if (dataset.length > 0) continue;
    throw new ContinualTorchError(
      'ERR_EMPTY_EXPERIENCE',
      `${operation}: expected an experience with samples, got none in experience ${currentExperience} of stream "${originStream.name}"`,
    );
  }
  return list;
}

function isIterable(value: unknown): value is Iterable<Experience> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function groupByStream(experiences: Experience[]): Experience[][] {
  const groups = new Map<string, Experience[]>();
  for (const experience of experiences) {
    const group = groups.get(experience.originStream.name);
    if (group) group.push(experience);
    else groups.set(experience.originStream.name, [experience]);
  }
  return [...groups.values()];
}
