import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import { SupervisedPlugin } from '../../hooks/plugin';
import type { Hook, Strategy } from '../../hooks/strategy';
import { mayRunLater } from '../../hooks/twins';
import type { LRScheduler } from '../../optim/lr-scheduler';
import { Optimizer } from '../../optim/optimizer';
import { boolean, integer, nonNegativeInteger, parseArgument, parseOptions } from '../../options';
import { anyNumber, anyState, arrayOf, checkState, isStateful, loadTogether, type State, type Stateful, stateOf } from '../../state';
import { callUserAtOnce } from '../../user-function';
import { PeriodicEval } from './periodic-eval';

const schedulerSchema = z.custom<LRScheduler>((value) => {
  const scheduler = value as Partial<LRScheduler> | null;
  return (
    typeof scheduler === 'object' &&
    typeof scheduler?.step === 'function' &&
    typeof scheduler.lastEpoch === 'number' &&
    Array.isArray(scheduler.baseLrs) &&
    scheduler.optimizer instanceof Optimizer
  );
}, 'a learning rate scheduler (optim.StepLR, or an object with optimizer, baseLrs, lastEpoch and step)');

const schema = z.object({
  resetScheduler: boolean.default(true),
  resetLr: boolean.default(true),
  metric: z.enum(['train_loss', 'val_loss'], '"train_loss", "val_loss" or null').nullable().default(null),
  stepGranularity: z.enum(['epoch', 'iteration'], '"epoch" or "iteration"').default('epoch'),
  firstEpochOnly: boolean.default(false),
  firstExpOnly: boolean.default(false),
});

const warning = z.enum(['evaluation', 'optimizer'], '"evaluation" or "optimizer"');
const stateSchema = z.object({
  scheduler: anyState,
  isInsideTraining: boolean,
  hasTrained: boolean,
  justValidated: boolean,
  hasValidated: boolean,
  warnedOf: arrayOf(warning),
  lossSum: anyNumber,
  samples: nonNegativeInteger,
});
const lastEpochSchema = z.object({ lastEpoch: integer });

/** Options of `LRSchedulerPlugin`. */
export interface LRSchedulerPluginOptions {
  /** Begins the schedule anew after each experience. Default true. */
  resetScheduler?: boolean;
  /** Sets the learning rates back to the scheduler's `baseLrs` after each experience. Default true. */
  resetLr?: boolean;
  /**
   * What the scheduler is given, for those that need it: `"train_loss"`, the mean loss of the epoch (iteration), penalties
   * included; `"val_loss"`, the mean loss of each evaluation during training, which is also when the scheduler steps
   * (`evalEvery` and `evalStreams` say when, and on what). Default null.
   */
  metric?: 'train_loss' | 'val_loss' | null;
  /** How often the scheduler steps, unless evaluations decide it. Default "epoch". */
  stepGranularity?: 'epoch' | 'iteration';
  /** Steps in the first epoch of each experience only. Default false. */
  firstEpochOnly?: boolean;
  /** Steps in the first experience only. Default false. */
  firstExpOnly?: boolean;
}

/**
 * Steps a learning rate scheduler after each training epoch or iteration, or after each evaluation in training, and resets
 * it after each experience: Avalanche's `LRSchedulerPlugin`.
 *
 * With `"val_loss"` an evaluation before the first iteration of an experience does not count, nor does one that follows
 * another without an iteration between them.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_INVALID_ARG_VALUE where the scheduler needs
 * metrics and `metric` is null
 */
export class LRSchedulerPlugin extends SupervisedPlugin {
  /** What is stepped. */
  readonly scheduler: LRScheduler;
  private readonly options: z.output<typeof schema>;
  private isInsideTraining = false;
  private hasTrained = false;
  private justValidated = false;
  private hasValidated = false;
  private warnedOf = new Set<z.output<typeof warning>>();
  private lossSum = 0;
  private samples = 0;

  constructor(scheduler: LRScheduler, options?: LRSchedulerPluginOptions) {
    super();
    this.scheduler = parseArgument('LRSchedulerPlugin', 'scheduler', schedulerSchema, scheduler);
    this.options = parseOptions('LRSchedulerPlugin', schema, options);
    const { metric, stepGranularity } = this.options;
    if (scheduler.needsMetrics && metric === null) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        'LRSchedulerPlugin: expected metric to be "train_loss" or "val_loss" for a scheduler that needs metrics, got null',
      );
    }
    if (!scheduler.needsMetrics && metric !== null) {
      process.emitWarning(
        `LRSchedulerPlugin: the metric "${metric}" is given to a scheduler that does not need metrics`,
        'ContinualTorchWarning',
      );
    }
    // Own properties, and only where needed: a listener inside the iteration would keep iterations from being joined.
    if (metric === 'val_loss') {
      this.beforeTrainingIteration = deferred(() => void (this.justValidated = false));
      this.afterTrainingIteration = deferred(() => void (this.hasTrained = true));
      this.afterEvalIteration = (strategy) => {
        if (this.isInsideTraining) this.addLoss(strategy);
      };
    } else if (metric === 'train_loss' || stepGranularity === 'iteration') {
      this.afterTrainingIteration = (strategy) => {
        if (metric === 'train_loss') this.addLoss(strategy);
        if (stepGranularity === 'iteration') this.step(strategy);
      };
    }
  }

  override beforeTrainingExp({ optimizer }: Strategy): void {
    if (this.scheduler.optimizer !== optimizer) {
      this.warnOnce('optimizer', "the scheduler's optimizer is not the strategy's: its steps change no learning rate in use.");
    }
    this.hasTrained = false;
    this.forgetLoss();
  }

  override afterTrainingEpoch(strategy: Strategy): void {
    const { metric, stepGranularity } = this.options;
    if (metric !== 'val_loss' && stepGranularity === 'epoch') this.step(strategy);
  }

  /** In the middle of training there is an experience to come back to. */
  override beforeEval({ experience }: Strategy): void {
    if (this.options.metric !== 'val_loss') return;
    this.isInsideTraining = experience !== null;
    this.forgetLoss(); // of an evaluation that failed
  }

  override afterEval(strategy: Strategy): void {
    if (this.options.metric !== 'val_loss') return;
    if (this.isInsideTraining && this.hasTrained && !this.justValidated) this.step(strategy);
    if (this.isInsideTraining) this.hasValidated = true;
    this.forgetLoss();
    this.justValidated = true;
  }

  override afterTrainingExp({ optimizer, plugins, evalStreams }: Strategy): void {
    const { scheduler } = this;
    const waits = this.options.metric === 'val_loss' && !this.hasValidated;
    const mayStillCome = evalStreams.length > 0 && plugins.some((plugin) => plugin instanceof PeriodicEval && plugin.isActive);
    if (waits && !mayStillCome) {
      this.warnOnce(
        'evaluation',
        'the scheduler steps on "val_loss", and nothing has been evaluated during training: it has not stepped. Give the ' +
          'strategy evalEvery: 1, and train evalStreams.',
      );
    }
    if (this.options.resetLr) {
      optimizer.paramGroups.forEach((group, i) => (group.lr = scheduler.baseLrs[i] ?? group.lr));
    }
    if (this.options.resetScheduler) {
      scheduler.lastEpoch = 0;
      scheduler.reset?.();
    }
  }

  /** The scheduler's state (its `lastEpoch` where it has no `stateDict`), and what was seen of losses and evaluations. */
  stateDict(): State {
    const { scheduler, isInsideTraining, hasTrained, justValidated, hasValidated, warnedOf, lossSum, samples } = this;
    return {
      scheduler: stateOf(statefulPart(scheduler)),
      ...{ isInsideTraining, hasTrained, justValidated, hasValidated, warnedOf: [...warnedOf], lossSum, samples },
    };
  }

  /** Goes on from a state, the scheduler too; learning rates come with the optimizer's. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { scheduler, warnedOf, ...seen } = checkState('LRSchedulerPlugin', stateSchema, state);
    loadTogether([[statefulPart(this.scheduler), scheduler]]);
    Object.assign(this, seen);
    this.warnedOf = new Set(warnedOf);
  }

  private step({ clock }: Strategy): void {
    const { metric, firstExpOnly, firstEpochOnly } = this.options;
    const rests = (firstExpOnly && clock.trainExpCounter > 0) || (firstEpochOnly && clock.trainExpEpochs > 0);
    if (!rests) {
      const mean = metric === null ? [] : [this.samples === 0 ? 0 : this.lossSum / this.samples];
      callUserAtOnce('ERR_HOOK', 'step of the scheduler failed', () => this.scheduler.step(...(mean as [])));
    }
    this.forgetLoss();
  }

  private addLoss({ loss, mbY }: Strategy): void {
    const samples = mbY!.shape[0]!;
    this.lossSum += loss.item() * samples;
    this.samples += samples;
  }

  private warnOnce(of: z.output<typeof warning>, message: string): void {
    if (this.warnedOf.has(of)) return;
    this.warnedOf.add(of);
    process.emitWarning(`LRSchedulerPlugin: ${message}`, 'ContinualTorchWarning');
  }

  private forgetLoss(): void {
    this.lossSum = this.samples = 0;
  }
}

/** What keeps a scheduler's state: itself, or what every scheduler has. */
function statefulPart(scheduler: LRScheduler): Stateful {
  if (isStateful(scheduler)) return scheduler;
  return {
    stateDict: () => ({ lastEpoch: scheduler.lastEpoch }),
    loadStateDict: (state) => {
      scheduler.lastEpoch = checkState('a scheduler without loadStateDict', lastEpochSchema, state).lastEpoch;
    },
  };
}

/** A hook that only sets a flag which nobody reads between two iterations of one job. */
function deferred(hook: Hook): Hook {
  mayRunLater(hook);
  return hook;
}
