import type { Strategy } from '../../hooks/strategy';
import { jobBudgetMs, LoopTurns } from '../../latency';
import { job } from '../../native/binding';
import type { Progress } from '../../native/types';
import { stateOf } from '../../nn/module';
import type { Phase } from '../../phase';

/** Runs phases of a strategy's iterations on the compute thread. */
export class NativeRuns {
  private readonly loop = new LoopTurns();

  constructor(private readonly strategy: Pick<Strategy, 'step' | 'model' | 'isTraining' | 'safePoints'>) {}

  /** As one job, `maxIterations` times or for as long as a job may take; what is short at once. */
  run(phases: Phase[], maxIterations: number): Progress | Promise<Progress> {
    const { step, model, isTraining, safePoints } = this.strategy;
    const served = safePoints.quiet();
    if (served) return served.then(() => this.run(phases, maxIterations));
    stateOf(model).keepUp();
    const patience = maxIterations === 1 ? this.loop.patienceUs() : 0;
    const ran = step.run(phases, isTraining, maxIterations, jobBudgetMs, patience);
    const isPromise = ran instanceof Promise;
    return patience > 0 && !isPromise ? ran : this.loop.turn(isPromise ? safePoints.job(job(ran)) : ran);
  }
}
