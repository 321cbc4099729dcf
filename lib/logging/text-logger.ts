import type { Writable } from 'node:stream';
import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import { ContinualTorchError, describeValue } from '../errors';
import type { Logger, Strategy } from '../hooks/strategy';
import { nestedArray, type NestedArray } from '../results/evaluation-results';
import type { EmittedMetric } from '../results/metric-values';
import { anyNumber, byName, checkState, copyOf, type State, tensorState } from '../state';
import { Tensor } from '../tensor/tensor';
import { fourDecimals } from './four-decimals';

const stateSchema = z.object({ latest: byName(z.union([anyNumber, tensorState], 'a number or a tensor')) });

/**
 * Prints when training and evaluation begin and end, and the latest value of each metric, sorted by name, at the end of each
 * training epoch, evaluated experience and evaluated stream:
 *
 *     -- Starting eval on experience 0 (Task 0) from test stream --
 *     > Eval on experience 0 (Task 0) from test stream ended.
 *             Top1_Acc_Exp/eval_phase/test_stream/Task000/Exp000 = 0.9375
 *
 * Numbers have four decimals; tensors begin on a line of their own.
 */
export class TextLogger implements Logger {
  private latest = new Map<string, number | Tensor>();
  private failure: Error | null = null;

  /**
   * @param file where to; it is not closed. Default `process.stdout`.
   * @throws ERR_INVALID_ARG_TYPE; while training ERR_LOG_WRITE where the stream has reported an error
   */
  constructor(readonly file: Writable = process.stdout) {
    if (typeof (file as Partial<Writable> | null)?.write !== 'function') {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `${new.target.name}: expected file to be a writable stream, got ${describeValue(file)}`,
      );
    }
    // An error of the process's own streams stays the program's affair; any other would end the process unheard.
    const isOwn = file === process.stdout || file === process.stderr;
    if (!isOwn && typeof file.on === 'function') file.on('error', (error) => (this.failure = error));
  }

  /** Keeps the latest value of each metric for the next print. */
  logMetrics(values: readonly EmittedMetric[]): void {
    for (const { name, value } of values) this.latest.set(name, value);
  }

  beforeTraining(_strategy: Strategy): void {
    this.print('-- >> Start of training phase << --');
  }

  beforeTrainingExp(strategy: Strategy): void {
    this.print(`-- Starting training on ${describe(strategy)} stream --`);
  }

  afterTrainingEpoch({ clock }: Strategy): void {
    this.print(`Epoch ${clock.trainExpEpochs} ended.`);
    this.printMetrics();
  }

  afterTraining(_strategy: Strategy): void {
    this.print('-- >> End of training phase << --');
  }

  beforeEval(_strategy: Strategy): void {
    this.print('-- >> Start of eval phase << --');
  }

  beforeEvalExp(strategy: Strategy): void {
    this.print(`-- Starting eval on ${describe(strategy)} stream --`);
  }

  afterEvalExp(strategy: Strategy): void {
    this.print(`> Eval on ${describe(strategy)} stream ended.`);
    this.printMetrics();
  }

  afterEval(_strategy: Strategy): void {
    this.print('-- >> End of eval phase << --');
    this.printMetrics();
  }

  /** The latest values that have not been printed. */
  stateDict(): State {
    return { latest: Object.fromEntries(this.latest) };
  }

  /** Prints on with the values of a state. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { latest } = checkState(this.constructor.name, stateSchema, state);
    const copies = Object.entries(latest).map(([name, value]) => [name, value instanceof Tensor ? copyOf(value) : value] as const);
    this.latest = new Map(copies);
  }

  private printMetrics(): void {
    for (const name of [...this.latest.keys()].sort()) this.print(`\t${name} = ${format(this.latest.get(name)!)}`);
    this.latest.clear();
  }

  private print(line: string): void {
    if (this.failure) {
      throw new ContinualTorchError('ERR_LOG_WRITE', `${this.constructor.name}: cannot write: ${this.failure.message}`, {
        cause: this.failure,
      });
    }
    this.file.write(`${line}\n`);
  }
}

/** `experience 0 (Task 0) from test` */
function describe(strategy: Strategy): string {
  const { currentExperience, originStream, taskLabels } = strategy.experience as Experience;
  const task = taskLabels.length === 1 ? `(Task ${taskLabels[0]}) ` : '';
  return `experience ${currentExperience} ${task}from ${originStream.name}`;
}

function format(value: number | Tensor): string {
  if (!(value instanceof Tensor)) return fourDecimals(value);
  const isInteger = !/float/.test(value.dtype);
  const text = (number: number) => (isInteger ? String(number) : fourDecimals(number));
  const width = value.toNumbers().reduce((most, number) => Math.max(most, text(number).length), 0);
  const rows = (nested: NestedArray, indent: string): string => {
    if (typeof nested === 'number') return text(nested).padStart(width);
    const isLine = nested.every((item) => typeof item === 'number');
    return `[${nested.map((item) => rows(item, `${indent} `)).join(isLine ? ', ' : `,\n${indent} `)}]`;
  };
  return `\n${rows(nestedArray(value), '')}`;
}
