import type { Counters, Strategy } from '../../hooks/strategy';

/** What is remembered, of which an experience's share can be taken back. */
interface Memory {
  takeBack(): void;
  keepPrevious(keep: boolean): void;
}

/**
 * @internal The experience that a method has begun last. Where it takes the place of one that has been measured and has not come to
 * its end (a later hook has failed, and `restart` was given), what was remembered of that one is taken back.
 */
export class BegunExperience {
  readonly #memory: Memory;
  /** By the clock and by the experiences before it, and whether it has been measured. */
  #begun: { clock: Counters; experience: number; isMeasured: boolean } | null = null;

  constructor(memory: Memory) {
    this.#memory = memory;
  }

  /** An experience is to be learned. For `beforeTrainingExp`. @throws ERR_BUSY */
  begin(strategy: Strategy): void {
    if (this.isOf(strategy)) this.#memory.takeBack();
    this.#memory.keepPrevious(true);
    const { clock } = strategy;
    this.#begun = { clock, experience: clock.trainExpCounter, isMeasured: false };
  }

  /** All that was measured stays, and what was remembered before is let go. For `afterTraining`. @throws ERR_BUSY */
  settle(): void {
    this.#memory.keepPrevious(false);
    this.#begun = null;
  }

  /** Whether it is the one that the strategy learns, or has failed to: what is measured can be taken back. */
  isOf({ clock }: Strategy): boolean {
    return this.#begun?.clock === clock && this.#begun.experience === clock.trainExpCounter;
  }

  /** It has been measured. */
  measured(strategy: Strategy): void {
    if (this.isOf(strategy)) this.#begun!.isMeasured = true;
  }

  /** Whether something has been measured since it began, which is remembered. */
  hasMeasured(strategy: Strategy): boolean {
    return this.isOf(strategy) && this.#begun!.isMeasured;
  }

  /** Something else is remembered instead. */
  forget(): void {
    if (this.#begun) this.#begun.isMeasured = false;
  }
}
