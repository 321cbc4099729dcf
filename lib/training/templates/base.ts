import { z } from 'zod';
import { Experience, Stream } from '../../benchmarks/stream';
import { ContinualTorchError } from '../../errors';
import type { AnyExperience, Experiences, TrainOptions } from '../../hooks/train-options';
import { warnOfEvalModeOnce } from '../../jit/frozen-modes';
import { refuseUntrainable } from '../../jit/untrainable';
import { nativeModule } from '../../nn/module';
import { boolean, parseOptions } from '../../options';
import { drawingFrom, DrawsOf } from '../../tensor/generator';
import { callUserAtOnce, finishing, runEvery } from '../../user-function';
import { PausableTemplate } from './pausable-template';
import { abortError, isOfAbort, signalSchema } from './abort';
import { type Call } from './calls-under-way';
import { groupByStream, requireNamesApart, toExperiences, toGroups } from './experiences';
import { HalfEnded } from './half-ended';
import { hookAround, hooksAround } from './hook-call';
import { isOf, type Resumption } from '../state/training-state';

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
export abstract class BaseTemplate extends PausableTemplate {
  /** Groups of experiences, one for each stream, that periodic evaluation evaluates. */
  evalStreams: AnyExperience[][] = [];
  /** The experiences of the evaluation under way. */
  currentEvalStream: readonly AnyExperience[] = [];

  /** @internal What the latest training has left to be ended. */
  protected halfEnded: HalfEnded | null = null;
  /** @internal What the next call of `train` goes on with; null: it begins. */
  protected resumption: Resumption | null = null;
  #isEvaluating = false;

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
    if (this.callsUnderWay.count > 0) throw this.callsUnderWay.busy('train');
    if (list[0]) {
      if (!parsed.restart) this.halfEnded?.require(list[0]);
      if (this.resumption) requireSame(this.resumption, list[0], parsed.restart ?? false);
    }
    const learned = this.experiencesToLearn(list, parsed);
    await this.#occupy('train', learned, parsed, (call) => this.#learn(call, evalStreams, parsed));
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
    this.#requireHook('eval', ', or evaluate in a hook');
    if (this.#isEvaluating) throw this.callsUnderWay.busyEvaluation();
    await this.#occupy('eval', list, parsed, (call) => this.#evaluate(call, parsed));
    return undefined;
  }

  /** @internal Which of the experiences given to `train` are learned, one after the other. */
  protected experiencesToLearn(given: readonly AnyExperience[], _options: TrainOptions): readonly AnyExperience[] {
    return given;
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

  /** @internal See `Strategy`. */
  async alone(operation: string, work: () => Promise<void>, check: () => Pick<TrainOptions, 'signal'> = () => ({})): Promise<void> {
    const options = check();
    this.#requireHook(operation);
    const around = this.callsUnderWay.innermost;
    await this.#occupy(operation, around?.experiences ?? [], options, (call) =>
      this.#settled(async () => {
        if (around) call.position = around.position;
        else await this.prepareModel();
        await work();
      }),
    );
  }

  /** @internal Makes model and optimizer ready to be worked with outside of `train` and `eval`. */
  protected async prepareModel(): Promise<void> {}

  /** @throws ERR_BUSY where a call is under way that does not wait for a hook in which this one is made */
  #requireHook(operation: string, otherwise = ''): void {
    const { innermost } = this.callsUnderWay;
    if (!innermost) return;
    const hook = hookAround();
    if (hook?.strategy !== this) throw this.callsUnderWay.busy(operation, otherwise);
    if (hook.call !== innermost.number) throw this.callsUnderWay.busyHook(operation);
  }

  /** A call, to its end. */
  async #occupy(
    operation: string,
    experiences: readonly AnyExperience[],
    { signal }: Pick<TrainOptions, 'signal'>,
    work: (call: Call) => Promise<void>,
  ): Promise<void> {
    const aborted = this.callsUnderWay.aborted(signal);
    if (aborted) throw abortError(operation, 'before it began', aborted);
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
    if (experiences.length === 0) warnOfNoExperience('train');
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
      this.isPreparing = resumption !== null && experiences.length > 0;
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
        () => (this.placeUnderWay = this.placeToGoOn = null),
        () => (this.isPreparing = false),
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
      if (this.placeUnderWay && this.experience) this.halfEnded = new HalfEnded(this.experience, this.placeUnderWay, this.plugins, restore);
      throw error;
    } finally {
      draws.forget();
    }
  }

  /** What `eval` does. */
  async #evaluate(call: Call, options: TrainOptions): Promise<void> {
    if (call.experiences.length === 0) warnOfNoExperience('eval');
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
      throw signal && isOfAbort(error, signal) ? await this.interrupted(error, signal, this.placeUnderWay) : error;
    }
    await this.endOfPasses();
  }

  /** @internal An experience has been prepared once more: goes to the place where it was left. */
  protected async goOn({ training, loadAgain }: Resumption, _options: TrainOptions): Promise<void> {
    loadAgain();
    this.isPreparing = false;
    this.resumption = null;
    this.placeToGoOn = training.place;
  }
}

/** @throws ERR_CALL_ORDER where another experience was left in the middle, or this one where it cannot be begun again */
function requireSame({ training }: Resumption, first: AnyExperience, restart: boolean): void {
  const { stream, index } = training.experience;
  if (restart) {
    if (training.place.stage !== 'afterTrainingExp') return;
    // The checkpoint does not hold what plugins remembered before: what they have merged would be merged twice.
    throw new ContinualTorchError(
      'ERR_CALL_ORDER',
      `train: expected experience ${index} of stream "${stream}" to be ended, whose last hooks had begun when the checkpoint was taken, got ` +
        'restart: train it without, or load an earlier checkpoint',
    );
  }
  if (isOf(training, first)) return;
  throw new ContinualTorchError(
    'ERR_CALL_ORDER',
    `train: expected experience ${index} of stream "${stream}", in which the checkpoint was taken that has been loaded, got experience ` +
      `${first.currentExperience} of stream "${first.originStream.name}": go on with stream.slice(strategy.clock.trainExpCounter)`,
  );
}

function warnOfNoExperience(operation: 'train' | 'eval'): void {
  const verb = operation === 'train' ? 'trained' : 'measured';
  process.emitWarning(`${operation}: got no experience: nothing is ${verb}.`, 'ContinualTorchWarning');
}
