import { z } from 'zod';
import { isWhollyKept, SupervisedPlugin } from '../../hooks/plugin';
import type { Counters } from '../../hooks/strategy';
import { mayRunLater } from '../../hooks/twins';
import { nonNegativeInteger } from '../../options';
import { checkState, type Stateful } from '../../state';

const stateSchema = z.object({
  trainIterations: nonNegativeInteger,
  trainExpCounter: nonNegativeInteger,
  trainExpEpochs: nonNegativeInteger,
  trainExpIterations: nonNegativeInteger,
  trainEpochIterations: nonNegativeInteger,
  totalIterations: nonNegativeInteger,
});

/** The counters of a `Clock`. */
export type ClockStateDict = Pick<Clock, keyof Omit<Counters, keyof Stateful>>;

/** Counts what a strategy has done. The last of its plugins, so that all others see the counters before they advance. */
export class Clock extends SupervisedPlugin implements Counters {
  /** @internal */
  readonly [isWhollyKept] = true;
  override readonly supportsDistributed = true;

  /** Training iterations since the strategy was made. */
  trainIterations = 0;
  /** Experiences trained on. */
  trainExpCounter = 0;
  /** Epochs of this experience. */
  trainExpEpochs = 0;
  /** Iterations of this experience. */
  trainExpIterations = 0;
  /** Iterations of this epoch. */
  trainEpochIterations = 0;
  /** Iterations of training and evaluation. */
  totalIterations = 0;

  override beforeTrainingExp(): void {
    this.trainExpIterations = 0;
    this.trainExpEpochs = 0;
  }

  override beforeTrainingEpoch(): void {
    this.trainEpochIterations = 0;
  }

  override afterTrainingIteration(): void {
    this.trainIterations++;
    this.trainExpIterations++;
    this.trainEpochIterations++;
    this.totalIterations++;
  }

  override afterTrainingEpoch(): void {
    this.trainExpEpochs++;
  }

  override afterTrainingExp(): void {
    this.trainExpCounter++;
  }

  override afterEvalIteration(): void {
    this.totalIterations++;
  }

  /** All counters. */
  stateDict(): ClockStateDict {
    const { trainIterations, trainExpCounter, trainExpEpochs, trainExpIterations, trainEpochIterations, totalIterations } = this;
    return { trainIterations, trainExpCounter, trainExpEpochs, trainExpIterations, trainEpochIterations, totalIterations };
  }

  /** Counts on from those of a state. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    Object.assign(this, checkState('Clock', stateSchema, state));
  }
}

// Between two iterations of one job nobody looks at the counters.
mayRunLater(Clock.prototype.afterTrainingIteration);
mayRunLater(Clock.prototype.afterEvalIteration);
