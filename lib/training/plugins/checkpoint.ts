import { z } from 'zod';
import { folderName } from '../../checkpoint/checkpoint-folder';
import { isWhollyKept, SupervisedPlugin } from '../../hooks/plugin';
import type { KeptStrategy, Strategy } from '../../hooks/strategy';
import { boolean, parseOptions, positiveInteger } from '../../options';
import { checkState, type State } from '../../state';
import { Tensor } from '../../tensor/tensor';
import { type Checkpoints, checkpointsOf, type Keeps } from '../state/checkpoints';

const every = positiveInteger.nullable().default(null);
const schema = z.object({
  everyIterations: every,
  everyEpochs: every,
  everyExperiences: every,
  everySeconds: z.number('a number above 0').positive('a number above 0').nullable().default(null),
  keep: positiveInteger.default(2),
  best: z
    .strictObject({ metric: z.string('the name of a metric'), mode: z.enum(['max', 'min'], '"max" or "min"').default('max') })
    .nullable()
    .default(null),
  onInterruption: boolean.default(true),
});
const stateSchema = z.object({
  best: z.object({ number: z.int(), value: z.number() }).nullable(),
  savedIterations: z.int(),
});

/** Options of `CheckpointPlugin`. Where nothing says how often, there is a checkpoint at the end of each experience. */
export interface CheckpointPluginOptions {
  /** After every so many iterations of training, counted from the strategy's first. */
  everyIterations?: number | null;
  /** After every so many epochs of each experience. */
  everyEpochs?: number | null;
  /** After every so many experiences. */
  everyExperiences?: number | null;
  /** When so many seconds have gone by, after the iteration under way. */
  everySeconds?: number | null;
  /** How many of the latest ones stay in the folder. Default 2: one may turn out to be damaged. */
  keep?: number;
  /** Of which metric the best value's checkpoint stays too. */
  best?: {
    /** Its full name: "Loss_Stream/eval_phase/test_stream/Task000". */
    metric: string;
    /** Which value is better, the largest or the smallest. Default "max". */
    mode?: 'max' | 'min';
  } | null;
  /** Also when training is aborted, by a signal for example. Default true. */
  onInterruption?: boolean;
}

/**
 * Saves checkpoints while a strategy trains, as `strategy.save` does. Training waits for a copy in memory only; the files are
 * written beside it, one checkpoint at a time: where one is not yet on disk when the next is due, that one comes as soon as it
 * is. One that cannot be written is told in a warning, and training goes on.
 *
 *     const strategy = new Naive({ ..., plugins: [new MASPlugin(), new CheckpointPlugin('runs/digits', { everySeconds: 60 })] });
 *     await strategy.load('runs/digits', { optional: true });
 *     for (const experience of trainStream.slice(strategy.clock.trainExpCounter)) {
 *       await strategy.train(experience);
 *       await strategy.eval(testStream);
 *     }
 *
 * Its place among the plugins is its place in time: hooks of those behind it are called again by a resumed run. No hook of its
 * stands inside the iteration, so that iterations stay joined.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; while training ERR_CHECKPOINT_STATE
 */
export class CheckpointPlugin extends SupervisedPlugin {
  /** @internal */
  readonly [isWhollyKept] = true;
  override readonly supportsDistributed = false;
  /** Where checkpoints are. */
  readonly folder: string;
  private readonly options: z.output<typeof schema>;
  private best: { number: number; value: number } | null = null;
  private savedAt = performance.now();
  /** Iterations of training that there were by then. */
  private savedIterations = 0;

  constructor(folder: string, options?: CheckpointPluginOptions) {
    super();
    this.folder = folderName('CheckpointPlugin', folder);
    const parsed = parseOptions('CheckpointPlugin', schema, options);
    const { everyIterations, everyEpochs, everyExperiences, everySeconds } = parsed;
    const isSaid = [everyIterations, everyEpochs, everyExperiences, everySeconds].some((often) => often !== null);
    this.options = isSaid ? parsed : { ...parsed, everyExperiences: 1 };
  }

  override beforeTraining(): void {
    this.savedAt = performance.now();
  }

  /** @internal How many iterations may go by until one is due. */
  untilDue({ clock }: KeptStrategy): number {
    const { everyIterations } = this.options;
    return everyIterations === null ? Infinity : everyIterations - (clock.trainIterations % everyIterations);
  }

  /** @internal Between two iterations. */
  betweenIterations(strategy: KeptStrategy): void | Promise<void> {
    const { everyIterations, everySeconds } = this.options;
    const { trainIterations } = strategy.clock;
    const isDue =
      (everyIterations !== null && trainIterations > this.savedIterations && trainIterations % everyIterations === 0) ||
      (everySeconds !== null && performance.now() - this.savedAt >= everySeconds * 1000);
    if (isDue && !checkpointsOf(strategy).isBusy) return this.save(strategy);
  }

  override async afterTrainingEpoch(strategy: Strategy): Promise<void> {
    const { everyEpochs } = this.options;
    if (everyEpochs !== null && (strategy.clock.trainExpEpochs + 1) % everyEpochs === 0) await this.save(strategy);
  }

  override async afterTrainingExp(strategy: Strategy): Promise<void> {
    const { everyExperiences } = this.options;
    if (everyExperiences !== null && (strategy.clock.trainExpCounter + 1) % everyExperiences === 0) await this.save(strategy);
  }

  /** Waits for what is still being written. */
  override async afterTraining(strategy: Strategy): Promise<void> {
    await checkpointsOf(strategy).settled();
    checkpointsOf(strategy).release();
  }

  /** @internal The call under way is aborted. */
  async onInterruption(strategy: Strategy, place: unknown): Promise<string | void> {
    if (!this.options.onInterruption || place === null) return;
    const path = await (await this.begin(strategy))?.writing;
    if (path === undefined) return;
    return `saved in "${path}": a program that calls strategy.load("${this.folder}") goes on from there`;
  }

  /** Which checkpoint has the best value of the metric, and when the last one was taken. */
  stateDict(): State {
    return { best: this.best && { ...this.best }, savedIterations: this.savedIterations };
  }

  /** @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { best, savedIterations } = checkState('CheckpointPlugin', stateSchema, state);
    this.best = best;
    this.savedIterations = savedIterations;
  }

  /** Takes a checkpoint, and has it written meanwhile. */
  private async save(strategy: KeptStrategy): Promise<void> {
    const writing = (await this.begin(strategy))?.writing;
    writing?.catch((error: Error) => process.emitWarning(`CheckpointPlugin: ${error.message}`, 'ContinualTorchWarning'));
  }

  /** Resolves when training may go on; null where nobody could go on from here. */
  private async begin(strategy: KeptStrategy): Promise<{ writing: Promise<string> } | null> {
    const checkpoints = checkpointsOf(strategy);
    await checkpoints.settled();
    const before = this.best;
    this.note(strategy, checkpoints);
    this.savedIterations = strategy.clock.trainIterations;
    const checkpoint = strategy.checkpoint();
    if (!checkpoint) return null;
    const snapshot = await checkpoints.take(checkpoint.state, checkpoint.about);
    this.savedAt = performance.now();
    const writing = checkpoints.write(this.folder, snapshot, this.keeps);
    writing.catch(() => (this.best = before));
    return { writing };
  }

  /** Whether the checkpoint that is about to be taken is the best so far. */
  private note({ evaluator }: KeptStrategy, checkpoints: Checkpoints): void {
    const { best } = this.options;
    const latest = best && evaluator.latest((name) => name === best.metric);
    if (!latest) return;
    const value = latest.value instanceof Tensor ? latest.value.item() : latest.value;
    const isBetter = this.best === null || (best.mode === 'max' ? value > this.best.value : value < this.best.value);
    if (isBetter && !Number.isNaN(value)) this.best = { number: checkpoints.nextNumber(this.folder), value };
  }

  private readonly keeps: Keeps = (numbers) => [...numbers.slice(-this.options.keep), ...(this.best ? [this.best.number] : [])];
}
