import type { PassProgress, Strategy } from '../hooks/strategy';
import { noProgressDisplay, progressBar, type ProgressDisplay } from '../progress-display';
import { TextLogger } from './text-logger';

/**
 * A `TextLogger` on stdout that does not announce training experiences, with a progress bar for each training epoch and each
 * evaluated experience, on stderr and only where that is a terminal.
 */
export class InteractiveLogger extends TextLogger {
  private bar: ProgressDisplay = noProgressDisplay;
  private shown: PassProgress['phase'] | null = null;

  constructor() {
    super(process.stdout);
  }

  /** Moves the bar of the current pass. */
  onProgress(_strategy: Strategy, { phase, done, total }: PassProgress): void {
    if (phase === 'importance') return;
    if (phase !== this.shown) {
      this.endBar();
      this.bar = progressBar(phase);
      this.shown = phase;
    }
    this.bar.update(total === 0 ? 1 : done / total, `${done}/${total} mini-batches`);
  }

  override beforeTrainingExp(): void {}

  override beforeTraining(strategy: Strategy): void {
    this.endBar(); // of a call that failed
    super.beforeTraining(strategy);
  }

  override afterTrainingEpoch(strategy: Strategy): void {
    this.endBar();
    super.afterTrainingEpoch(strategy);
  }

  override beforeEval(strategy: Strategy): void {
    this.endBar();
    super.beforeEval(strategy);
  }

  override afterEvalExp(strategy: Strategy): void {
    this.endBar();
    super.afterEvalExp(strategy);
  }

  private endBar(): void {
    this.bar.stop();
    this.bar = noProgressDisplay;
    this.shown = null;
  }
}
