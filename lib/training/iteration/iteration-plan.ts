import { iterationsBetweenLooks } from '../../latency';
import type { Progress } from '../../native/types';
import { Phase } from '../../phase';
import { isThenable } from '../../user-function';

/** @internal One step of an iteration: a phase that C++ runs, a call of JavaScript, or a call that may come later. */
export type PlanStep =
  | { kind: 'native'; phase: Phase }
  | { kind: 'call'; call: () => void | Promise<void> }
  | { kind: 'later'; call: () => void | Promise<void> };

/** @internal A part of the iteration, a hook for example: says what its steps are at present. */
export type PlanPart = () => PlanStep[];

/** @internal Runs native phases as one job, `maxIterations` times or for as long as a job may take; what is short at once. */
export type RunNative = (phases: Phase[], maxIterations: number) => Progress | Promise<Progress>;

/** @internal Puts the next mini-batch in place, from JavaScript; false at the end. */
export type FetchMiniBatch = () => Promise<boolean>;

const unlimited = Number.MAX_SAFE_INTEGER;
const atTheEnd: Progress = { iterations: 0, exhausted: true, error: null };

/** @internal The progress of a run that has come to its end. @throws what ended it before */
export function succeeded(progress: Progress): Progress {
  if (progress.error) throw progress.error;
  return progress;
}

/**
 * @internal An iteration as a list of parts. Neighbouring native phases are one job of the compute thread; where no JavaScript
 * stands inside the iteration at all, many iterations are one job. The result is the same either way.
 *
 * The steps of a part are looked up when its turn comes: plugins, methods and optimizers that a hook has put in count
 * from there on.
 */
export class IterationPlan {
  private separateIterations = 0;

  /**
   * @param parts what happens after the mini-batch has been fetched
   * @param fetchMiniBatch null where C++ fetches it
   */
  constructor(
    private readonly parts: readonly PlanPart[],
    private readonly runNative: RunNative,
    private readonly fetchMiniBatch: FetchMiniBatch | null,
  ) {}

  /**
   * Runs one job's worth of iterations (one, if JavaScript has a part in them).
   * @param most how many may run
   * @returns how many ran, and whether the loader is exhausted
   */
  advance(most = unlimited): Promise<Progress> {
    if (this.fetchMiniBatch || this.separateIterations-- > 0) return this.advanceOne();
    const steps = this.parts.flatMap((part) => part());
    if (!steps.some(({ kind }) => kind === 'call')) return this.advanceJoined(steps, Math.min(most, unlimited));
    this.separateIterations = iterationsBetweenLooks;
    return this.advanceOne();
  }

  /** Fetches a mini-batch and leaves it at that. */
  async fetch(): Promise<void> {
    if (this.fetchMiniBatch) await this.fetchMiniBatch();
    else succeeded(await this.runNative([Phase.fetch], 1));
  }

  private async advanceJoined(steps: PlanStep[], most: number): Promise<Progress> {
    const phases = steps.flatMap((step) => (step.kind === 'native' ? [step.phase] : []));
    const later = steps.flatMap((step) => (step.kind === 'native' ? [] : [step.call]));
    // Iterations that had come to their end before one failed count all the same.
    const progress = await this.runNative([Phase.fetch, ...phases], most);
    for (let i = 0; i < progress.iterations; i++) {
      for (const call of later) {
        const called = call();
        if (isThenable(called)) await called;
      }
    }
    return succeeded(progress);
  }

  private async advanceOne(): Promise<Progress> {
    if (this.fetchMiniBatch && !(await this.fetchMiniBatch())) return atTheEnd;
    let phases: Phase[] = this.fetchMiniBatch ? [] : [Phase.fetch];
    for (const part of this.parts) {
      for (const step of part()) {
        if (step.kind === 'native') {
          phases.push(step.phase);
          continue;
        }
        if (phases.length > 0) {
          const ran = this.runNative(phases, 1);
          if (succeeded(isThenable(ran) ? await ran : ran).exhausted) return atTheEnd;
          phases = [];
        }
        const called = step.call();
        if (isThenable(called)) await called;
      }
    }
    if (phases.length > 0 && succeeded(await this.runNative(phases, 1)).exhausted) return atTheEnd;
    return { iterations: 1, exhausted: false, error: null };
  }
}
