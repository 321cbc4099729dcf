import type { Dataset, MiniBatch, MiniBatchSource } from '../data/dataset';
import type { Inputs } from '../data/inputs';
import type { NativeTrainingStep } from '../native/types';
import type { Module } from '../nn/module';
import type { Optimizer } from '../optim/optimizer';
import type { Phase } from '../phase';
import type { EvaluationResults } from '../results/evaluation-results';
import type { AllMetrics, EmittedMetric, LastMetrics } from '../results/metric-values';
import type { State, Stateful } from '../state';
import type { Generator } from '../tensor/generator';
import type { Tensor } from '../tensor/tensor';
import type { HookName } from './hook-names';
import type { AnyExperience, Experiences, TrainOptions } from './train-options';

/**
 * A hook gets the strategy and the options given to `train` or `eval`; a promise that it returns is awaited. It may be written
 * for a strategy of your own, `(strategy: MyStrategy) => ...`: as a method's, its parameters are not compared strictly.
 */
export type Hook = { hook(strategy: Strategy, options: TrainOptions): void | Promise<void> }['hook'];

/** Anything with some of the hooks. Members that begin with `before` or `after` and are no hook are warned about. */
export type Plugin = { [name in HookName]?: Hook } & Partial<Stateful> & {
  /** Of the reference's plugins; says nothing here. */
  readonly supportsDistributed?: boolean;
};

/**
 * Gets what the metrics of an `EvaluationPlugin` have to say. In a hook in which there are new values, `logMetrics` is
 * called with them; then, with values or without, the logger's own method of the hook's name, if it has one. Promises are
 * awaited.
 * A method of a hook inside the iteration keeps iterations from being joined into one native job.
 */
export type Logger = {
  /** Takes the new values of a hook. */
  logMetrics(values: readonly EmittedMetric[]): void | Promise<void>;
  /** Called every few milliseconds of a pass over an experience's data. */
  onProgress?(strategy: Strategy, progress: PassProgress): void | Promise<void>;
  /** Whether `onProgress` does anything at present; where nobody listens no loss is read. Default true. */
  readonly isListening?: boolean;
  /** Called before a checkpoint counts: everything logged so far is to be on disk when it resolves. */
  flush?(): void | Promise<void>;
} & Partial<Stateful> & {
  [name in HookName]?: {
    hook(strategy: Strategy, values: readonly EmittedMetric[]): void | Promise<void>;
  }['hook'];
};

/** How far the current pass over an experience has come, in mini-batches, and the call of `train`, `eval` or a plugin's own (`updateImportance`). Counts begin at 0. */
export interface PassProgress {
  /** What is under way. */
  phase: 'train' | 'eval' | 'importance';
  /** Mini-batches so far. */
  done: number;
  /** NaN where the data does not know its length. */
  total: number;
  /** The place of the experience among those of the call; in an evaluation in a hook, of that evaluation. */
  experience: number;
  /** How many experiences the call has. */
  experiences: number;
  /** The index of the experience in its stream. */
  experienceIndex: number;
  /** The epoch of the experience; 0 in evaluation and importance passes. */
  epoch: number;
  /** How many epochs there are; 1 in evaluation and importance passes. */
  epochs: number;
  /** Iterations of the epoch, or of the pass: as `done`. */
  iteration: number;
  /** Of the mini-batch that came last, penalties included; NaN in importance passes. On a GPU it is read every 100 ms at most. */
  loss: number;
  /** Mini-batches a second over the last seconds of the pass. */
  rate: number;
  /** Seconds until the call ends, as far as it can be told: NaN before anything has been done, and where data does not know its length. */
  timeLeft: number;
}

/** How many iterations, epochs and experiences there have been; see `Clock`. */
export interface Counters extends Stateful {
  /** Training iterations since the strategy was made. */
  trainIterations: number;
  /** Experiences trained on. */
  trainExpCounter: number;
  /** Epochs of this experience. */
  trainExpEpochs: number;
  /** Iterations of this experience. */
  trainExpIterations: number;
  /** Iterations of this epoch. */
  trainEpochIterations: number;
  /** Iterations of training and evaluation. */
  totalIterations: number;
}

/** What has been measured so far; see `EvaluationPlugin`. */
export interface Evaluator extends Stateful {
  /** Off: no metric and no logger is called, and nothing is measured. */
  active: boolean;
  /** Where values go. */
  readonly loggers: readonly Logger[];
  /** Whether every value is kept, for `getAllMetrics` and `results`. */
  readonly collectAll: boolean;
  /** Whether an unusual evaluation stream is an error instead of a warning. */
  readonly strictChecks: boolean;
  /** All curves and the accuracy matrix of each stream so far. */
  readonly results: EvaluationResults;
  /** The latest value of each metric, in a copy. */
  getLastMetrics(): LastMetrics;
  /** Every value of each metric and the training iterations made by then, in a copy. */
  getAllMetrics(): AllMetrics;
  /** Forgets the latest values; curves and the accuracy matrix stay. */
  resetLastMetrics(): void;
  /** Tells loggers how far the pass under way has come. A promise of theirs is to be awaited. */
  onProgress(strategy: Strategy, progress: PassProgress): void | Promise<void>;
  /** @internal Whether a logger listens to `onProgress`. */
  readonly isHeard: boolean;
  /** @internal Whether a metric asks for penalties that are not computed otherwise. */
  readonly asksForPenalties: boolean;
  /** @internal The value that came last of those whose name is asked for, and how many values had come before it. */
  latest(isAskedFor: (name: string) => boolean): { name: string; value: number | Tensor; order: number } | undefined;
  /** @internal How many values have come so far. */
  readonly valueCount: number;
}

/**
 * What plugins, metrics and loggers see of the strategy that calls them. Every strategy that learns by gradient descent is one:
 * `SupervisedTemplate`, `Naive`, `MAS` and those that extend them. `docs/training-loop.md` says what stands where in each hook.
 */
export interface Strategy {
  /** What is trained. */
  model: Module;
  /** What updates the parameters. */
  optimizer: Optimizer;
  /** In the order in which their hooks are called. */
  readonly plugins: Plugin[];
  /** Where model and mini-batches are: `"cpu"`, `"cuda:0"`. */
  readonly device: string;
  /** What `train` and `eval` draw from; null: the default generator. */
  readonly generator: Generator | null;
  /** Samples in a training mini-batch. */
  readonly trainMbSize: number;
  /** Epochs on each experience. */
  readonly trainEpochs: number;
  /** Samples in an evaluation mini-batch. */
  readonly evalMbSize: number;
  /** What measures and logs. */
  readonly evaluator: Evaluator;
  /** How many iterations, epochs and experiences there have been. */
  readonly clock: Counters;
  /** Called every few milliseconds, where given. */
  readonly onProgress: ((progress: PassProgress) => void | Promise<void>) | null;

  /** Whether it trains; false during an evaluation, inside training too. */
  isTraining: boolean;
  /** The opposite of `isTraining`. */
  readonly isEval: boolean;
  /** The experience that is trained on or evaluated; null outside. */
  experience: AnyExperience | null;
  /** Groups of experiences, one for each stream, that periodic evaluation evaluates. */
  evalStreams: AnyExperience[][];
  /** The experiences of the evaluation under way. */
  currentEvalStream: readonly AnyExperience[];
  /** What the current experience is trained on or evaluated with; a plugin may replace it in the dataset hooks. */
  adaptedDataset: Dataset | null;
  /** Where mini-batches come from; a plugin may replace it in `beforeTrainingExp` and `beforeEvalExp`. */
  dataloader: MiniBatchSource;

  /** The current mini-batch, `[x, y, taskId]`; null outside of an iteration. @throws ERR_INPUTS where x is several tensors */
  get mbatch(): MiniBatch | null;
  /** Another mini-batch takes its place. */
  set mbatch(batch: MiniBatch<Inputs> | [Inputs, Tensor]);
  /** Inputs of the current mini-batch, [B, ...] each, as the data has them: one tensor, an array or an object of tensors. */
  get mbInputs(): Inputs | null;
  /** Other inputs take their place for the rest of the iteration. */
  set mbInputs(x: Inputs);
  /** The input of the current mini-batch, [B, ...]; null outside of an iteration. @throws ERR_INPUTS where there are several */
  get mbX(): Tensor | null;
  /** Another input takes its place for the rest of the iteration. */
  set mbX(x: Tensor);
  /** Targets of the current mini-batch, [B] or [B, ...]. */
  get mbY(): Tensor | null;
  /** Other targets take their place for the rest of the iteration. */
  set mbY(y: Tensor);
  /** Task labels of the current mini-batch, int64 [B]. */
  readonly mbTaskId: Tensor | null;
  /** The model's output for the current mini-batch. */
  get mbOutput(): Tensor | null;
  /** Another output takes its place. */
  set mbOutput(output: Tensor);
  /** The loss: [1] in training, penalties included; 0-dim in evaluation. What is added to it is trained too. */
  loss: Tensor;

  /** Learns from one or more experiences, one after the other. */
  train(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics>;
  /** Measures one or more experiences in eval mode, also in the middle of training, which goes on afterwards. */
  eval(experiences: Experiences, options?: TrainOptions): Promise<LastMetrics>;
  /** A copy of the model as it is now, to predict with at any time; asked again, the same one brought up to date. */
  snapshot(): Promise<Module>;
  /** Ends training on this experience: after the current iteration when called in a hook, else at the end of the job under way. */
  stopTraining(): void;
  /**
   * Ends the whole call of `train` or `eval` in an orderly way: training behind the current iteration, an evaluation behind the
   * experience. `updateImportance` of a plugin goes to its end.
   */
  stop(): void;

  /** The model's output for the current mini-batch. */
  forward(): Tensor | Promise<Tensor>;
  /** The loss of the current mini-batch, one number. */
  criterion(): Tensor | Promise<Tensor>;
  /** Gradients of the loss. */
  backward(): void | Promise<void>;
  /** One step of the optimizer. */
  optimizerStep(): void | Promise<void>;
  /** The model for the current experience, on its device. */
  modelAdaptation(model?: Module): Module | Promise<Module>;
  /** Tells the optimizer of the model's parameters, or puts another in its place. */
  makeOptimizer(options?: TrainOptions): void | Promise<void>;
  /** Sets `adaptedDataset` to the experience's data with its training transforms. */
  trainDatasetAdaptation(options: TrainOptions): void | Promise<void>;
  /** Sets `adaptedDataset` to the experience's data with its evaluation transforms. */
  evalDatasetAdaptation(options: TrainOptions): void | Promise<void>;
  /** Sets `dataloader` for training. */
  makeTrainDataloader(options: TrainOptions): void | Promise<void>;
  /** Sets `dataloader` for evaluation. */
  makeEvalDataloader(options: TrainOptions): void | Promise<void>;
  /** One epoch over `dataloader`. */
  trainingEpoch(options: TrainOptions): Promise<void>;
  /** One pass over `dataloader`. */
  evalEpoch(options: TrainOptions): Promise<void>;

  /** @internal The criterion as it was given. */
  readonly lossFunction: unknown;
  /** @internal */
  readonly step: NativeTrainingStep;
  /**
   * Everything that it has learned, counted and drawn, by its parts: model, optimizer, plugins, generators. The tensors are those
   * that it works with.
   */
  stateDict(): State;
  /** Takes what `stateDict` gave, on a strategy made as that one was. @throws ERR_STATE_DICT, ERR_CHECKPOINT_MISMATCH, ERR_BUSY */
  loadStateDict(state: State): void;
  /** Writes a checkpoint of itself, and of where its training stands. @returns its path, once it is on disk */
  save(folder: string): Promise<string>;
  /** Goes on from the latest checkpoint of a folder. @returns what was loaded; null: nothing, with `optional` */
  load(folder: string, options?: { optional?: boolean }): Promise<object | null>;
  /** @internal Its state at present, and what is to be said of it; null where nobody could go on from here. */
  checkpoint(): { state: State; about: State } | null;
  /** @internal How many iterations may go by until a plugin wants a checkpoint. */
  untilCheckpoint(): number;
  /** @internal What waits for a moment at which nothing of the strategy is at work; see `SafePoints`. */
  readonly safePoints: {
    ask<T>(work: () => T | Promise<T>): Promise<T>;
    serve(): void | Promise<void>;
    quiet(): void | Promise<void>;
    job<T>(running: Promise<T>): Promise<T>;
  };
  /**
   * @internal Comes to a safe point of a pass: `iteration` of a training epoch comes next; null in other passes.
   * @throws ERR_ABORTED
   */
  pause(iteration: number | null): void | Promise<void>;
  /** @internal Whether a call is under way. */
  readonly isAtWork: boolean;
  /** @internal Whether a call of `train` is under way, perhaps at an evaluation in one of its hooks. */
  readonly isInTrain: boolean;
  /**
   * @internal A call of its own, in which a plugin works with the model: outside of `train` and `eval`, or in a hook that waits for it.
   * @param check refuses what the call was given; what waits for the call (`progress`) ends then, too
   * @throws ERR_BUSY, ERR_ABORTED
   */
  alone(operation: string, work: () => Promise<void>, check?: () => { signal?: AbortSignal }): Promise<void>;
  /** @internal Signals that abort every call. */
  readonly abortSignals: Set<AbortSignal>;
  /** @internal What the promise gives, if it comes before the call is aborted; else as `pause`. */
  unlessAborted<T>(promise: PromiseLike<T>, iteration: number | null): PromiseLike<T>;
  /**
   * Runs phases on the compute thread, once: those of `Phase`, of a `QuadraticPenalty`, and others of plugins.
   * @throws what a phase reports; ERR_BUSY outside of the strategy's hooks, while it is at work
   */
  runNative(phases: Phase[]): Promise<void>;
  /**
   * Events of how far the call of `train`, `eval` or `updateImportance` under way has come, or the next one: `for await (const { loss } of
   * strategy.progress())`. The iteration ends with the call, also where that fails. Who is slow gets the latest event.
   */
  progress(): AsyncIterableIterator<PassProgress>;
  /** @internal A pass begins, in which some mini-batches may have been done before. */
  passBegins(phase: PassProgress['phase'], done?: number): void;
  /** @internal A promise that someone who is told returns is to be awaited. @throws ERR_HOOK */
  reportProgress(progress: Pick<PassProgress, 'phase' | 'done' | 'total'>): void | Promise<void>;
  /** @internal The experience, for what cannot do without. @throws ERR_CALL_ORDER */
  requireExperience(operation: string): AnyExperience;
}

/** @internal What is kept of a strategy. */
export type KeptStrategy = Pick<
  Strategy,
  | 'model' | 'optimizer' | 'plugins' | 'device' | 'generator' | 'step' | 'safePoints' | 'evaluator' | 'clock'
  | 'trainMbSize' | 'trainEpochs' | 'evalMbSize' | 'stateDict' | 'loadStateDict' | 'checkpoint'
>;
