import { z } from 'zod';
import { isWhollyKept, SupervisedPlugin } from '../../hooks/plugin';
import type { Hook, Strategy } from '../../hooks/strategy';
import type { TrainOptions } from '../../hooks/train-options';
import { boolean, parseArgument } from '../../options';
import { checkState, type State } from '../../state';

/** What `evalEvery` counts. */
export type PevalMode = 'epoch' | 'iteration' | 'experience';

/** When to evaluate during training, for a strategy's option schema. */
export const periodicEvalOptions = {
  evalEvery: z.int('an integer of at least -1').min(-1, 'an integer of at least -1').default(-1),
  pevalMode: z.enum(['epoch', 'iteration', 'experience'], '"epoch", "iteration" or "experience"').default('epoch'),
};

const stateSchema = z.object({ doFinal: boolean, hasWarned: boolean });

/**
 * Evaluates during training, after 0-based epochs or iterations 0, `evalEvery`, 2 `evalEvery`, ... of each experience.
 * `evalEvery` -1, the default: never; 0: at the beginning of `train()` and at the end of each experience. Mode `experience`:
 * these two. The default mode is `epoch`. A strategy makes its own, of its options `evalEvery` and `pevalMode`.
 */
export class PeriodicEval extends SupervisedPlugin {
  /** @internal */
  readonly [isWhollyKept] = true;
  override readonly supportsDistributed = true;
  private doFinal = false;
  private hasWarned = false;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE */
  constructor(
    private readonly evalEvery = -1,
    private readonly pevalMode: PevalMode = 'epoch',
  ) {
    super();
    parseArgument('PeriodicEval', 'evalEvery', periodicEvalOptions.evalEvery, evalEvery);
    parseArgument('PeriodicEval', 'pevalMode', periodicEvalOptions.pevalMode, pevalMode);
    // Own properties, and only where needed: a listener inside the iteration would keep iterations from being joined.
    if (evalEvery > 0 && pevalMode === 'iteration') {
      this.afterTrainingIteration = (async (strategy, options) => {
        if (strategy.clock.trainExpIterations % evalEvery === 0) await this.peval(strategy, options);
      }) satisfies Hook;
    }
  }

  /** Whether it ever evaluates. */
  get isActive(): boolean {
    return this.evalEvery > -1;
  }

  override async beforeTraining(strategy: Strategy, options: TrainOptions): Promise<void> {
    this.warnOfNothing(strategy, options);
    if (this.isActive) await this.peval(strategy, options);
  }

  override beforeTrainingExp(strategy: Strategy): void {
    const endsWithEpoch =
      this.pevalMode === 'epoch' && this.evalEvery > 0 && (strategy.trainEpochs - 1) % this.evalEvery === 0;
    this.doFinal = this.isActive && !endsWithEpoch;
  }

  override async afterTrainingEpoch(strategy: Strategy, options: TrainOptions): Promise<void> {
    if (this.pevalMode !== 'epoch' || this.evalEvery <= 0) return;
    if (strategy.clock.trainExpEpochs % this.evalEvery === 0) await this.peval(strategy, options);
  }

  override async afterTrainingExp(strategy: Strategy, options: TrainOptions): Promise<void> {
    if (this.doFinal) await this.peval(strategy, options);
  }

  /** Whether the experience ends with an evaluation, and whether a warning has come. */
  stateDict(): State {
    return { doFinal: this.doFinal, hasWarned: this.hasWarned };
  }

  /** Goes on in the experience of a state. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { doFinal, hasWarned } = checkState('PeriodicEval', stateSchema, state);
    this.doFinal = doFinal;
    this.hasWarned = hasWarned;
  }

  private async peval(strategy: Strategy, options: TrainOptions): Promise<void> {
    for (const group of strategy.evalStreams) await strategy.eval(group, options);
  }

  /** Streams that were given and are not evaluated. An empty list says that this is meant. */
  private warnOfNothing({ plugins, evalStreams }: Strategy, { evalStreams: given }: TrainOptions): void {
    const isGiven = given !== undefined && !(Array.isArray(given) && given.length === 0);
    if (!isGiven || this.hasWarned) return;
    const isActive = plugins.some((plugin) => plugin instanceof PeriodicEval && plugin.isActive);
    if (isActive && evalStreams.length > 0) return;
    this.hasWarned = true;
    process.emitWarning(
      isActive
        ? 'train: evalStreams hold no experience: nothing is evaluated during training.'
        : 'train: evalStreams are given, but the strategy evaluates nothing during training: it was made without evalEvery ' +
            '(1: after every epoch; 0: before training and after each experience).',
      'ContinualTorchWarning',
    );
  }
}
