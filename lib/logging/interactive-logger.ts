import type { PassProgress, Strategy } from '../hooks/strategy';
import { duration, noProgressDisplay, progressBar, type ProgressDisplay } from '../progress-display';
import { fourDecimals } from './four-decimals';
import { TextLogger } from './text-logger';

/**
 * A `TextLogger` on stdout that does not announce training experiences, with a progress bar for each training epoch, each
 * importance pass and each evaluated experience, on stderr and only where that is a terminal: experience, epoch, loss, pace and
 * the time left, as far as they fit.
 */
export class InteractiveLogger extends TextLogger {
  private bar: ProgressDisplay = noProgressDisplay;
  private shown: PassProgress['phase'] | null = null;

  constructor() {
    super(process.stdout);
  }

  /** Whether there is a terminal to show progress on. */
  get isListening(): boolean {
    return Boolean(process.stderr.isTTY);
  }

  /** Moves the bar of the current pass. */
  onProgress(_strategy: Strategy, progress: PassProgress): void {
    const { phase, done, total } = progress;
    if (phase !== this.shown) {
      this.endBar();
      this.bar = progressBar(phase);
      this.shown = phase;
    }
    this.bar.update(total === 0 ? 1 : done / total, partsOf(progress));
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

  /** Ends the bar of an importance pass. */
  afterTrainingExp(_strategy: Strategy): void {
    this.endBar();
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

/** What a bar says, the most important first. */
function partsOf({ done, total, experience, experiences, epoch, epochs, loss, rate, timeLeft }: PassProgress): string[] {
  return [
    experiences > 1 && `exp ${experience + 1}/${experiences}`,
    Number.isFinite(timeLeft) && `${duration(timeLeft)} left`,
    Number.isFinite(loss) && `loss ${fourDecimals(loss)}`,
    epochs > 1 && `epoch ${epoch + 1}/${epochs}`,
    `${Number.isNaN(total) ? done : `${done}/${total}`} mini-batches`,
    Number.isFinite(rate) && `${rate < 10 ? rate.toFixed(1) : Math.round(rate)}/s`,
  ].filter((part) => part !== false);
}
