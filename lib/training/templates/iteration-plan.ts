import type { NativePhase, Progress } from '../../native/types';
import { Phase } from '../../native/types';

/** One step of an iteration: a phase that C++ runs, a call of JavaScript, or a call that may come later. */
export type PlanStep =
  | { kind: 'native'; phase: NativePhase }
  | { kind: 'call'; call: () => void | Promise<void> }
  | { kind: 'later'; call: () => void | Promise<void> };

/** Runs native phases as one job, `maxIterations` times or for as long as a job may take. */
export type RunNative = (phases: NativePhase[], maxIterations: number) => Promise<Progress>;

/** Puts the next mini-batch in place, from JavaScript; false at the end. */
export type FetchMiniBatch = () => Promise<boolean>;

const unlimited = Number.MAX_SAFE_INTEGER;

/** The progress of a run that has come to its end. @throws what ended it before */
export function succeeded(progress: Progress): Progress {
  if (progress.error) throw progress.error;
  return progress;
}

/** How long one job may take, so that progress, `stopTraining` and the end of the process stay prompt. */
export const jobBudgetMs = 20;

/**
 * An iteration as a list of steps. Neighbouring native phases are one job of the compute thread; where no JavaScript
 * stands inside the iteration at all, many iterations are one job. The result is the same either way.
 */
export class IterationPlan {
  private readonly groups: (NativePhase[] | (() => void | Promise<void>))[] = [];
  private readonly phases: NativePhase[] = [];
  private readonly later: (() => void | Promise<void>)[] = [];
  private readonly isJoined: boolean;

  /**
   * @param steps what happens after the mini-batch has been fetched
   * @param fetchMiniBatch null where C++ fetches it
   */
  constructor(
    steps: PlanStep[],
    private readonly runNative: RunNative,
    private readonly fetchMiniBatch: FetchMiniBatch | null,
  ) {
    this.isJoined = fetchMiniBatch === null && steps.every((step) => step.kind !== 'call');
    for (const step of steps) {
      if (step.kind === 'native') {
        this.phases.push(step.phase);
        const last = this.groups.at(-1);
        if (Array.isArray(last)) last.push(step.phase);
        else this.groups.push([step.phase]);
      } else {
        if (step.kind === 'later') this.later.push(step.call);
        this.groups.push(step.call);
      }
    }
  }

  /**
   * Runs one job's worth of iterations (one, if JavaScript has a part in them).
   * @returns how many ran, and whether the loader is exhausted
   */
  async advance(): Promise<Progress> {
    return this.isJoined ? this.advanceJoined() : this.advanceOne();
  }

  /** Fetches a mini-batch and leaves it at that. */
  async fetch(): Promise<void> {
    await this.fetchAnd([]);
  }

  private async advanceJoined(): Promise<Progress> {
    // Iterations that had come to their end before one failed count all the same.
    const progress = await this.runNative([Phase.fetch, ...this.phases], unlimited);
    for (let i = 0; i < progress.iterations; i++) {
      for (const call of this.later) await call();
    }
    return succeeded(progress);
  }

  private async advanceOne(): Promise<Progress> {
    const [first, ...rest] = this.groups;
    const head = Array.isArray(first) ? first : [];
    const fetched = await this.fetchAnd(head);
    if (fetched.exhausted) return fetched;
    for (const group of head.length > 0 ? rest : this.groups) {
      if (Array.isArray(group)) succeeded(await this.runNative(group, 1));
      else await group();
    }
    return { iterations: 1, exhausted: false, error: null };
  }

  private async fetchAnd(phases: NativePhase[]): Promise<Progress> {
    if (!this.fetchMiniBatch) return succeeded(await this.runNative([Phase.fetch, ...phases], 1));
    if (!(await this.fetchMiniBatch())) return { iterations: 0, exhausted: true, error: null };
    if (phases.length > 0) succeeded(await this.runNative(phases, 1));
    return { iterations: 1, exhausted: false, error: null };
  }
}
