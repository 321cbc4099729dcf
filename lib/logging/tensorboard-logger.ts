import { hostname } from 'node:os';
import path from 'node:path';
import { threadId } from 'node:worker_threads';
import type { Logger } from '../hooks/strategy';
import { parseArgument } from '../options';
import type { EmittedMetric } from '../results/metric-values';
import { Tensor } from '../tensor/tensor';
import { folderName, LogFile } from './log-file';
import { histogramEvent, scalarEvent, versionEvent } from './tensorboard-events';

let filesMade = 0;

/**
 * Every value of every metric for TensorBoard (`tensorboard --logdir tb_data`): numbers as scalars, tensors as histograms
 * of their elements; the step is `clock.trainIterations`. Written as it comes, and all there is when `train` and `eval` resolve.
 */
export class TensorboardLogger implements Logger {
  private readonly events: LogFile;

  /**
   * @param dir made where it does not exist; the logger adds a file `events.out.tfevents...`. Default "./tb_data".
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_LOG_WRITE, also while training
   */
  constructor(dir = './tb_data') {
    parseArgument('TensorboardLogger', 'dir', folderName, dir);
    const seconds = Math.floor(Date.now() / 1000);
    // Worker threads share the process id, and each counts its own files.
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${threadId}.${filesMade++}`;
    this.events = new LogFile('TensorboardLogger', path.join(dir, name), versionEvent());
  }

  /** Writes each value: a number as a scalar, a tensor as a histogram. */
  logMetrics(values: readonly EmittedMetric[]): void {
    const events = values.map(({ name, value, x }) =>
      value instanceof Tensor ? histogramEvent(name, x, value.toNumbers()) : scalarEvent(name, x, value),
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

  /** Resolves when everything is in the file; nothing can be logged from now on. */
  close(): Promise<void> {
    return this.events.close();
  }

  /** As `close`, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
