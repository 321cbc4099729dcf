import type { PassProgress, Strategy } from '../../hooks/strategy';
import type { AnyExperience } from '../../hooks/train-options';
import { elementCount } from '../../tensor/element-count';
import { callUser, isThenable } from '../../user-function';
import { LatestEvents } from './latest-events';

/** @internal What is known of a call under way. */
export interface CallInView {
  /** `train`, `eval`, or what a plugin does by itself. */
  readonly operation: string;
  readonly experiences: readonly AnyExperience[];
  /** Which of them it is at. */
  readonly position: number;
  /** When it began, by `performance.now()`. */
  readonly begunAt: number;
}

type Phase = PassProgress['phase'];

/** @internal How often a loss is read on a device, which is waited for: in milliseconds. */
const readEachMs = 100;
/** What counts as recent: in milliseconds. */
const recentMs = 3000;
/** How far apart moments are that are kept: in milliseconds. */
const apartMs = 50;

/**
 * @internal How far a strategy has come, for those who listen: `onProgress`, loggers, and iterators of `progress()`. Where nobody
 * does nothing is computed or read.
 */
export class Progress {
  private readonly iterators = new Set<LatestEvents<PassProgress>>();
  private readonly counts = { train: 0, all: 0 };
  /** Moments of the latest pass of each phase, the oldest first. */
  private readonly moments = new Map<Phase, Moment[]>();
  /** Mini-batches of the experiences behind the present one. */
  private behind: { call: CallInView; position: number; miniBatches: number } | null = null;
  private loss: { phase: Phase; value: number; time: number } | null = null;

  constructor(private readonly strategy: Strategy) {}

  /** A new iterator, until the end of the call. */
  open(): LatestEvents<PassProgress> {
    const events = new LatestEvents<PassProgress>((ended) => this.iterators.delete(ended));
    this.iterators.add(events);
    return events;
  }

  /** A call begins that nobody has made in a hook. */
  callBegins(): void {
    const { trainIterations, totalIterations } = this.strategy.clock;
    Object.assign(this.counts, { train: trainIterations, all: totalIterations });
    this.loss = this.behind = null;
  }

  /** It has ended. */
  callEnds(): void {
    for (const events of [...this.iterators]) events.end();
    this.behind = null;
  }

  /** A pass begins over mini-batches, some of which may have been done before. */
  passBegins(phase: Phase, done: number): void {
    this.moments.set(phase, [{ time: performance.now(), done }]);
  }

  /**
   * Tells all who listen. A promise is to be awaited.
   * @param calls under way, the innermost last; none where a plugin's pass is of none
   * @throws ERR_HOOK
   */
  report(phase: Phase, done: number, total: number, calls: readonly CallInView[]): void | Promise<void> {
    const { strategy } = this;
    const { onProgress, evaluator } = strategy;
    if (!onProgress && this.iterators.size === 0 && !evaluator.isHeard) return;
    const event = this.event(phase, done, total, calls);
    for (const events of this.iterators) events.push(event);
    const told = callUser('ERR_HOOK', 'onProgress failed', () => onProgress?.call(strategy, event));
    const tellLoggers = () => callUser('ERR_HOOK', 'onProgress of a logger failed', () => evaluator.onProgress(strategy, event));
    return isThenable(told) ? told.then(tellLoggers) : tellLoggers();
  }

  private event(phase: Phase, done: number, total: number, calls: readonly CallInView[]): PassProgress {
    const { clock, trainEpochs, experience } = this.strategy;
    const call = calls.at(-1);
    const isTraining = phase === 'train';
    const rate = this.rate(phase, done);
    return {
      phase,
      done,
      total,
      experience: call?.position ?? 0,
      experiences: call?.experiences.length ?? 0,
      experienceIndex: experience?.currentExperience ?? NaN,
      epoch: isTraining ? clock.trainExpEpochs : 0,
      epochs: isTraining ? trainEpochs : 1,
      iteration: done,
      loss: this.latestLoss(phase),
      rate,
      timeLeft: this.timeLeft(phase, total - done, rate, calls),
    };
  }

  /** Of the mini-batch that came last; on a device at most so often. */
  private latestLoss(phase: Phase): number {
    if (phase === 'importance') return NaN;
    const { loss: latest, strategy } = this;
    const time = performance.now();
    const isRecent = latest !== null && time - latest.time < readEachMs;
    if (isRecent && strategy.device !== 'cpu') return latest.phase === phase ? latest.value : NaN;
    const { loss } = strategy;
    const value = elementCount(loss.shape) === 1 ? loss.item() : NaN;
    this.loss = { phase, value, time };
    return value;
  }

  /** Mini-batches a second, in the present pass. */
  private rate(phase: Phase, done: number): number {
    const time = performance.now();
    const moments = this.moments.get(phase) ?? [];
    while (moments.length > 1 && time - moments[1]!.time > recentMs) moments.shift();
    const [first, latest] = [moments[0] ?? { time, done }, moments.at(-1)];
    if (!latest || time - latest.time > apartMs) moments.push({ time, done });
    return time > first.time ? (1000 * (done - first.done)) / (time - first.time) : NaN;
  }

  /** Seconds, by the pace of the present pass and, for what comes behind it, of the call. */
  private timeLeft(phase: Phase, left: number, rate: number, calls: readonly CallInView[]): number {
    const { strategy, counts } = this;
    const { clock, trainEpochs, trainMbSize, evalMbSize } = strategy;
    const call = calls[0];
    const rest = left === 0 ? 0 : left / rate;
    if (!call) return rest;
    const { operation, begunAt, experiences, position } = call;
    const size = operation === 'train' ? trainMbSize : evalMbSize;
    const behind = this.miniBatchesBehind(call, size);
    let later = behind;
    if (operation === 'train') {
      const ofThis = trainEpochs * miniBatches(experiences[position]!, size) - clock.trainExpIterations;
      later = trainEpochs * behind + Math.max(0, phase === 'train' ? ofThis - left : ofThis);
    }
    if (later === 0) return rest;
    const done = operation === 'train' ? clock.trainIterations - counts.train : clock.totalIterations - counts.all;
    const perIteration = (performance.now() - begunAt) / 1000 / done;
    const seconds = rest + later * perIteration;
    return Number.isFinite(seconds) ? seconds : NaN;
  }

  /** Of the experiences behind the present one, counted once for each. */
  private miniBatchesBehind(call: CallInView, size: number): number {
    const { position, experiences } = call;
    if (this.behind?.call !== call || this.behind.position !== position) {
      const sum = experiences.slice(position + 1).reduce((all, each) => all + miniBatches(each, size), 0);
      this.behind = { call, position, miniBatches: sum };
    }
    return this.behind.miniBatches;
  }
}

interface Moment {
  readonly time: number;
  readonly done: number;
}

/** Of an experience; NaN where its data does not know its length. */
function miniBatches({ dataset }: AnyExperience, size: number): number {
  return Math.ceil((dataset.length ?? NaN) / size);
}
