import path from 'node:path';
import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { parseMetricName } from '../evaluation/metric';
import { Numbering, numberingState } from '../evaluation/numbering';
import type { Logger, Strategy } from '../hooks/strategy';
import { boolean, nonNegativeInteger, parseArgument } from '../options';
import type { EmittedMetric } from '../results/metric-values';
import { anyNumber, checkState, copyOf, object, type State, tensorState } from '../state';
import { Tensor } from '../tensor/tensor';
import { fourDecimals } from './four-decimals';
import { folderName, LogFile, logFileState } from './log-file';

const trainingColumns = ['training_exp', 'epoch', 'training_accuracy', 'val_accuracy', 'training_loss', 'val_loss'];
const evalColumns = ['eval_exp', 'training_exp', 'eval_accuracy', 'eval_loss', 'forgetting'];

const value = z.union([anyNumber, tensorState], 'a number or a tensor').nullable();
const stateSchema = z.object({
  training: logFileState,
  evaluation: logFileState,
  benchmarks: numberingState,
  trained: object({ benchmark: nonNegativeInteger, stream: z.string('a name'), index: nonNegativeInteger }).nullable(),
  isInsideTraining: boolean,
  validation: object({ accuracy: value, loss: value }),
  isOld: boolean,
});

type LoggerState = z.output<typeof stateSchema>;

const nothing: LoggerState['validation'] = { accuracy: null, loss: null };

/**
 * Accuracy and loss in two files of the folder, each of which is overwritten with its first row: `training_results.csv` has a row for each training
 * epoch, `eval_results.csv` one for each experience evaluated outside of training. They need `accuracyMetrics` and
 * `lossMetrics` of epoch and experience, the last column `forgettingMetrics` of experience; a value that is missing is 0, a
 * `training_exp` before any training None.
 *
 * `val_accuracy` and `val_loss` are those of the latest experience evaluated inside training. That evaluation comes after
 * the epoch's row, so that they lag one epoch behind, as in the reference.
 *
 * Experiences of a second benchmark are told from those of the first by its number and a colon: `1:0`, those of a third `2:0`.
 * Data to evaluate that are a benchmark of their own, without a stream of the trained one's name, go with what is trained.
 */
export class CSVLogger implements Logger {
  private readonly training: LogFile;
  private readonly evaluation: LogFile;
  private readonly benchmarks = new Numbering();
  /** The experience of the latest training. */
  private trained: LoggerState['trained'] = null;
  private isInsideTraining = false;
  private validation = nothing;
  /** Whether the validation is of an earlier call of `train`. */
  private isOld = false;

  /**
   * @param folder made where it does not exist. Default "csvlogs".
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_LOG_WRITE, also while training
   */
  constructor(folder = 'csvlogs') {
    parseArgument('CSVLogger', 'folder', folderName, folder);
    this.training = new LogFile('CSVLogger', path.join(folder, 'training_results.csv'), row(trainingColumns));
    this.evaluation = new LogFile('CSVLogger', path.join(folder, 'eval_results.csv'), row(evalColumns));
  }

  /** Nothing: each row takes what belongs in it from its own hook. */
  logMetrics(): void {}

  beforeTraining(): void {
    this.isOld = true;
  }

  beforeTrainingExp({ experience }: Strategy): void {
    const { benchmark, originStream, currentExperience } = experience!;
    const before = this.trained;
    this.trained = { benchmark: this.benchmarks.of(benchmark), stream: originStream.name, index: currentExperience };
    if (this.isOld && before?.benchmark !== this.trained.benchmark) this.validation = nothing;
  }

  async afterTrainingEpoch({ clock, experience }: Strategy, values: readonly EmittedMetric[]): Promise<void> {
    const { name: stream } = experience!.originStream;
    const { accuracy, loss } = this.validation;
    this.training.append(
      row([
        this.label(experience!),
        String(clock.trainExpEpochs),
        format(find(values, 'Top1_Acc_Epoch', 'train', stream)),
        format(accuracy),
        format(find(values, 'Loss_Epoch', 'train', stream)),
        format(loss),
      ]),
    );
    await this.training.flush();
  }

  /** Inside of training there is an experience to come back to, or streams are set for periodic evaluation. */
  beforeEval({ experience, evalStreams }: Strategy): void {
    this.isInsideTraining = experience !== null || evalStreams.length > 0;
  }

  async afterEvalExp({ experience }: Strategy, values: readonly EmittedMetric[]): Promise<void> {
    const { name: stream } = experience!.originStream;
    const accuracy = find(values, 'Top1_Acc_Exp', 'eval', stream);
    const loss = find(values, 'Loss_Exp', 'eval', stream);
    if (this.isInsideTraining) {
      this.validation = { accuracy: accuracy ?? this.validation.accuracy, loss: loss ?? this.validation.loss };
      this.isOld = false;
      return;
    }
    const forgetting = find(values, 'ExperienceForgetting', 'eval', stream);
    const { trained } = this;
    const trainingExp = trained === null ? 'None' : labelOf(trained.benchmark, trained.index);
    this.evaluation.append(row([this.label(experience!), trainingExp, format(accuracy), format(loss), format(forgetting)]));
    await this.evaluation.flush();
  }

  /** Resolves when every row is on disk. @throws ERR_LOG_WRITE */
  async flush(): Promise<void> {
    await Promise.all([this.training.sync(), this.evaluation.sync()]);
  }

  /** How much of each file has been written, and what the next rows need. */
  stateDict(): State {
    const { trained, isInsideTraining, validation, isOld } = this;
    return {
      training: this.training.stateDict(),
      evaluation: this.evaluation.stateDict(),
      benchmarks: this.benchmarks.stateDict(),
      ...{ trained, isInsideTraining, validation, isOld },
    };
  }

  /**
   * Goes on in both files at the places of a state: rows behind them are cut off by the next one. A file that is not what it was
   * is begun anew, with a warning.
   * @throws ERR_STATE_DICT
   */
  loadStateDict(state: unknown): void {
    const { training, evaluation, benchmarks, trained, isInsideTraining, validation, isOld } = checkState('CSVLogger', stateSchema, state);
    const { accuracy, loss } = validation;
    const copied = (given: number | Tensor | null) => (given instanceof Tensor ? copyOf(given) : given);
    this.validation = { accuracy: copied(accuracy), loss: copied(loss) };
    this.training.loadStateDict(training);
    this.evaluation.loadStateDict(evaluation);
    this.benchmarks.loadStateDict(benchmarks);
    this.trained = trained;
    this.isInsideTraining = isInsideTraining;
    this.isOld = isOld;
  }

  /** Nothing can be written from now on. */
  async close(): Promise<void> {
    await Promise.all([this.training.close(), this.evaluation.close()]);
  }

  /** As `close`, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private label({ benchmark, currentExperience }: Experience<Dataset>): string {
    const { trained } = this;
    const isGuest = trained === null || !benchmark.streams.has(trained.stream);
    return labelOf(isGuest ? (trained?.benchmark ?? 0) : this.benchmarks.of(benchmark), currentExperience);
  }
}

function labelOf(benchmark: number, index: number): string {
  return benchmark === 0 ? String(index) : `${benchmark}:${index}`;
}

function row(fields: string[]): Buffer {
  return Buffer.from(`${fields.join(',')}\n`);
}

/** A value of a hook by its metric: of names that tell phase and stream, those of the experience at hand. */
function find(values: readonly EmittedMetric[], metric: string, phase: 'train' | 'eval', stream: string): number | Tensor | null {
  const found = values.findLast(({ name }) => {
    const parts = parseMetricName(name);
    if (!parts) return name.split('/')[0] === metric;
    return parts.metric === metric && parts.phase === phase && parts.stream === stream;
  });
  return found?.value ?? null;
}

function format(value: number | Tensor | null): string {
  return value === null || value instanceof Tensor ? '0' : fourDecimals(value);
}
