import path from 'node:path';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { parseMetricName } from '../evaluation/metric';
import { Numbering } from '../evaluation/numbering';
import type { Logger, Strategy } from '../hooks/strategy';
import { parseArgument } from '../options';
import type { EmittedMetric } from '../results/metric-values';
import { Tensor } from '../tensor/tensor';
import { fourDecimals } from './four-decimals';
import { folderName, LogFile } from './log-file';

const trainingColumns = ['training_exp', 'epoch', 'training_accuracy', 'val_accuracy', 'training_loss', 'val_loss'];
const evalColumns = ['eval_exp', 'training_exp', 'eval_accuracy', 'eval_loss', 'forgetting'];

/**
 * Accuracy and loss in two files of the folder, which are overwritten: `training_results.csv` has a row for each training
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
  private trained: Experience<Dataset> | null = null;
  private isInsideTraining = false;
  private validation: { accuracy?: EmittedMetric; loss?: EmittedMetric } = {};
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
    const before = this.numberOfTrained;
    const isFirst = this.trained === null;
    this.trained = experience;
    if (this.isOld && (isFirst || this.numberOfTrained !== before)) this.validation = {};
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
    const trainingExp = this.trained === null ? 'None' : this.label(this.trained);
    this.evaluation.append(row([this.label(experience!), trainingExp, format(accuracy), format(loss), format(forgetting)]));
    await this.evaluation.flush();
  }

  /** Nothing can be written from now on. */
  async close(): Promise<void> {
    await Promise.all([this.training.close(), this.evaluation.close()]);
  }

  /** As `close`, at the end of a block with `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private get numberOfTrained(): number {
    return this.trained === null ? 0 : this.benchmarks.of(this.trained.benchmark);
  }

  private label({ benchmark, currentExperience }: Experience<Dataset>): string {
    const { trained } = this;
    const isGuest = trained === null || !benchmark.streams.has(trained.originStream.name);
    const number = isGuest ? this.numberOfTrained : this.benchmarks.of(benchmark);
    return number === 0 ? String(currentExperience) : `${number}:${currentExperience}`;
  }
}

function row(fields: string[]): Buffer {
  return Buffer.from(`${fields.join(',')}\n`);
}

/** A value of a hook by its metric: of names that tell phase and stream, those of the experience at hand. */
function find(values: readonly EmittedMetric[], metric: string, phase: 'train' | 'eval', stream: string) {
  return values.findLast(({ name }) => {
    const parts = parseMetricName(name);
    if (!parts) return name.split('/')[0] === metric;
    return parts.metric === metric && parts.phase === phase && parts.stream === stream;
  });
}

function format(value: EmittedMetric | undefined): string {
  return value === undefined || value.value instanceof Tensor ? '0' : fourDecimals(value.value);
}
