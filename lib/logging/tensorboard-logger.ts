import { hostname } from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';
import { z } from 'zod';
import type { Logger } from '../hooks/strategy';
import { parseArgument } from '../options';
import type { EmittedMetric } from '../results/metric-values';
import { checkState, type State } from '../state';
import { Tensor } from '../tensor/tensor';
import { folderName, LogFile, logFileState } from './log-file';
import { histogramEvent, scalarEvent, versionEvent } from './tensorboard-events';

let filesMade = 0;

const fileName = z.string('the name of a file').refine((name) => path.basename(name) === name, 'the name of a file, without a folder');
const stateSchema = z.object({ file: fileName, events: logFileState });

/**
 * Every value of every metric for TensorBoard (`tensorboard --logdir tb_data`): numbers as scalars, tensors as histograms
 * of their elements; the step is `clock.trainIterations`. Written as it comes, and all there is when `train` and `eval` resolve.
 */
export class TensorboardLogger implements Logger {
  private events: LogFile;
  /** The file that a state has named. */
  private resumed: LogFile | null = null;

  /**
   * @param dir made where it does not exist; the logger adds a file `events.out.tfevents...` with its first value. Default
   * "./tb_data".
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_LOG_WRITE, also while training
   */
  constructor(private readonly dir = './tb_data') {
    parseArgument('TensorboardLogger', 'dir', folderName, dir);
    const seconds = Math.floor(Date.now() / 1000);
    // Worker threads share the process id, and each counts its own files.
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${threadId}.${filesMade++}`;
    this.events = this.open(name);
  }

  /** Writes each value: a number as a scalar, a tensor as a histogram. */
  logMetrics(values: readonly EmittedMetric[]): void {
    const events = values.map(({ name, value, x }) =>
      value instanceof Tensor ? histogramEvent(name, x, value) : scalarEvent(name, x, value),
    );
    this.events.append(Buffer.concat(events));
  }

  afterTrainingEpoch(): Promise<void> {
    return this.events.flush();
  }

  afterTraining(): Promise<void> {
    return this.events.flush();
  }

  afterEval(): Promise<void> {
    return this.events.flush();
  }

  /** Resolves when everything logged so far is on disk. @throws ERR_LOG_WRITE */
  flush(): Promise<void> {
    return this.events.sync();
  }

  /** Which file, and how much of it has been written. */
  stateDict(): State {
    return { file: path.basename(this.events.file), events: this.events.stateDict() };
  }

  /**
   * Goes on in the file of a state, at its place, if it is in the folder; what lies behind it is cut off when something is logged.
   * Else in a file of its own, with a warning.
   * @throws ERR_STATE_DICT, ERR_LOG_WRITE
   */
  loadStateDict(state: unknown): void {
    const { file, events } = checkState('TensorboardLogger', stateSchema, state);
    if (events.size === 0 && path.basename(this.events.file) !== file) return;
    const log = [this.events, this.resumed].find((each) => each && path.basename(each.file) === file) ?? this.open(file);
    this.resumed = log;
    if (log === this.events || log.holds(events)) this.events = log;
    log.loadStateDict(events);
  }

  private open(name: string): LogFile {
    return new LogFile('TensorboardLogger', path.join(this.dir, name), versionEvent(), true);
  }

  /** Resolves when everything is in the file; nothing can be logged from now on. */
  close(): Promise<void> {
    return this.events.close();
  }

  /** As `close`, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
